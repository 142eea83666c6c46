"""Which weights there are. Knows file names only, so that naming a model needs no torch.

Every released weight file stays in the package, for a picture names the weights it was encoded with. A name without
hash, such as `sain-x2-lite`, means the latest. `weights/released.json` lists them in the order of their release.
"""

import json
from functools import cache
from pathlib import Path

from codec.errors import UnknownModelError

FOLDER = Path(__file__).parent.parent / "weights"
DEFAULT = "sain-x2-lite"
PLAIN = "plain"
"""No network: the file holds the picture at full size."""


@cache
def available() -> tuple[str, ...]:
    """All models of this installation, hashes included, the oldest first."""
    return tuple(json.loads((FOLDER / "released.json").read_text()))


def latest() -> dict[str, str]:
    """Short name -> full name of the latest weights."""
    return {name.rpartition("-")[0]: name for name in available()}


def resolve(model: str) -> str:
    """The full name, hash included, of a full or short name; raises `UnknownModelError`."""
    name = latest().get(model, model)
    if name not in (PLAIN, *available()):
        choices = ", ".join([*latest(), PLAIN, *available()])
        raise UnknownModelError(f"this installation has no model {model[:80]!r}; it has {choices}")
    return name


def path_of(model: str) -> Path:
    """The weight file of a model; raises `UnknownModelError`."""
    if model == PLAIN:
        raise UnknownModelError(f"{PLAIN!r} stands for no network: it has no weights")
    return FOLDER / f"{resolve(model)}.safetensors"
