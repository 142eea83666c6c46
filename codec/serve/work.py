"""What a worker does with a photo or a file. Runs in a process of its own, one job at a time."""

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from PIL import Image

import codec
from codec.encoding import mean_square
from codec.errors import CodecError, PictureTooLargeError, UnsupportedFormatError
from codec.fidelity import decibels
from codec.networks import Engine
from codec.picture import Picture, read_picture
from codec.reading import open_image
from codec.saving import saved
from codec.serve.frames import Frame
from codec.serve.sniff import readers

SAVING: dict[str, dict[str, Any]] = {
    "avif": {"quality": 80, "speed": 8, "max_threads": 1},
    "webp": {"quality": 90, "method": 3},
    "jpeg": {"quality": 92, "progressive": True, "optimize": True},
}
"""How restored pictures are saved, the smallest first: finer than what the network leaves to see, and fast."""
SEGMENT = 65_000
"""Bytes of EXIF or XMP that Pillow writes into a JPEG; the stored file keeps more."""


class RefusedError(Exception):
    """A job that cannot be done, with a code of `codec.serve.errors`."""

    def __init__(self, code: str, error: Exception) -> None:
        super().__init__(str(error))
        self.code = code


@contextmanager
def _refused_as(code: str) -> Iterator[None]:
    try:
        yield
    except PictureTooLargeError as error:
        raise RefusedError("picture_too_large", error) from None
    except CodecError as error:
        raise RefusedError(code, error) from None


def do(job: Frame, engine: Engine) -> Frame:
    """One job, named by `what`, with networks run as `engine` says; whatever goes wrong becomes an answer."""
    about = dict(job.about)
    try:
        return JOBS[about.pop("what")](job.body, engine, **about)
    except RefusedError as error:
        return Frame({"error": error.code, "message": str(error)})
    except MemoryError:
        return Frame({"error": "picture_too_large", "message": "there is not enough memory for the picture"})
    except Exception as error:  # a worker must outlive a bug; the service logs this and tells the client nothing of it
        return Frame({"error": "internal", "message": f"{type(error).__name__}: {error}"})


def _photo(data: bytes, max_pixels: int) -> Picture:
    with _refused_as("unsupported_type"):
        kind = open_image(data, max_pixels).format
        if kind not in readers(data):
            raise UnsupportedFormatError("the file is not what its first bytes say")
    with _refused_as("broken_picture"):
        return read_picture(data, max_pixels)


def encode(data: bytes, engine: Engine, max_pixels: int, **options: Any) -> Frame:
    """A photo to the file that is stored; `options` are those of `codec.encode`."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        photo = _photo(data, max_pixels)
        with _refused_as("impossible"):
            stored = codec.encode(photo, max_pixels=max_pixels, **engine._asdict(), **options)
    told = dict.fromkeys(str(w.message) for w in caught if w.category is UserWarning)
    return Frame({"warnings": list(told)}, stored)


def restore(data: bytes, engine: Engine, max_pixels: int, format: str) -> Frame:  # noqa: A002
    """A stored file to the full picture, in a format of `SAVING`; metadata is kept."""
    with _refused_as("cannot_restore"):
        img = codec.decode(data, max_pixels=max_pixels, **engine._asdict())
    if format == "jpeg" and img.mode in ("LA", "RGBA"):
        img = _on_white(img)
    if format == "jpeg":
        img = _fitting(img)
    return Frame({}, saved(img, format.upper(), **SAVING[format]))


def _fitting(img: Image.Image) -> Image.Image:
    """The picture without what does not fit into one segment of a JPEG."""
    img.info = {k: v for k, v in img.info.items() if k not in ("exif", "xmp") or len(v) <= SEGMENT}
    return img


def _on_white(img: Image.Image) -> Image.Image:
    below = Image.new(img.mode, img.size, "white")
    flat = Image.alpha_composite(below, img) if img.mode == "RGBA" else Image.composite(img, below, img.getchannel("A"))
    flat = flat.convert("L" if img.mode == "LA" else "RGB")
    flat.info = img.info
    return flat


def compare(data: bytes, engine: Engine, max_pixels: int, stored: int) -> Frame:
    """A photo against its stored file, the first `stored` bytes of the body, and against JPEG at equal PSNR.

    The JPEG is full-size, optimised and progressive, with the same metadata: the one of lowest quality whose PSNR
    (RGB, dB) is at least the restored picture's; of quality 100 if there is none.
    """
    photo = _photo(data[stored:], max_pixels)
    with _refused_as("cannot_restore"):
        restored = codec.decode(data[:stored], to="numpy", max_pixels=max_pixels, **engine._asdict())
    if restored.shape != photo.pixels.shape:
        raise RefusedError("impossible", CodecError("this is not the photo that was stored"))
    if photo.alpha is not None:
        raise RefusedError("impossible", CodecError("a JPEG holds no transparency: there is nothing to compare with"))
    img = _fitting(photo.to_pil())
    best = mean_square(restored, photo.pixels)

    def jpeg(quality: int) -> tuple[bytes, float]:
        data = saved(img, "JPEG", quality=quality, optimize=True, progressive=True)
        return data, mean_square(np.asarray(Image.open(io.BytesIO(data))), photo.pixels)

    low, high = 1, 100
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if jpeg(middle)[1] <= best else (middle + 1, high)
    file, error = jpeg(low)
    about = {"psnr": _psnr(best), "bytes": stored, "jpeg_quality": low, "jpeg_bytes": len(file)}
    return Frame({**about, "jpeg_psnr": _psnr(error), "upload_bytes": len(data) - stored})


def _psnr(error: float) -> float | None:
    """Decibels of a mean squared error, None of none at all."""
    return round(decibels(error), 2) if error else None


JOBS: dict[str, Callable[..., Frame]] = {"encode": encode, "restore": restore, "compare": compare}
