"""Is this the right place to write to? A tree of ten million files is a bad one to be wrong about."""

import json

from codec.batch.names import OURS
from codec.batch.records import Job
from codec.batch.stores import Store, below
from codec.errors import CodecError

ORIGIN = f"{OURS}/origin.json"


def check_apart(source: Store, target: Store) -> None:
    """Raise `CodecError` if outputs could take the place of sources. DST in SRC is fine: it is passed over."""
    if below(source, target) is not None:
        raise CodecError(f"SRC must not lie in DST, nor be DST: {source.root} could be overwritten")


def take_over(source: Store, target: Store, job: Job, force: bool) -> None:
    """Note in the target whose outputs it holds; raises `CodecError` if they are another's, unless forced to."""
    said = json.dumps({"source": f"{source.scheme}://{source.root}", "kind": job.kind})
    found = origin(target)
    if found == said:
        return
    if found is not None and not force:
        raise CodecError(
            f"DST holds the outputs of another run, {found}: choose another DST, or give --force if SRC has moved"
        )
    if found is None and not force and any(not entry.name.startswith(f"{OURS}/") for entry in target.entries()):
        raise CodecError("DST is not empty, and no earlier run filled it: choose another, or give --force")
    target.write(ORIGIN, said.encode())


def origin(target: Store) -> str | None:
    """What `take_over` noted."""
    return target.read(ORIGIN).decode("utf-8", "replace") if ORIGIN in target.names(OURS) else None
