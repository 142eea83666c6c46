"""What is stored and uploaded."""

import io
from pathlib import Path
from typing import Any

from PIL import Image

from codec.picture import Pixels


def upload(data: bytes, name: str = "photo.jpg") -> Any:
    from django.core.files.uploadedfile import SimpleUploadedFile

    return SimpleUploadedFile(name, data)


def png(pixels: Pixels) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def animation(format: str = "GIF") -> bytes:  # noqa: A002
    out = io.BytesIO()
    frames = [Image.new("L", (40, 30), shade) for shade in (0, 128, 255)]
    frames[0].save(out, format, save_all=True, append_images=frames[1:])
    return out.getvalue()


def files(storage: Any) -> list[str]:
    return sorted(p.name for p in Path(storage.inner.location).rglob("*") if p.is_file())
