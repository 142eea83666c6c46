"""Which weights there are. Knows file names only, so that naming a model needs no torch.

Every released weight file stays in the package, for a picture names the weights it was encoded with. A name without
hash, such as `sain-x2-lite`, means the latest. `weights/released.json` lists them in the order of their release.

Weights that are not released, one's own or too large for the package, lie in the folder that the environment variable
`SAIN_CODEC_WEIGHTS` names; it is looked at once. Names carry the hash of the content, which is checked in reading.
"""

import json
import os
import re
from functools import cache
from pathlib import Path

from codec.errors import UnknownModelError

FOLDER = Path(__file__).parent.parent / "weights"
DEFAULT = "sain-x2-lite"
VARIABLE = "SAIN_CODEC_WEIGHTS"
"""Names a folder of further weight files."""
PLAIN = "plain"
"""No network: the file holds the picture at full size."""


@cache
def released() -> tuple[str, ...]:
    """The models of the package, hashes included, the oldest first."""
    return tuple(json.loads((FOLDER / "released.json").read_text()))


@cache
def _added() -> dict[str, Path]:
    """Those of the user's folder, the oldest file first."""
    folder = os.environ.get(VARIABLE)
    files = [path for path in Path(folder).glob("*.safetensors") if path.is_file()] if folder else []
    named = [path for path in files if re.fullmatch(r"[a-z0-9-]+-[0-9a-f]{8}", path.stem)]
    ordered = sorted(named, key=lambda path: (path.stat().st_mtime, path.stem))
    return {path.stem: path for path in ordered if not {path.stem, short(path.stem)} & {PLAIN, *released()}}


def short(name: str) -> str:
    """A full name without its hash."""
    return name.rpartition("-")[0]


def available() -> tuple[str, ...]:
    """All models of this installation, hashes included, the oldest first: the released ones, then the user's."""
    return (*released(), *_added())


def latest() -> dict[str, str]:
    """Short name -> full name of the latest weights; of released ones, if there are any of that name."""
    added = _added()
    ordered = sorted(available(), key=lambda name: name not in added)  # stable: the user's first, to be outdone
    return {short(name): name for name in ordered}


def resolve(model: str) -> str:
    """The full name, hash included, of a full or short name; raises `UnknownModelError`."""
    known = (PLAIN, *available())
    name = model if model in known else latest().get(model)  # a file's model is never another's short name
    if name is None:
        choices = ", ".join([*latest(), PLAIN, *available()])
        more = f"further weights go into the folder that {VARIABLE} names"
        raise UnknownModelError(f"this installation has no model {model[:80]!r}; it has {choices} ({more})")
    return name


def path_of(model: str) -> Path:
    """The weight file of a model; raises `UnknownModelError`."""
    if model == PLAIN:
        raise UnknownModelError(f"{PLAIN!r} stands for no network: it has no weights")
    name = resolve(model)
    return _added().get(name) or FOLDER / f"{name}.safetensors"
