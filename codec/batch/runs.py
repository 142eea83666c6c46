"""A run from its beginning to its end: stores, manifest, plan and engine together, and what a person sees of it."""

import json
import sys
import time
from argparse import Namespace
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from tqdm import tqdm

from codec.batch import local, target, verify
from codec.batch.manifest import Manifest
from codec.batch.parquet import check_installed, write_parquet
from codec.batch.plan import Plan
from codec.batch.records import Job, Row, Task
from codec.batch.stores import open_store

if TYPE_CHECKING:
    Tasks = Iterator[Task | None]
SHOWN = 20
"""Failures that are told on standard error; the manifest has them all."""


def fill(args: Namespace, job: Job) -> int:
    """Encode or decode what is not done; returns the exit code."""
    source, place = open_store(job.source), open_store(job.target)
    source.check()
    target.check_apart(source, place)
    if args.manifest_parquet:
        check_installed()
    with place.locked():
        target.take_over(source, place, job, args.force)
        with Manifest(place) as manifest, Tally(job.kind) as tally:

            def keep(row: Row) -> None:
                before = manifest.get(row.source)
                manifest.add(row)
                # of bytes that turned out to be the same, the worker gives back the row as it was
                tally.add(row, unchanged=before is not None and before.time == row.time != "")

            plan = Plan(job, source, place, manifest, keep, args.checksum)
            try:
                with closing(_engine(args, tally.watched(plan), job)) as rows:
                    for row in rows:
                        keep(row)
            finally:
                tally.tell(plan, args.json)
            if args.manifest_parquet:
                write_parquet(manifest.rows(), args.manifest_parquet)
    return 1 if tally.failed else 0


def check(args: Namespace, job: Job) -> int:
    """Compare a sample with its sources; returns the exit code."""
    place = open_store(job.target)
    verify.check_encoded(place)
    verdict = verify.Verdict()
    with Manifest(place) as manifest, Tally(job.kind) as tally:
        tasks = verify.tasks(manifest, verify.SAMPLE if args.sample is None else args.sample)
        with closing(_engine(args, tasks, job)) as rows:
            for row in rows:
                verdict.add(row)
                tally.add(row)
    _print(verdict.summary(), args.json)
    return 0 if verdict.passed(args.min_psnr) else 1


def _engine(args: Namespace, tasks: "Tasks", job: Job) -> Generator[Row, None, None]:
    if args.engine == "ray":
        from codec.batch import on_ray

        return on_ray.run(tasks, job, args.workers, args.timeout)
    return local.run(tasks, job, local.cores() if args.workers is None else args.workers, args.timeout)


@dataclass
class Tally:
    """Counts, and a bar on standard error while it is entered, if that is a terminal."""

    kind: str
    done: int = 0
    unchanged: int = 0
    failed: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    start: float = field(default_factory=time.perf_counter)

    def __enter__(self) -> "Tally":
        self._bar = tqdm(unit=" photos", disable=None, smoothing=0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()
        if self.failed > SHOWN:
            print(f"codec: and {self.failed - SHOWN} more that failed: the manifest has them all", file=sys.stderr)

    def add(self, row: Row, unchanged: bool = False) -> None:
        """One file more."""
        if row.status == "failed":
            self.failed += 1
            if self.failed <= SHOWN:
                tqdm.write(f"codec: {printable(row.source)}: {row.error}", file=sys.stderr)
        elif unchanged:
            self.unchanged += 1
        else:
            self.done += 1
            self.bytes_in += row.bytes_in
            self.bytes_out += row.bytes_out or 0
        self._bar.update()

    def watched(self, plan: Plan) -> "Tasks":
        """The plan's tasks, shown as they are found."""
        for task in plan.tasks():
            told = {"failed": self.failed, "unchanged": self.unchanged + plan.unchanged}
            if self.kind == "encode":
                told["MB saved"] = (self.bytes_in - self.bytes_out) // 1_000_000
            self._bar.set_postfix(told, refresh=False)
            yield task

    def tell(self, plan: Plan, as_json: bool) -> None:
        """The summary, on standard output."""
        self._bar.close()
        seconds = time.perf_counter() - self.start
        _print(
            {
                f"{self.kind}d": self.done,
                "unchanged": self.unchanged + plan.unchanged,
                "failed": self.failed,
                "bytes_in": self.bytes_in,
                "bytes_out": self.bytes_out,
                "seconds": round(seconds, 1),
                "per_second": round(self.done / seconds, 2),
                "hidden": plan.hidden,
                "not_pictures": dict(plan.others.most_common()),
            },
            as_json,
        )


def _print(told: dict[str, object], as_json: bool) -> None:
    print(json.dumps(told) if as_json else "  ".join(f"{k}: {_text(v)}" for k, v in told.items()))


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{printable(k)} {v}" for k, v in cast("dict[str, int]", value).items()) or "0"
    return printable(str(value))


def printable(name: str) -> str:
    """A file's name on one line of any terminal: no control characters, and no bytes that are not UTF-8."""
    text = name.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
