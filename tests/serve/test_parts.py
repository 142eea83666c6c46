"""Storage, cache, negotiation and settings by themselves."""

import asyncio
import errno
import json
import os
import shutil
import threading
import time
from dataclasses import fields
from pathlib import Path

import pytest

from codec.errors import CodecError
from codec.networks import Engine
from codec.serve import Settings, disk
from codec.serve.cache import Cache
from codec.serve.errors import STATUS, ApiError, of_os
from codec.serve.negotiation import choose
from codec.serve.process import Worker, WorkerLostError
from codec.serve.service import COMMAND
from codec.serve.settings import MAX_PIXELS
from codec.serve.sniff import readers
from codec.serve.storage import Storage

NAME = "ab" * 20 + ".jpg"


@pytest.fixture(params=["folder", "file", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    urls = {"folder": str(tmp_path), "file": f"file://{tmp_path}", "memory": f"memory://{tmp_path.name}"}
    return Storage(urls[request.param])


def test_storage(storage: Storage) -> None:
    storage.check()
    assert not storage.exists(NAME)
    with pytest.raises(FileNotFoundError):
        storage.read(NAME)
    for data in (b"one", b"another"):
        storage.write(NAME, data)
        assert storage.read(NAME) == data
    assert storage.exists(NAME)
    assert storage.delete(NAME)
    assert not storage.delete(NAME)


@pytest.mark.parametrize("name", ["../x.jpg", "/etc/passwd", NAME + "\n", NAME.upper(), "ab" * 20, "", ".partial"])
def test_only_ids_are_paths(storage: Storage, name: str) -> None:
    for action in (storage.exists, storage.read, storage.delete):
        with pytest.raises(ValueError, match="not an id"):
            action(name)


def test_a_failing_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = Storage(str(tmp_path))
    storage.write(NAME, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space") as caught:
        storage.write(NAME, b"new")
    assert of_os(caught.value).code == "storage_full"
    assert storage.read(NAME) == b"old"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / NAME[:2] / NAME]


def test_what_a_killed_service_left_is_swept_later(tmp_path: Path) -> None:
    partial = tmp_path / ".partial"
    partial.mkdir()
    for name, age in (("old", disk.STALE_SECONDS + 10), ("new", 0)):
        (partial / name).touch()
        os.utime(partial / name, (time.time() - age,) * 2)
    Storage(str(tmp_path))
    assert [path.name for path in partial.iterdir()] == ["new"]


@pytest.mark.parametrize("url", ["nosuch://x", "/proc/nowhere/store"])
def test_stores_that_cannot_be(url: str) -> None:
    with pytest.raises(CodecError, match="cannot be used"):
        Storage(url)


def test_a_store_that_fails_is_not_an_empty_one(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise RuntimeError("no route to host")

    for name in ("info", "cat_file", "pipe_file"):
        monkeypatch.setattr(storage.fs, name, unreachable)
    for action in (storage.exists, storage.read, storage.delete):
        with pytest.raises(OSError, match="no route to host") as caught:
            action(NAME)
        assert of_os(caught.value).code == "storage_failed"
    with pytest.raises(OSError, match="no route"):
        storage.check()


def test_a_store_that_is_gone_is_noticed(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path / "store"))
    shutil.rmtree(tmp_path / "store")
    with pytest.raises(OSError, match="gone"):
        storage.check()


def names(cache: Cache) -> list[str]:
    return sorted(path.name for path in cache.folder.iterdir() if path.is_file())


def test_the_cache_keeps_what_was_used_last(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 100)
    for key in ("a", "b", "c"):
        cache.put(key, bytes(30))
    assert cache.get("a") == bytes(30)
    cache.put("d", bytes(30))
    assert names(cache) == ["a", "c", "d"]
    assert cache.get("b") is None
    cache.put("e", bytes(101))
    assert names(cache) == ["a", "c", "d"]
    cache.put("a", bytes(40))
    assert cache.bytes == 100
    cache.remove("a")
    assert (names(cache), cache.bytes) == (["c", "d"], 60)


def test_the_cache_goes_on_after_a_restart(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 100)
    for age, key in enumerate(("a", "b", "c")):
        cache.put(key, bytes(30))
        os.utime(tmp_path / key, (1000 + age, 1000 + age))
    cache.get("a")
    smaller = Cache(tmp_path, 60)
    assert (names(smaller), smaller.bytes) == (["a", "c"], 60)
    (tmp_path / "c").unlink()
    assert smaller.get("c") is None
    assert smaller.bytes == 30


def test_threads_share_a_cache(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 1000)

    def work(seed: int) -> None:
        for i in range(60):
            key = str((seed * 7 + i) % 30)
            data = cache.get(key)
            assert data is None or data == key.encode() * 50
            cache.put(key, key.encode() * 50)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sizes = sum(path.stat().st_size for path in tmp_path.iterdir() if path.is_file())
    assert sizes == cache.bytes <= 1000


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "jpeg"), ("", "jpeg"), ("*/*", "jpeg"), ("image/*", "jpeg"), ("image/avif,image/webp,*/*", "avif"),
        ("image/webp;q=0.9, image/jpeg", "jpeg"), ("IMAGE/WEBP", "webp"), ("image/webp ; q=0.001", "webp"),
        ("image/jpeg;q=0.2,*/*;q=0.1", "jpeg"), ("image/avif;q=0,*/*", "jpeg"), ("image/jpeg;q=0,image/*", "webp"),
        ("image/avif;q=2,image/webp", "webp"), ("image/avif;q=x,image/webp;q=0.1", "webp"), ("nonsense,*/*", "jpeg"),
        ("text/html,image/webp;q=0.8,*/*;q=0.8", "webp"), ("image/avif;profile=x;q=0.4,image/jpeg;q=0.3", "avif"),
    ],
)  # fmt: skip
def test_negotiation(accept: str | None, kind: str) -> None:
    assert choose(accept) == kind


@pytest.mark.parametrize("accept", ["text/html", "image/png", "*/*;q=0", "image/*;q=0.0,text/*", ",;,", "x" * 100_000])
def test_nothing_fits(accept: str) -> None:
    with pytest.raises(ApiError) as caught:
        choose(accept)
    assert caught.value.code == "not_acceptable"


def test_settings_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "WORKERS": "3",
        "TIMEOUT": "2.5",
        "FORMATS": "avif, webp",
        "PAGE": "off",
        "STRIP": "gps",
    }.items():
        monkeypatch.setenv(f"CODEC_{name}", value)
    settings = Settings.from_environment({"workers": "5"})
    assert (settings.workers, settings.timeout, settings.formats) == (5, 2.5, ("avif", "webp"))
    assert (settings.page, settings.strip, settings.quality) == (False, ("gps",), 75)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("workers", "0", "at least 1"), ("workers", "many", "must be a number"), ("timeout", "nan", "at least 0.1"),
        ("formats", "exe", "formats can be"), ("formats", "", "at least one"), ("page", "maybe", "yes or no"),
        ("max_pixels", str(MAX_PIXELS + 1), "at most"), ("quality", "101", "at most 100"), ("port", "-1", "at least 0"),
        ("precision", "int8", "precision can be float32, bfloat16, not int8"), ("backend", "tf", "backend can be"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be(name: str, value: str, message: str) -> None:
    with pytest.raises(CodecError, match=message):
        Settings.from_environment({name: value})


def test_an_engine_that_cannot_be_fails_at_the_start() -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(CodecError, match="needs backend='torch'"):
        Settings(backend="onnx", precision="bfloat16")
    assert Settings(backend="onnx").engine == Engine(None, "onnx", "float32")
    assert Settings(device="cuda").engine.device == "cuda"


def test_a_device_that_cannot_be_used_is_named() -> None:
    pytest.importorskip("onnxruntime")

    async def start() -> None:
        async with Worker((*COMMAND, json.dumps(Engine("nonsense", "onnx")))):
            pass

    with pytest.raises(WorkerLostError, match="device 'nonsense' cannot be used"):
        asyncio.run(start())


def test_kinds_are_told_by_their_first_bytes() -> None:
    assert readers(b"\xff\xd8\xff\xe0") == {"JPEG", "MPO"}
    assert readers(b"\0\0\0\x20ftypheic") == {"HEIF", "AVIF"}
    for data in (b"", b"%!PS-Adobe", b"\xff\xd8", b"RIFF1234WAVE", b"\0\0\0\x20ftypisom"):
        assert readers(data) == set()


def test_the_documentation_names_every_setting_and_error() -> None:
    text = (Path(__file__).parents[2] / "docs" / "serve.md").read_text()
    assert [f.name for f in fields(Settings) if f"| `{f.name}` |" not in text] == []
    assert [code for code, status in STATUS.items() if status != 499 and f"`{code}`" not in text] == []
