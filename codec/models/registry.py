"""Which weights there are. Knows file names only, so that naming a model needs no torch.

Every released weight file stays in the package, for a picture names the weights it was encoded with. A name without
hash, such as `sain-x2-lite`, means the latest (`weights/latest.json`).
"""

import json
from functools import cache
from pathlib import Path

from codec.errors import UnknownModelError

FOLDER = Path(__file__).parent.parent / "weights"
DEFAULT = "sain-x2-lite"


@cache
def _latest() -> dict[str, str]:
    names: dict[str, str] = json.loads((FOLDER / "latest.json").read_text())
    return names


def available() -> list[str]:
    """All models of this installation, hashes included."""
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def resolve(model: str) -> str:
    """The full name, hash included, of a full or short name; raises `UnknownModelError`."""
    name = _latest().get(model, model)
    if name not in available():
        choices = ", ".join([*_latest(), *available()])
        raise UnknownModelError(f"this installation has no model {model[:80]!r}; it has {choices}")
    return name


def path_of(model: str) -> Path:
    """The weight file of a model; raises `UnknownModelError`."""
    return FOLDER / f"{resolve(model)}.safetensors"
