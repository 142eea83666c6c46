"""Do the small pictures restore? A sample is decoded and compared with its sources."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from codec.batch.manifest import Manifest
from codec.batch.records import Row, Task
from codec.batch.stores import Store
from codec.batch.target import origin
from codec.errors import CodecError

SAMPLE = 100
"""Files that are compared unless told otherwise."""


def check_encoded(target: Store) -> None:
    """Raise `CodecError` unless the target holds what `codec batch` encoded."""
    found = origin(target)
    if found is None or json.loads(found).get("kind") != "encode":
        raise CodecError("DST holds nothing that codec batch encoded: there is nothing to verify")


def tasks(manifest: Manifest, count: int) -> Iterator[Task]:
    """A sample of what is done, to be compared; everything for 0. Raises `CodecError` if there is nothing."""
    rows = manifest.sample(count)
    if not rows:
        raise CodecError("DST holds no picture that is done: there is nothing to verify")
    return (Task(row.source, row.output, row.bytes_in, row.stamp, row) for row in rows)


@dataclass
class Verdict:
    """What a sample shows."""

    rows: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """One file more."""
        self.rows.append(row)

    def summary(self) -> dict[str, object]:
        """Count, mean and worst PSNR in dB, and the worst file's name; what has no error at all counts as 100 dB."""
        ok = sorted((min(row.psnr, 100.0), row.source) for row in self.rows if row.psnr is not None)
        told: dict[str, object] = {"verified": len(ok), "failed": len(self.rows) - len(ok)}
        if ok:
            mean = sum(psnr for psnr, _ in ok) / len(ok)
            told |= {"mean_psnr": round(mean, 2), "worst_psnr": round(ok[0][0], 2), "worst": ok[0][1]}
        return told

    def passed(self, least: float | None) -> bool:
        """Whether all could be compared, and none came out below `least` dB."""
        return all(row.psnr is not None and (least is None or row.psnr >= least) for row in self.rows)
