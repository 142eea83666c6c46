"""`codec batch` from and to what fsspec opens: a store in memory, and S3 where moto is installed."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

import codec
from codec.batch import objects
from codec.batch.manifest import Manifest
from codec.batch.objects import ObjectStore
from codec.batch.records import Row
from codec.batch.stores import Entry, open_store
from codec.cli import main
from codec.errors import CodecError
from tests.conftest import PICTURES

Capture = pytest.CaptureFixture[str]
PHOTOS = sorted(PICTURES.glob("*.png"))


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    fs = fsspec.filesystem("memory")
    yield fs
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]


def put(fs: fsspec.AbstractFileSystem, root: str) -> None:
    for number, photo in enumerate(PHOTOS):
        fs.pipe_file(f"{root}/{number}/photo.png", photo.read_bytes())
    fs.pipe_file(f"{root}/1/photo.jpg", b"no picture")
    fs.pipe_file(f"{root}/1/list.txt", b"a list")


def batch(src: str, dst: str, *options: str, code: int = 1, workers: int = 0) -> None:
    assert main(["batch", src, dst, "--json", "--workers", str(workers), *options]) == code


def counts(capsys: Capture) -> tuple[int, int, int]:
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    return summary["encoded"], summary["unchanged"], summary["failed"]


def rows(dst: str) -> dict[str, Row]:
    with Manifest(open_store(dst)) as manifest:
        return {row.source: row for row in manifest.rows()}


def test_from_memory_to_memory_and_back(memory: fsspec.AbstractFileSystem, capsys: Capture, tmp_path: Path) -> None:
    put(memory, "/src")
    batch("memory://src", "memory://dst", "-q", "60")
    assert counts(capsys) == (3, 0, 1)
    assert memory.cat_file("/dst/0/photo.jpg") == codec.encode(PHOTOS[0], 60)
    assert {row.output for row in rows("memory://dst").values()} == {
        "0/photo.jpg", "1/photo.jpg", "1/photo.png.jpg", "2/photo.jpg"
    }  # fmt: skip
    batch("memory://src", "memory://dst", "-q", "60")
    assert counts(capsys) == (0, 3, 1)
    memory.rm_file("/dst/2/photo.jpg")
    memory.pipe_file("/src/0/photo.png", PHOTOS[1].read_bytes())
    batch("memory://src", "memory://dst", "-q", "60", "--manifest-parquet", "memory://tables/rows.parquet")
    assert counts(capsys) == (2, 1, 1)
    assert memory.cat_file("/tables/rows.parquet")[:4] == b"PAR1"
    batch("memory://src", "memory://dst", "--verify", code=0)
    batch("memory://dst", str(tmp_path / "back"), "--decode", code=0)
    assert sorted(p.name for p in (tmp_path / "back").rglob("*.png")) == ["photo.png", "photo.png", "photo.png.png"]


def test_a_log_in_parts(memory: fsspec.AbstractFileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "PART_ROWS", 2)
    with Manifest(open_store("memory://dst")) as manifest:
        for number in range(5):
            manifest.add(Row(f"{number}.png", f"{number}.jpg", "ok"))
        parts = [name for name in memory.find("/dst") if name.endswith(".jsonl")]
        assert [name[-13:] for name in parts] == ["-000001.jsonl", "-000002.jsonl"], "what a kill would leave"
    with Manifest(open_store("memory://dst")) as manifest:
        assert len(list(manifest.rows())) == 5
        manifest.add(Row("3.png", "3.jpg", "failed", "gone"))
    assert rows("memory://dst")["3.png"].status == "failed"
    assert [name.split("/")[-1][:6] for name in memory.find("/dst")] == ["000001"] * 3 + ["000002"]


def test_keys_that_lead_out_are_failures(
    memory: fsspec.AbstractFileSystem, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture
) -> None:
    put(memory, "/src")
    entry = Entry("1/../../stolen.png", 100, "1")  # S3 takes such keys; fsspec's store in memory does not
    monkeypatch.setattr(ObjectStore, "entries", lambda _: iter([entry]))
    batch("memory://src", str(tmp_path / "dst"))
    assert "stolen.png: its name leads out of the folder" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.jpg"))


def test_nothing_there(memory: fsspec.AbstractFileSystem, capsys: Capture) -> None:
    assert main(["batch", "memory://nowhere", "memory://dst"]) == 1
    assert capsys.readouterr().err == "codec: there is nothing in memory://nowhere\n"
    assert memory.find("/") == []


def test_errors_of_a_store_are_ours(memory: fsspec.AbstractFileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ObjectStore("memory://dst")

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("AccessDenied\nand a lot more")

    for method in ("ls", "cat_file", "pipe_file", "size"):
        monkeypatch.setattr(type(memory), method, refuse)
    for action in (lambda: store.read("x"), lambda: store.write("x", b""), lambda: store.names("x")):
        with pytest.raises(CodecError, match=r"AccessDenied$"):
            action()
    assert [entry.error for entry in store.entries()] == ["cannot list /dst: AccessDenied"]


def test_a_store_with_real_folders(tmp_path: Path) -> None:
    store = ObjectStore(f"file://{tmp_path}/new")
    store.write("a/b.jpg", b"data")
    assert (tmp_path / "new" / "a" / "b.jpg").read_bytes() == b"data" == store.read("a/b.jpg")
    assert [(entry.name, entry.size) for entry in store.entries()] == [("a/b.jpg", 4)]


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[fsspec.AbstractFileSystem]:
    server = pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    running = server.ThreadedMotoServer(port=0)
    running.start()
    host, port = running.get_host_and_port()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }.items():
        monkeypatch.setenv(name, value)
    fs = fsspec.filesystem("s3", skip_instance_cache=True)
    fs.mkdir("photos")
    yield fs
    running.stop()


@pytest.mark.filterwarnings("ignore")  # of botocore and moto
def test_s3_with_worker_processes(s3: fsspec.AbstractFileSystem, capsys: Capture, tmp_path: Path) -> None:
    put(s3, "photos/src")
    batch("s3://photos/src", "s3://photos/dst", workers=1)
    assert counts(capsys) == (3, 0, 1)
    assert s3.cat_file("photos/dst/0/photo.jpg") == codec.encode(PHOTOS[0])
    batch("s3://photos/src", "s3://photos/dst", workers=1)
    assert counts(capsys) == (0, 3, 1)
    assert all(row.stamp for row in rows("s3://photos/dst").values())
    shutil.copytree(PICTURES, tmp_path / "local")
    batch(str(tmp_path / "local"), "s3://photos/other", code=0)
    batch("s3://photos/other", str(tmp_path / "back"), "--decode", code=0)
    assert len(list((tmp_path / "back").glob("*.png"))) == len(PHOTOS)
