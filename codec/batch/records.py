"""What goes to a worker and what comes back: plain data that JSON and other processes can carry."""

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

Kind = Literal["encode", "decode", "verify"]


@dataclass(frozen=True)
class Row:
    """A line of the manifest: what became of one file. None where a failure left nothing to tell."""

    source: str
    """Path below SRC."""
    output: str
    """Path below DST."""
    status: Literal["ok", "failed", "named"]
    """`named`: nothing is done yet, but the output will have this name, for a better one was taken."""
    error: str | None = None
    """Why it failed, in one line."""
    warnings: str | None = None
    """What was not kept, as `codec.encode` warned."""
    sha256: str | None = None
    """Of the source's bytes."""
    params: str = ""
    """Of all that decides what the output holds, see `Job.params`."""
    stamp: str = ""
    """The source's time of change (nanoseconds), or its ETag or the like in an object store."""
    bytes_in: int = 0
    bytes_out: int | None = None
    width: int | None = None
    """Of the full picture, in pixels, as `height`."""
    height: int | None = None
    stored_width: int | None = None
    """Of the small picture, in pixels, as `stored_height`."""
    stored_height: int | None = None
    bpp: float | None = None
    """Bits of the small file per pixel of the full picture."""
    model: str | None = None
    """Network and weights that made the small picture."""
    psnr: float | None = None
    """RGB dB of the restored picture against the source; only `--verify` measures it."""
    seconds: float = 0.0
    """That the worker took."""
    codec: str = ""
    """This package's version."""
    time: str = ""
    """When work on it began, UTC."""

    def to_json(self) -> str:
        """One line of ASCII, what is None left out."""
        return json.dumps({k: v for k, v in asdict(self).items() if v is not None}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> "Row":
        """The inverse; fields of later releases are ignored. Raises ValueError or TypeError for anything else."""
        known = {f.name for f in fields(cls)}
        return cls(**{k: v for k, v in dict(json.loads(text)).items() if k in known})


@dataclass(frozen=True)
class Task:
    """One file to do."""

    source: str
    output: str
    size: int
    """Bytes of the source."""
    stamp: str
    known: Row | None = None
    """What stands if the source's bytes turn out to be the same; for `verify`, what is to be verified."""


@dataclass(frozen=True)
class Job:
    """What all tasks of a run have in common."""

    kind: Kind
    source: str
    """Folder or URL."""
    target: str
    suffix: str
    """Of outputs, with its dot."""
    options: dict[str, Any] = field(default_factory=dict)
    """Keyword arguments of `codec.encode` or `codec.decode`."""
    params: str = ""
    """Digest of what decides what an output holds."""
