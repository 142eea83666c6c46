"""Encode, decode and inspect on bytes: the way of a picture, on one screen."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from codec.carriers import jpeg
from codec.errors import CodecError, NotRescaledError, StaleHeaderError
from codec.header import Header
from codec.jpeg.tables import condition, scale_tables
from codec.models import registry
from codec.picture import Output, Picture, Pixels, Source, check_size, read_bytes, read_picture

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from codec.rescaler import Rescaler


def _rescaler(model: str, device: str | None) -> "Rescaler":
    from codec import rescaler  # torch takes seconds to import: not before the input has passed all checks

    return rescaler.load(model, device)


def check_quality(quality: Any) -> int:
    """`quality` as an int in 1…100; raises `CodecError`."""
    if isinstance(quality, bool) or not hasattr(quality, "__index__") or not 1 <= quality <= 100:
        raise CodecError(f"quality must be a whole number in 1…100, not {quality!r}")
    return int(quality)


def encode(image: Any, quality: int = 75, *, model: str = registry.DEFAULT, device: str | None = None) -> bytes:
    """Store a picture as a small JPEG that any viewer shows and `decode` restores to full size.

    `image`: a path, bytes, a binary file, a Pillow image, a numpy array (uint8, `[H, W, 3]` or `[H, W]`) or a torch
    tensor (`[3, H, W]` or `[1, H, W]`, uint8 or floating point in [0, 1]); 1x1 up to `picture.MAX_PIXELS`.
    `quality`: that of the JPEG, 1…100. `model`: a name of `codec.models.registry.available()`, with or without
    hash. `device`: a torch device; CUDA where there is one, else the CPU.

    EXIF, ICC profile and XMP are kept in the file; orientation stays a tag. Raises `CodecError`.
    """
    quality, name = check_quality(quality), registry.resolve(model)
    picture = read_picture(image)
    rescaler = _rescaler(name, device)
    coarseness = condition(scale_tables(rescaler.tables, quality)[0])
    lr = rescaler.downscale(picture.rgb, coarseness)
    if picture.pixels.ndim == 2:
        lr = _grey(lr)
    return jpeg.write(picture.with_pixels(lr), rescaler.tables, quality, name, picture.size)


@overload
def decode(data: Source, *, to: Literal["pil"] = "pil", device: str | None = None) -> "Image.Image": ...
@overload
def decode(data: Source, *, to: Literal["numpy"], device: str | None = None) -> Pixels: ...
@overload
def decode(data: Source, *, to: Literal["torch"], device: str | None = None) -> "torch.Tensor": ...
def decode(data: Source, *, to: Output = "pil", device: str | None = None) -> Any:
    """The full-size picture of what `encode` wrote (bytes, a path or a binary file).

    `to`: `"pil"` (RGB or L, metadata in `info`), `"numpy"` (uint8 `[H, W, 3]` or `[H, W]`) or `"torch"` (uint8
    `[3, H, W]` or `[1, H, W]`). Raises `NotRescaledError` for an ordinary picture, `StaleHeaderError` if the file
    was resized or encoded again since, `UnknownModelError`, and `CodecError` for anything else that is wrong.
    """
    if to not in ("pil", "numpy", "torch"):
        raise CodecError(f'to must be "pil", "numpy" or "torch", not {to!r}')
    file, header = _open(read_bytes(data))
    registry.resolve(header.model)
    lr = file.picture()
    rescaler = _rescaler(header.model, device)
    if rescaler.lr_size(header.full_size) != header.lr_size:
        raise CodecError(f"the file's header is inconsistent: {header.full_size} cannot become {header.lr_size}")
    restored = rescaler.upscale(lr.rgb, file.condition, header.full_size)
    return lr.with_pixels(_grey(restored) if lr.pixels.ndim == 2 else restored).to(to)


def _open(data: bytes) -> tuple[jpeg.LRFile, Header]:
    """An encoded file and its header, all checked that can be without the model."""
    file = jpeg.read(data)
    header = file.header if file else None
    if file is None or header is None:
        raise NotRescaledError(
            "this is an ordinary picture: codec.encode did not write it, or its metadata was stripped; "
            "open it as it is, for example with PIL.Image.open"
        )
    if header.lr_size != file.size or header.digest != file.digest:
        raise StaleHeaderError(
            f"the picture was resized or encoded again after codec.encode wrote it ({header.lr_size} then, "
            f"{file.size} now): what it hid for the full size is gone; use an untouched copy, or the picture as it is"
        )
    check_size(header.full_size)
    return file, header


def _grey(rgb: Pixels) -> Pixels:
    return np.array(Picture(rgb).to_pil().convert("L"))


@dataclass(frozen=True)
class Info:
    """What `inspect` finds."""

    carrier: str
    """Format of the file."""
    header: Header
    bytes: int
    bpp: float
    """Bits per full-size pixel, header and all."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {**asdict(self), "header": self.header.to_json()}


def inspect(data: Source) -> Info:
    """What a file of `encode` says of itself, without decoding a pixel or loading a network; raises as `decode`."""
    raw = read_bytes(data)
    _, header = _open(raw)
    width, height = header.full_size
    return Info("jpeg", header, len(raw), 8 * len(raw) / (width * height))
