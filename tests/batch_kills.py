"""`codec batch` against SIGKILL: `python -m tests.batch_kills --photos 2000 --broken 50 --kills 3`.

Makes a folder of small photos, some broken; starts the batch and kills it at random moments, and a worker now and
then; lets the last run come to its end; then counts. Every good photo must be there exactly once and restore, every
broken one must be named, and nothing else may lie about. The test suite runs a few photos.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

import codec
from codec.batch.manifest import Manifest
from codec.batch.records import Row
from codec.batch.stores import LocalStore
from tests.conftest import PICTURES, pixels_of, psnr

SUFFIXES = (".png", ".jpg", ".webp", ".bmp")
QUALITY = "80"
PATIENCE = 300.0
"""Seconds without any progress that count as a hang."""


def make(folder: Path, photos: int, broken: int, seed: int) -> tuple[set[str], set[str]]:
    """The names of good and broken photos; some names differ in their suffix only."""
    chance = random.Random(seed)  # noqa: S311
    sources = [Image.open(path).convert("RGB") for path in sorted(PICTURES.glob("*.png"))]
    bad = set(chance.sample(range(photos), broken))
    names: tuple[set[str], set[str]] = (set(), set())
    for number in range(photos):
        x, y, width, height = (chance.randrange(low, high) for low, high in ((0, 90), (0, 60), (40, 90), (40, 80)))
        photo = chance.choice(sources).crop((x, y, x + width, y + height))
        name = f"{number // 3 % 7}/{number // 200}/photo-{number // 2}{SUFFIXES[number % 2 + 2 * (number // 2 % 2)]}"
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        photo.save(path)
        if number in bad:
            _break(path, chance)
        names[number in bad].add(name)
    return names


def _break(path: Path, chance: random.Random) -> None:
    data = path.read_bytes()
    path.write_bytes(chance.choice([b"", b"no picture at all", data[: len(data) // 3], b"\0" * 40 + data[40:]]))


def killed_runs(src: Path, dst: Path, photos: int, kills: int, workers: int, seed: int, engine: str = "local") -> int:
    """Runs that are killed, at moments that are spread over the work, and the last; returns its exit code."""
    chance = random.Random(seed)  # noqa: S311
    moments = sorted(chance.randrange(photos * 9 // 10) for _ in range(kills))
    for moment in moments:
        process = _start(src, dst, workers, engine)
        if not _reached(process, dst, moment):
            raise AssertionError(f"the run ended with {process.returncode} after {rows_done(dst)} of {photos} photos")
        time.sleep(chance.random() / 10)
        if children := _children(process.pid):
            os.kill(chance.choice(children), signal.SIGKILL)  # a worker first: what it had must not be lost
            time.sleep(chance.random() / 10)
        process.kill()
        process.wait()
    process = _start(src, dst, workers, engine)
    _reached(process, dst, sys.maxsize)
    return process.wait()


def _start(src: Path, dst: Path, workers: int, engine: str) -> "subprocess.Popen[bytes]":
    options = ["-q", QUALITY, "--workers", str(workers), "--engine", engine]
    command = [sys.executable, "-m", "codec", "batch", str(src), str(dst), *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _reached(process: "subprocess.Popen[bytes]", dst: Path, moment: int) -> bool:
    """Wait until the manifest has more than so many rows; False if the run ends without."""
    rows, since = -1, time.monotonic()
    while process.poll() is None:
        if (now := rows_done(dst)) != rows:
            rows, since = now, time.monotonic()
        if rows > moment:
            return True
        if time.monotonic() - since > PATIENCE:
            process.kill()
            raise AssertionError(f"the run hangs after {rows} rows")
        time.sleep(0.01)
    return rows_done(dst) > moment


def rows_done(dst: Path) -> int:
    """Files that are done, by any run."""
    logs = (dst / "_manifest").glob("*.jsonl")
    return len(
        {line.split(b'"output"')[0] for log in logs for line in log.read_bytes().splitlines() if b'"ok"' in line}
    )


def _children(pid: int) -> list[int]:
    """Worker processes, where /proc tells."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    pids = [int(child) for child in path.read_text().split()] if path.exists() else []
    return [child for child in pids if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def check(src: Path, dst: Path, good: set[str], broken: set[str], code: int) -> None:
    """Raise AssertionError for anything lost, doubled, left behind or unnamed."""
    with Manifest(LocalStore(str(dst))) as manifest:
        rows = {row.source: row for row in manifest.rows()}
    assert set(rows) == good | broken, f"of {len(good | broken)} files, {len(rows)} have a row"
    assert {name for name, row in rows.items() if row.status == "failed"} == broken
    assert all(rows[name].error for name in broken)
    outputs = {row.output: row for row in rows.values() if row.status == "ok"}
    found = {str(p.relative_to(dst)) for p in dst.rglob("*") if p.is_file() and "_manifest" not in p.parts}
    assert found == set(outputs), f"{len(found)} files are there, {len(outputs)} should be"
    assert len(outputs) == len(good)
    assert not any((dst / "_manifest" / "partial").iterdir())
    for output, row in outputs.items():
        _check_restores(src, dst / output, row)
    assert code == (1 if broken else 0)


def _check_restores(src: Path, output: Path, row: Row) -> None:
    restored = codec.decode(output)
    original = pixels_of(src / row.source)
    assert restored.size == (original.shape[1], original.shape[0])
    assert psnr(restored, original) > 20, f"{output} does not show {row.source}"


def main() -> int:
    """Run; an AssertionError says what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--broken", type=int, default=50)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--engine", choices=("local", "ray"), default="local")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        src, dst = Path(folder) / "src", Path(folder) / "dst"
        good, broken = make(src, args.photos, args.broken, args.seed)
        start = time.perf_counter()
        code = killed_runs(src, dst, len(good), args.kills, args.workers, args.seed, args.engine)
        seconds = time.perf_counter() - start
        check(src, dst, good, broken, code)
    print(  # noqa: T201
        f"{len(good)} good photos are there exactly once and restore, {len(broken)} broken ones are named, "
        f"after {args.kills} kills; {seconds:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
