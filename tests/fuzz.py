"""Mutated files: `python -m tests.fuzz --inputs 20000` (nightly; the test suite runs a thousand).

The law: `inspect`, `decode` and `encode` of any bytes raise `codec.CodecError`, with one line of text, or give a valid
picture. No other exception, no crash, nothing that takes longer than five seconds or more than a gigabyte. Each worker
process says what it is about to do before it does it, so that its parent can name the input that killed it.
"""

import argparse
import io
import multiprocessing
import random
import resource
import sys
import tarfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

import codec
from codec.picture import Pixels
from tests.conftest import PICTURES, SHARED, pixels_of
from tests.corpora import installed

SECONDS = 5.0
BYTES = 1 << 30
"""Resident memory that an input may add."""
ORDINARY = ("JPEG", "PNG", "GIF", "TIFF", "WEBP", "AVIF", "BMP")
EXIF = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description dc="me"/></rdf:RDF></x:xmpmeta>'
NUMBERS = (b"0", b"1", b"2", b"99999", b"999999", b"65535", b"60000")


def seeds() -> list[bytes]:
    """Files of every carrier and header form, and ordinary pictures."""
    photo = pixels_of(PICTURES / "kodim08-crop.png")[:61, :90]
    rows, columns = np.indices(photo.shape[:2])
    alpha = np.uint8(255) * (rows + columns < 80)
    dressed = Image.fromarray(photo)
    dressed.info = {"exif": EXIF, "xmp": XMP}
    pictures: list[Pixels | Image.Image] = [photo, photo[..., 1], np.dstack([photo, alpha]), dressed]
    files = [codec.encode(p, 60, format=f, header=h) for f in installed() for p in pictures for h in ("xmp", "compact")]
    for name in ORDINARY:
        out = io.BytesIO()
        dressed.save(out, name)
        files.append(out.getvalue())
    return files


def _flip(data: bytearray, rng: random.Random, _: list[bytes]) -> bytearray:
    for _ in range(rng.choice((1, 1, 2, 8, 40))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def _overwrite(data: bytearray, rng: random.Random, _: list[bytes]) -> bytearray:
    at, length = rng.randrange(len(data)), rng.choice((1, 2, 4, 4, 8))
    data[at : at + length] = rng.choice((b"\xff" * length, bytes(length), rng.randbytes(length)))
    return data


def _cut(data: bytearray, rng: random.Random, _: list[bytes]) -> bytearray:
    return data[: rng.randrange(len(data))]


def _splice(data: bytearray, rng: random.Random, files: list[bytes]) -> bytearray:
    other = rng.choice(files)
    start, at = rng.randrange(len(other)), rng.randrange(len(data))
    return data[:at] + other[start : start + rng.choice((4, 64, 1000, len(other)))] + data[at:]


def _repeat(data: bytearray, rng: random.Random, _: list[bytes]) -> bytearray:
    start = rng.randrange(len(data))
    piece = data[start : start + rng.choice((2, 16, 300))]
    return data[:start] + piece * rng.choice((0, 2, 50)) + data[start + len(piece) :]


def _edit_header(data: bytearray, rng: random.Random, _: list[bytes]) -> bytearray:
    """Another number in our own line, where the file has one; checksums of PNG are made to fit by `_mend`."""
    at = max(data.find(b"1;sain-"), data.find(b"sain;"))
    if at < 0:
        return _flip(data, rng, _)
    end = at + 90
    places = [i for i in range(at, min(end, len(data))) if 48 <= data[i] < 58]
    i = rng.choice(places)
    value = rng.choice(NUMBERS)
    data[i : i + len(value)] = value
    return data


MUTATIONS: tuple[Callable[[bytearray, random.Random, list[bytes]], bytearray], ...] = (
    _flip,
    _overwrite,
    _cut,
    _splice,
    _repeat,
    _edit_header,
)


def mutated(files: list[bytes], number: int, seed: int) -> bytes:
    """Input `number` of a run."""
    rng = random.Random(f"{seed} {number}")  # noqa: S311 - it is meant to be repeatable
    data = bytearray(rng.choice(files))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if data:
            data = rng.choice(MUTATIONS)(data, rng, files)
    return bytes(data)


def outcome(data: bytes) -> str:
    """What becomes of an input; raises AssertionError, or whatever broke the law."""
    results = []
    for function in (
        lambda: codec.inspect(data),
        lambda: codec.decode(data, to="numpy"),
        lambda: codec.decode(data, to="numpy", on_stale="restore"),
        # four hundred bytes can be a valid picture of 36 megapixels, which takes its time: that is no hang
        lambda: codec.decode(codec.encode(data, 50, max_pixels=1_000_000), to="numpy"),
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


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def work(pipe: Connection) -> None:
    """A worker: takes inputs, answers with outcomes."""
    warnings.simplefilter("ignore")
    codec.decode(codec.encode(np.zeros((8, 8), np.uint8)))  # load everything before memory is measured
    while (data := pipe.recv()) is not None:
        before = _peak()
        try:
            answer = outcome(data)
        except BaseException as error:  # the law is that there is none
            answer = f"! {type(error).__name__}: {error}"
        if _peak() - before > BYTES:
            answer = f"! took {(_peak() - before) >> 20} MB"
        pipe.send(answer)


@dataclass
class Worker:
    """A process and what it is at."""

    pipe: Connection
    process: multiprocessing.process.BaseProcess
    busy: bytes | None = None
    since: float = field(default_factory=time.monotonic)


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
                yield index, worker.pipe.recv()
                continue
            except EOFError:
                verdict = "! crashed"
        elif time.monotonic() - worker.since > 4 * SECONDS:
            verdict = f"! took longer than {SECONDS:.0f} s a call"
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
                (failures / f"{abs(hash(data)):x}").write_bytes(data or b"")
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
