"""`codec batch` with worker processes: kills, interrupts, workers that die or hang."""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count, islice
from pathlib import Path

import pytest

from codec.batch import local
from codec.batch.manifest import Manifest
from codec.batch.records import Job, Row, Task
from codec.batch.stores import LocalStore
from codec.cli import main
from tests import batch_kills
from tests.conftest import PICTURES

DEADLY = """
import os, signal, time
import codec
encode = codec.encode
def deadly(data, **options):
    if b"deadly" in data:
        os.kill(os.getpid(), signal.SIGKILL)
    if b"endless" in data:
        time.sleep(600)
    return encode(data, **options)
codec.encode = deadly
"""
"""What every Python that starts loads first: no picture kills a worker on every machine."""


def rows(dst: Path) -> dict[str, Row]:
    with Manifest(LocalStore(str(dst))) as manifest:
        return {row.source: row for row in manifest.rows()}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    src = tmp_path / "src"
    src.mkdir()
    for number in range(12):
        shutil.copy(PICTURES / "kodim08-crop.png", src / f"{number:02}.png")
    return src


def add_deadly(src: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (src.parent / "sitecustomize.py").write_text(DEADLY)
    paths = (str(src.parent), str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", ""))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    (src / "05-deadly.png").write_bytes((src / "05.png").read_bytes() + b"deadly")


def test_sigkill_loses_and_doubles_nothing(tmp_path: Path) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    good, broken = batch_kills.make(src, 30, 3, seed=1)
    code = batch_kills.killed_runs(src, dst, len(good), kills=1, workers=2, seed=1)
    batch_kills.check(src, dst, good, broken, code)


def test_what_kills_its_worker_is_named_and_the_rest_done(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add_deadly(photos, monkeypatch)
    (photos / "07-endless.png").write_bytes((photos / "05.png").read_bytes() + b"endless")
    assert main(["batch", str(photos), str(tmp_path / "dst"), "--json", "--workers", "2", "--timeout", "12"]) == 1
    summary = json.loads(capsys.readouterr().out)
    assert (summary["encoded"], summary["failed"]) == (12, 2)
    errors = {name: row.error for name, row in rows(tmp_path / "dst").items() if row.status == "failed"}
    assert errors == {
        "05-deadly.png": "two workers died of it (killed by signal 9): is there memory enough?",
        "07-endless.png": "it took longer than the 12 s of --timeout",
    }


def test_ctrl_c_stops_cleanly(photos: Path, tmp_path: Path) -> None:
    dst = tmp_path / "dst"
    command = [sys.executable, "-m", "codec", "batch", str(photos), str(dst), "--workers", "2", "--effort", "2"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not any(path.stat().st_size for path in (dst / "_manifest").glob("*.jsonl")):
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers, too
    out, errors = process.communicate(timeout=60)  # until the last worker has let go of standard error
    assert process.returncode == 130
    assert errors == "codec: interrupted\n"
    assert out.startswith("encoded: ")
    done = {name: row for name, row in rows(dst).items() if row.status == "ok"}
    assert 0 < len(done) < 12
    assert not any((dst / "_manifest" / "partial").iterdir())
    assert main(["batch", str(photos), str(dst), "--workers", "1", "--effort", "2"]) == 0
    assert {name: row for name, row in rows(dst).items() if name in done} == done
    assert len(rows(dst)) == 12


def test_tasks_are_taken_as_workers_become_idle(photos: Path, tmp_path: Path) -> None:
    taken = 0

    def endless() -> Iterator[Task | None]:
        nonlocal taken
        for taken in count(1):
            yield None  # a search that takes its time
            yield Task("00.png", f"{taken}.jpg", 0, "")

    job = Job("encode", str(photos), str(tmp_path / "dst"), ".jpg")
    engine = local.run(endless(), job, workers=1, timeout=60)
    with LocalStore(job.target).locked(), closing(engine) as results:
        for done, row in enumerate(islice(results, 3), 1):
            assert row.status == "ok"
            assert taken <= done + 1
    assert not multiprocessing.active_children()
