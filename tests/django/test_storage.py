"""Photos in storages: what is encoded, what is not, and what comes back."""

import io
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

import codec
from codec.picture import Pixels
from tests.conftest import psnr
from tests.django.files import animation, files


def test_photos_are_stored_small_and_restored(storage: Any, photo_jpeg: bytes, one_photo: Pixels) -> None:
    name = storage.save("photos/a.png", io.BytesIO(photo_jpeg))
    assert name == "photos/a.jpg"
    with storage.open(name) as file:
        stored = file.read()
    assert stored == codec.encode(photo_jpeg, 60)
    assert (storage.size(name), storage.exists(name)) == (len(stored), True)
    assert storage.url(name) == "/files/photos/a.jpg"
    assert storage.path(name).endswith("photos/a.jpg")
    assert storage.listdir("photos") == ([], ["a.jpg"])
    assert storage.get_modified_time(name) >= storage.get_created_time(name)
    assert storage.get_accessed_time(name)
    full = storage.full(name)
    assert full.size == (192, 144)
    assert psnr(full, one_photo) > 27
    storage.delete(name)
    assert not files(storage)


def test_full_files_are_ordinary_ones_with_all_metadata(storage: Any, one_photo: Pixels) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera"
    out = io.BytesIO()
    Image.fromarray(one_photo).save(out, "JPEG", quality=95, exif=exif, icc_profile=b"profile", xmp=b"<x/>")
    name = storage.save("a.jpg", out)
    for form, suffix in (("PNG", "png"), ("JPEG", "jpg"), ("TIFF", "tif"), ("WEBP", "webp")):
        file = storage.open_full(name, form)
        assert file.name == f"a.{suffix}"
        with Image.open(file) as img:
            assert (img.format, img.getexif()[0x010F]) == (form, "Camera")
            assert ImageOps.exif_transpose(img).size == (144, 192)
            assert img.info["icc_profile"] == b"profile"
    assert storage.open_full(name, "JPEG", quality=30).size < storage.open_full(name, "JPEG").size
    with pytest.raises(codec.UnsupportedFormatError, match="BOGUS"):
        storage.open_full(name, "BOGUS")


def test_copies_between_storages_are_not_encoded_again(storage: Any, photo_jpeg: bytes, project: Path) -> None:
    from codec.integrations.django import SainStorage

    name = storage.save("a.jpg", io.BytesIO(photo_jpeg))
    other = SainStorage(storage.inner, quality=10, format="avif")
    with storage.open(name) as file:
        copied = other.save("b.png", file)
    assert copied == "b.jpg"
    assert Path(other.path(copied)).read_bytes() == Path(storage.path(name)).read_bytes()


@pytest.mark.parametrize("form", ["xmp", "compact"])
@pytest.mark.parametrize("name", ["jpeg", "webp", "avif", "png", "heif"])
def test_own_files_of_every_format_stay_as_they_are(name: str, form: Any, storage: Any, one_photo: Pixels) -> None:
    data = codec.encode(one_photo, format=name, header=form)
    stored = storage.save("a.bin", io.BytesIO(data))
    assert stored.startswith("a.bin.")
    assert Path(storage.path(stored)).read_bytes() == data
    assert storage.full(stored).size == (192, 144)


def test_what_was_encoded_again_elsewhere_is_a_photo_like_any_other(storage: Any, one_photo: Pixels) -> None:
    with Image.open(io.BytesIO(codec.encode(one_photo))) as small:
        again = io.BytesIO()
        small.save(again, "JPEG", quality=80, xmp=small.info["xmp"])
    name = storage.save("a.jpg", again)
    assert codec.inspect(storage.path(name)).header.full_size == (96, 72)


def test_files_of_a_later_release_are_never_encoded_again(storage: Any, one_photo: Pixels) -> None:
    data = codec.encode(one_photo)
    later = data.replace(model := codec.inspect(data).header.model.encode(), model[:-8] + b"00000000")
    name = storage.save("a.jpg", io.BytesIO(later))
    assert Path(storage.path(name)).read_bytes() == later
    with pytest.raises(codec.UnknownModelError):
        storage.full(name)


OTHERS: dict[str, Callable[[bytes], bytes]] = {
    "text.txt": lambda _: b"no picture",
    "cut.jpg": lambda photo: photo[: len(photo) // 2],
    "empty.jpg": lambda _: b"",
    "moving.gif": lambda _: animation(),
    "pages.tif": lambda _: animation("TIFF"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_files_are_stored_as_they_are_or_refused(name: str, storage: Any, photo_jpeg: bytes) -> None:
    from codec.integrations.django import SainStorage

    data = OTHERS[name](photo_jpeg)
    stored = storage.save(name, io.BytesIO(data))
    assert (stored, Path(storage.path(stored)).read_bytes()) == (name, data)
    storage.delete(stored)
    with pytest.raises(codec.CodecError):
        SainStorage(storage.inner, others="refuse").save(name, io.BytesIO(data))
    assert not files(storage)


def test_ordinary_pictures_are_full_as_they_are(storage: Any) -> None:
    name = storage.save("moving.gif", io.BytesIO(animation()))
    with pytest.warns(UserWarning, match="first of 3 frames"):
        assert storage.full(name).size == (40, 30)
    with pytest.raises(codec.UnsupportedFormatError):
        storage.full(storage.save("a.txt", io.BytesIO(b"text")))


def test_pictures_above_the_limits_are_others(storage: Any, photo_jpeg: bytes) -> None:
    from codec.integrations.django import SainStorage

    for limit in ({"max_pixels": 100}, {"max_source_bytes": 1000}, {"max_bytes": 100}):
        strict = SainStorage(storage.inner, others="refuse", **limit)
        with pytest.raises(codec.CodecError, match=r"pixels|bytes"):
            strict.save("a.jpg", io.BytesIO(photo_jpeg))
        lenient = SainStorage(storage.inner, **limit)
        name = lenient.save("a.jpg", io.BytesIO(photo_jpeg))
        assert Path(lenient.path(name)).read_bytes() == photo_jpeg


def test_large_other_files_never_come_into_memory(storage: Any) -> None:
    from django.core.files.base import File

    from codec.integrations.django import SainStorage

    class Streamed(File):
        def read(self, *size: int) -> bytes:
            assert size == (self.DEFAULT_CHUNK_SIZE,), "read as a whole"
            return bytes(super().read(*size))

    with tempfile.TemporaryFile() as source:
        source.truncate(5_000_000)
        name = SainStorage(storage.inner, max_source_bytes=1000).save("film.mp4", Streamed(source, "film.mp4"))
    assert storage.size(name) == 5_000_000


def test_streams_that_can_be_read_once(storage: Any, photo_jpeg: bytes, caplog: pytest.LogCaptureFixture) -> None:
    class Stream(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise io.UnsupportedOperation

    name = storage.save("a.jpg", Stream(photo_jpeg))
    assert Path(storage.path(name)).read_bytes() == codec.encode(photo_jpeg, 60)
    caplog.set_level("INFO")
    name = storage.save("a.txt", Stream(b"text"))
    assert Path(storage.path(name)).read_bytes() == b"text"
    assert "a.txt is stored as it is: not a picture" in caplog.text


def test_a_failing_encoder_leaves_nothing(storage: Any, photo_jpeg: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **options: Any) -> bytes:
        raise MemoryError

    monkeypatch.setattr("codec.integrations.django.storage.encode", fail)
    with pytest.raises(MemoryError):
        storage.save("a.jpg", io.BytesIO(photo_jpeg))
    assert not files(storage)


def test_names(storage: Any, photo_jpeg: bytes) -> None:
    from django.core.exceptions import SuspiciousFileOperation

    data = codec.encode(photo_jpeg)  # no network runs from here on
    given = ["a.jpeg", "holiday.2024", "page.html", "ARCHIVE.HEIC", "folder.png/none"]
    stored = ["a.jpeg", "holiday.2024.jpg", "page.html.jpg", "ARCHIVE.jpg", "folder.png/none.jpg"]
    assert [storage.save(name, io.BytesIO(data)) for name in given] == stored
    again = storage.save("a.jpeg", io.BytesIO(data))
    assert again != "a.jpeg"
    assert again.endswith(".jpeg")
    assert len(storage.save("x" * 60 + ".png", io.BytesIO(data), max_length=30)) <= 30
    for name in ("../a.jpg", "", "/etc/a.jpg"):
        with pytest.raises(SuspiciousFileOperation):
            storage.save(name, io.BytesIO(data))


def test_wrong_options_fail_when_the_storage_is_made(project: Path) -> None:
    from django.core.exceptions import ImproperlyConfigured
    from django.core.files.storage import storages

    from codec.integrations.django import SainStorage

    with pytest.raises(TypeError, match="qality"):
        SainStorage(qality=60)
    wrong: list[dict[str, Any]] = [
        {"quality": 600}, {"quality": 50, "bpp": 1}, {"format": "gif"}, {"scale": 3}, {"model": "none"},
        {"tune": "ear"}, {"strip": "all of it"}, {"header": "tables"}, {"others": "drop"},
        {"effort": 3, "format": "jxl"},
    ]  # fmt: skip
    for options in wrong:
        with pytest.raises(ImproperlyConfigured, match="SainStorage"):
            SainStorage(**options)
    SainStorage(header="none", max_bytes=10, scale="auto", tune="psnr")
    with pytest.raises(ImproperlyConfigured, match="itself"):
        storages["itself"].exists("a")


def test_storages_over_aliases_and_settings(project: Path, photo_jpeg: bytes) -> None:
    from django.core.files.storage import storages

    name = storages["over-plain"].save("a.jpg", io.BytesIO(photo_jpeg))
    assert storages["plain"].exists(name)
    assert storages["strict"].save("b.jpg", io.BytesIO(photo_jpeg)) == "b.webp"
    assert (project / "strict" / "b.webp").stat().st_size <= 3000


def test_threads_share_a_storage(storage: Any, photo_jpeg: bytes) -> None:
    def there_and_back(number: int) -> tuple[str, Any]:
        name = storage.save("same.jpg", io.BytesIO(photo_jpeg))
        return name, np.array(storage.full(name))

    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(there_and_back, range(8)))
    assert len({name for name, _ in done}) == 8
    assert all(np.array_equal(pixels, done[0][1]) for _, pixels in done)
