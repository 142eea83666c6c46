"""Mutated files: `python -m tests.fuzz --inputs 20000` (nightly; the test suite runs a thousand).

The law: `inspect`, `decode` and `encode` of any bytes raise `codec.CodecError`, with one line of text, or give a valid
picture. No other exception, no crash, nothing that takes longer than five seconds or more than a gigabyte. Each worker
process says what it is about to do before it does it, so that its parent can name the input that killed it.
"""

import argparse
import hashlib
import multiprocessing
import resource
import sys
import tarfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path

import numpy as np
from tqdm import tqdm

import codec
from codec.picture import Pixels
from tests.conftest import SHARED
from tests.mutations import mutated, seeds

SECONDS = 5.0
BYTES = 1 << 30
"""Resident memory that a worker may take beyond what it has when all code is loaded."""
TOOK = "! took"


def outcome(data: bytes) -> str:
    """What becomes of an input; raises AssertionError, or whatever broke the law."""
    results = []
    for function in (
        lambda: codec.inspect(data),
        lambda: codec.decode(data, to="numpy"),
        lambda: codec.decode(data, to="numpy", on_stale="restore"),
        # four hundred bytes can be a valid picture of 36 megapixels, which takes its time: that is no hang
        lambda: _there_and_back(codec.encode(data, 50, max_pixels=1_000_000)),
    ):
        try:
            value = function()
        except codec.CodecError as error:
            text = str(error)
            assert text, "an error without a word"
            assert "\n" not in text, f"an error of several lines: {text!r}"
            results.append("-")
        else:
            if isinstance(value, np.ndarray):
                assert value.dtype == np.uint8
                assert value.size
            results.append("+")
    return "".join(results)


def _there_and_back(encoded: bytes) -> Pixels:
    """What `encode` took, `decode` must give back: refusing it breaks the law."""
    try:
        return codec.decode(encoded, to="numpy")
    except codec.CodecError as error:
        raise AssertionError(f"decode refused what encode wrote: {error}") from error


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def work(pipe: Connection) -> None:
    """A worker: takes inputs, answers with outcomes."""
    warnings.simplefilter("ignore")
    codec.decode(codec.encode(np.zeros((8, 8), np.uint8)))  # load everything before memory is measured
    loaded = _peak()  # not the last input's peak: each of many could then add its own
    while (data := pipe.recv()) is not None:
        try:
            answer = outcome(data)
        except BaseException as error:  # the law is that there is none
            answer = f"! {type(error).__name__}: {error}"
        if _peak() - loaded > BYTES:
            answer = f"{TOOK} {(_peak() - loaded) >> 20} MB"
        pipe.send(answer)


@dataclass
class Worker:
    """A process and what it is at."""

    pipe: Connection
    process: multiprocessing.process.BaseProcess
    busy: bytes | None = None
    since: float = field(default_factory=time.monotonic)


def _resident(pid: int | None) -> int:
    """Bytes that a process holds; 0 where there is no /proc to tell."""
    path = Path(f"/proc/{pid}/statm")
    return int(path.read_text().split()[1]) * resource.getpagesize() if path.exists() else 0


def _start() -> Worker:
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe()
    process = context.Process(target=work, args=(its,), daemon=True)
    process.start()
    its.close()
    return Worker(ours, process)


def _answers(workers: list[Worker]) -> Iterator[tuple[int, str]]:
    """Of workers that are done, dead, or have been at it for too long; the latter two are replaced."""
    ready = wait([w.pipe for w in workers if w.busy is not None], timeout=0.2)
    for index, worker in enumerate(workers):
        if worker.busy is None:
            continue
        if worker.pipe in ready:
            try:
                verdict = worker.pipe.recv()
            except EOFError:
                verdict = "! crashed"
            else:
                if not verdict.startswith(TOOK):  # a peak stays: the next input would be blamed for it, too
                    yield index, verdict
                    continue
        elif time.monotonic() - worker.since > 4 * SECONDS:
            verdict = f"! took longer than {SECONDS:.0f} s a call"
        elif _resident(worker.process.pid) > 2 * BYTES:  # stopped while there is memory left
            verdict = f"{TOOK} more than {2 * BYTES >> 20} MB"
        else:
            continue
        worker.process.kill()
        busy, workers[index] = worker.busy, _start()
        workers[index].busy = busy
        yield index, verdict


def run(inputs: Iterator[bytes], total: int, workers: int, failures: Path) -> Counter[str]:
    """Send inputs through worker processes; inputs that break the law are kept in `failures`."""
    crew = [_start() for _ in range(workers)]
    outcomes: Counter[str] = Counter()
    bar = tqdm(total=total, unit="input", disable=None)
    more = True
    while more or any(worker.busy is not None for worker in crew):
        for worker in crew:
            if worker.busy is None and more:
                worker.busy = next(inputs, None)
                more = worker.busy is not None
                if worker.busy is not None:
                    worker.pipe.send(worker.busy)
                    worker.since = time.monotonic()
        for index, answer in _answers(crew):
            data, crew[index].busy = crew[index].busy, None
            outcomes[answer[:100]] += 1
            bar.update()
            if answer.startswith("!"):
                failures.mkdir(parents=True, exist_ok=True)
                (failures / hashlib.sha256(data or b"").hexdigest()[:16]).write_bytes(data or b"")
                tqdm.write(answer[:300], file=sys.stderr)
    for worker in crew:
        worker.pipe.send(None)
        worker.process.join(10)
    return outcomes


def corpus() -> list[bytes]:
    """Damaged files that others have collected, where they are at hand."""
    path = SHARED / "robust" / "malformed.tar.gz"
    if not path.exists():
        return []
    with tarfile.open(path) as archive:
        files = (archive.extractfile(member) for member in archive.getmembers() if member.isfile())
        return [file.read() for file in files if file]


def main() -> int:
    """Run; returns 1 if an input broke the law."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--corpus", action="store_true", help="the collected files instead of mutated ones")
    parser.add_argument("--failures", type=Path, default=Path("fuzz-failures"))
    args = parser.parse_args()
    files = corpus() if args.corpus else seeds()
    total = len(files) if args.corpus else args.inputs
    inputs = iter(files) if args.corpus else (mutated(files, number, args.seed) for number in range(total))
    outcomes = run(inputs, total, args.workers, args.failures)
    print("inspect, decode, decode what is stale, encode and decode: + a picture, - an error of ours, ! neither")  # noqa: T201
    for answer, count in outcomes.most_common():
        print(f"{count:6} {answer}")  # noqa: T201
    return int(any(answer.startswith("!") for answer in outcomes))


if __name__ == "__main__":
    sys.exit(main())
