"""Forms and the admin, and whatever people upload to them."""

import io
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import codec
from codec.picture import Pixels
from tests import mutations
from tests.conftest import jpeg_bytes
from tests.django.files import animation, png, upload


@pytest.mark.parametrize("temporary", [False, True])
def test_uploads_from_memory_and_from_disk(
    temporary: bool, client: Any, models: Any, one_photo: Pixels, photo_jpeg: bytes
) -> None:
    from django.test import override_settings

    kind = "TemporaryFile" if temporary else "MemoryFile"
    with override_settings(FILE_UPLOAD_HANDLERS=[f"django.core.files.uploadhandler.{kind}UploadHandler"]):
        answer = client.post("/upload", {"title": "a", "image": upload(png(one_photo), "a.png")})
    described = answer.json()
    assert (answer.status_code, described["width"], described["height"]) == (201, 192, 144)
    stored = Path(models.Photo.objects.get().image.path)
    assert stored.suffix == ".jpg"
    assert stored.read_bytes() == codec.encode(png(one_photo), 60)
    assert described["bytes"] == stored.stat().st_size
    full = client.get(f"/full/{described['id']}")
    assert full["Content-Type"] == "image/jpeg"
    with Image.open(io.BytesIO(b"".join(full.streaming_content))) as img:
        assert img.size == (192, 144)
    full.close()


def test_each_picture_is_encoded_once(
    client: Any, photo_jpeg: bytes, models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from codec.integrations.django import storage

    calls = []

    def counted(*args: Any, **options: Any) -> bytes:
        calls.append(options)
        return codec.encode(*args, **options)

    monkeypatch.setattr(storage, "encode", counted)
    assert client.post("/upload", {"title": "a", "image": upload(photo_jpeg)}).status_code == 201
    assert len(calls) == 1


def bomb(width: int, height: int) -> bytes:
    """A PNG of few bytes whose header promises many pixels."""
    data = bytearray(png(np.zeros((4, 4, 3), np.uint8)))
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return bytes(data)


def lying(photo: Pixels) -> bytes:
    """One of our files whose header asks for far more than it can give."""
    return codec.encode(photo).replace(b"192x144", b"99999x99999")


HOSTILE: dict[str, Callable[[Pixels], tuple[str, bytes]]] = {
    "text": lambda _: ("a.jpg", b"GIF89a, not"),
    "script": lambda _: ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"),
    "cut": lambda photo: ("a.jpg", jpeg_bytes(photo)[:1500]),
    "empty": lambda _: ("a.jpg", b""),
    "bomb": lambda _: ("a.png", bomb(60000, 60000)),
    "too many pixels": lambda _: ("a.png", png(np.zeros((1100, 1000), np.uint8))),
    "too many bytes": lambda photo: ("a.jpg", jpeg_bytes(photo) + bytes(4_000_000)),
    "a page": lambda photo: ("a.html", jpeg_bytes(photo)),
    "no suffix": lambda photo: ("a", jpeg_bytes(photo)),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_uploads_are_errors_of_the_form(kind: str, client: Any, models: Any, one_photo: Pixels) -> None:
    name, data = HOSTILE[kind](one_photo)
    answer = client.post("/upload", {"title": "a", "image": upload(data, name)})
    assert answer.status_code == 422
    assert len(answer.json()["image"]) == 1
    assert not models.Photo.objects.exists()


def test_what_the_storage_refuses_is_an_error_of_the_form(client: Any, models: Any, one_photo: Pixels) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8)
    for name, data, reason in (
        ("a.gif", animation(), "3 pictures"),
        ("a.png", png(noise), "3000 bytes|3,000 bytes|max_bytes"),
        ("a.jpg", lying(one_photo), "99999x99999 has more"),
    ):
        answer = client.post("/upload-strict", {"image": upload(data, name)})
        assert answer.status_code == 422
        assert re.search(reason, answer.json()["image"][0])
    assert not models.Strict.objects.exists()


@pytest.mark.filterwarnings("ignore")
def test_damaged_uploads_of_all_kinds_never_break_a_view(client: Any, models: Any) -> None:
    seeds, outcomes = mutations.seeds(), {201: 0, 422: 0}
    for number in range(60):
        data = mutations.mutated(seeds, number, seed=5)
        outcomes[client.post("/upload", {"title": "a", "image": upload(data)}).status_code] += 1
    assert all(outcomes.values())


def test_the_admin(client: Any, models: Any, photo_jpeg: bytes) -> None:
    from django.contrib.auth import get_user_model

    client.force_login(get_user_model().objects.create_superuser("me"))
    page = client.get("/admin/gallery/photo/add/").content.decode()
    assert 'accept="image/*"' in page
    wrong = client.post("/admin/gallery/photo/add/", {"title": "a", "image": upload(b"none", "a.jpg")})
    assert "cannot be taken" in wrong.content.decode()
    done = client.post("/admin/gallery/photo/add/", {"title": "a", "image": upload(photo_jpeg)})
    assert done.status_code == 302
    photo = models.Photo.objects.get()
    page = client.get(f"/admin/gallery/photo/{photo.pk}/change/").content.decode()
    assert photo.image.url in page
    cleared = client.post(f"/admin/gallery/photo/{photo.pk}/change/", {"title": "a", "image-clear": "on"})
    assert cleared.status_code == 302
    assert models.Photo.objects.get(width=None).image.name == ""


def test_the_form_field_alone(project: Path, one_photo: Pixels) -> None:
    from django import forms

    from codec.integrations.django import SainImageFormField

    class Form(forms.Form):
        image = SainImageFormField(max_pixels=192 * 144, error_messages={"unfit": "No: %(reason)s"})

    small, large = upload(png(one_photo), "a.png"), upload(png(np.tile(one_photo, (2, 1, 1))), "a.png")
    form = Form(files={"image": small})
    assert form.is_valid()
    taken = form.cleaned_data["image"]
    assert (taken.image.format, taken.image.size, taken.content_type) == ("PNG", (192, 144), "image/png")
    assert taken.read() == png(one_photo)
    form = Form(files={"image": large})
    assert form.errors["image"][0].startswith("No: 192x288 has more than")
