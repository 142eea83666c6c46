"""`codec batch --engine ray` on a cluster of two nodes; skipped where Ray is not installed."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from codec.batch.manifest import Manifest
from codec.batch.stores import LocalStore
from codec.cli import main
from tests import batch_kills
from tests.test_batch_processes import add_deadly

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own
CLONE = str(Path(__file__).parents[1])


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two nodes with one CPU each, whose workers know of a picture that kills (see `add_deadly`)."""
    from ray.cluster_utils import Cluster

    (tmp_path / "src").mkdir()
    monkeypatch.setenv("PYTHONPATH", CLONE)
    monkeypatch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    (tmp_path / "src" / "05.png").write_bytes((batch_kills.PICTURES / "kodim08-crop.png").read_bytes())
    add_deadly(tmp_path / "src", monkeypatch)
    nodes = {"num_cpus": 1, "object_store_memory": 100 << 20, "include_dashboard": False}
    running = Cluster(initialize_head=True, head_node_args=nodes)
    try:
        running.add_node(num_cpus=1, object_store_memory=100 << 20)
        ray.init(address=running.address, log_to_driver=False, logging_level="ERROR")
        yield running
    finally:
        ray.shutdown()
        running.shutdown()


def kill_an_actor(dst: Path, rows: int, killed: list[int]) -> None:
    """When so many rows are there: SIGKILL to one of the processes that Ray runs our actors in."""
    while batch_kills.rows_done(dst) < rows:
        time.sleep(0.05)
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        if path.read_bytes().startswith(b"ray::MapWorker"):
            killed.append(int(path.parent.name))
            os.kill(killed[0], signal.SIGKILL)
            return


def test_two_nodes_a_killed_actor_and_a_deadly_picture(
    cluster: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    good, broken = batch_kills.make(src, 70, 4, seed=2)
    broken.add("05-deadly.png")
    good.add("05.png")
    killed: list[int] = []
    killer = Thread(target=kill_an_actor, args=(dst, 10, killed), daemon=True)
    killer.start()
    command = ["batch", str(src), str(dst), "-q", batch_kills.QUALITY, "--engine", "ray", "--json"]
    assert main(command) == 1
    killer.join(10)
    assert killed, "no actor was killed"
    # Ray says on standard output, too, that an actor died
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (summary["encoded"], summary["failed"]) == (len(good), len(broken))
    batch_kills.check(src, dst, good, broken, code=1)
    with Manifest(LocalStore(str(dst))) as manifest:
        assert "two workers died of it" in str(next(r.error for r in manifest.rows() if r.source == "05-deadly.png"))
    ends = [line for log in (dst / "_manifest").glob("*.jsonl") for line in log.read_text().splitlines()]
    assert len([line for line in ends if '"named"' not in line]) == len(good) + len(broken), "rows are not doubled"
    assert main(command) == 1
    again = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (again["encoded"], again["unchanged"], again["failed"]) == (0, len(good), len(broken))
