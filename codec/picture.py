"""Any input to pixels and metadata, and back. Knows Pillow and numpy; torch only if the caller brings it."""

import io
import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from codec.errors import PictureTooLargeError, UnsupportedFormatError

if TYPE_CHECKING:
    import torch

Pixels = npt.NDArray[np.uint8]
"""`[H, W, 3]` sRGB (or whatever the ICC profile says), or `[H, W]` grey; 0…255."""
Source = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]
"""Where encoded bytes come from: a path, the bytes, or a file open for reading."""
Output = Literal["pil", "numpy", "torch"]

MAX_PIXELS = 178_956_970
"""Largest picture that is read or restored: where Pillow, too, suspects a decompression bomb."""


@dataclass(frozen=True)
class Metadata:
    """What belongs to a picture beside its pixels; passed on as it is."""

    exif: bytes | None = None
    icc_profile: bytes | None = None
    xmp: bytes | None = None


@dataclass(frozen=True)
class Picture:
    """Pixels and metadata. EXIF orientation stays a tag: pixels are never turned."""

    pixels: Pixels
    metadata: Metadata = Metadata()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def rgb(self) -> Pixels:
        """`[H, W, 3]`, grey repeated."""
        return self.pixels if self.pixels.ndim == 3 else np.repeat(self.pixels[..., None], 3, 2)

    def with_pixels(self, pixels: Pixels) -> "Picture":
        """Other pixels, the same metadata."""
        return replace(self, pixels=pixels)

    def to_pil(self) -> Image.Image:
        """A Pillow image, RGB or L, with EXIF, ICC profile and XMP in `info`."""
        img = Image.fromarray(self.pixels)
        img.info = {k: v for k, v in vars(self.metadata).items() if v is not None}
        return img

    def to(self, kind: Output) -> "Image.Image | Pixels | torch.Tensor":
        """As `"pil"`, `"numpy"` (`[H, W, 3]` or `[H, W]`) or `"torch"` (uint8, `[3, H, W]` or `[1, H, W]`)."""
        if kind == "pil":
            return self.to_pil()
        if kind == "numpy":
            return self.pixels
        import torch

        tensor = torch.from_numpy(self.pixels)
        return tensor[None] if tensor.ndim == 2 else tensor.permute(2, 0, 1)


def read_bytes(source: Source) -> bytes:
    """All bytes of a source; raises OSError if it cannot be read."""
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if isinstance(source, str | os.PathLike):
        return Path(source).read_bytes()
    if hasattr(source, "read"):
        data = source.read()
        if isinstance(data, bytes):
            return data
    raise TypeError(f"expected a path, bytes or a file open in binary mode, not {type(source).__name__}")


def open_image(data: bytes) -> Image.Image:
    """A Pillow image of encoded bytes, its pixels not yet read; raises `UnsupportedFormatError`."""
    if not data:
        raise UnsupportedFormatError("there are no bytes: the input is empty")
    try:
        img = Image.open(io.BytesIO(data))
    except Image.DecompressionBombError as error:
        raise PictureTooLargeError(str(error)) from None
    except Exception as error:  # a hostile file can make a parser raise anything
        raise UnsupportedFormatError(f"not a picture that can be read ({_reason(error)})") from None
    check_size(img.size)
    return img


def load_image(img: Image.Image) -> None:
    """Read the pixels of an opened image; raises `UnsupportedFormatError` if they are damaged."""
    try:
        img.load()
    except Exception as error:
        raise UnsupportedFormatError(f"the picture is damaged or cut short ({_reason(error)})") from None


def check_size(size: tuple[int, int]) -> None:
    """Raise `PictureTooLargeError` for more than `MAX_PIXELS`."""
    if size[0] * size[1] > MAX_PIXELS:
        raise PictureTooLargeError(f"{size[0]}x{size[1]} has more than the {MAX_PIXELS:,} pixels allowed")


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:120] or type(error).__name__


def read_picture(image: Any) -> Picture:
    """The picture in a path, bytes, file, Pillow image, numpy array or torch tensor.

    Arrays are uint8 `[H, W, 3]` or `[H, W]`; tensors uint8, or floating point in [0, 1], `[3, H, W]` or `[1, H, W]`.
    Raises `UnsupportedFormatError` for what cannot be stored, TypeError for anything else.
    """
    if isinstance(image, Picture):
        return image
    if isinstance(image, Image.Image):
        return _from_pil(image)
    if isinstance(image, np.ndarray):
        return Picture(_checked_array(image))
    if type(image).__module__.partition(".")[0] == "torch":
        return Picture(_checked_array(_array_of_tensor(image)))
    return _from_pil(open_image(read_bytes(image)))


def _checked_array(array: npt.NDArray[Any]) -> Pixels:
    if array.dtype != np.uint8:
        raise UnsupportedFormatError(f"an array must hold uint8, not {array.dtype}: scale it to 0…255 first")
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)):
        raise UnsupportedFormatError(f"an array must be [H, W, 3] or [H, W], not {list(array.shape)}")
    if array.size == 0:
        raise UnsupportedFormatError("the picture is empty")
    check_size((array.shape[1], array.shape[0]))
    return np.ascontiguousarray(array)


def _array_of_tensor(tensor: "torch.Tensor") -> npt.NDArray[Any]:
    if tensor.ndim != 3 or tensor.shape[0] not in (1, 3):
        raise UnsupportedFormatError(f"a tensor must be [3, H, W] or [1, H, W], not {list(tensor.shape)}")
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point():
        if tensor.numel() and not (tensor.min() >= 0 and tensor.max() <= 1):  # also false for NaN
            raise UnsupportedFormatError("a floating-point tensor must hold values in [0, 1]")
        tensor = (tensor.float() * 255).round().byte()
    array: npt.NDArray[Any] = tensor.numpy()
    return array[0] if len(array) == 1 else array.transpose(1, 2, 0)


def _from_pil(img: Image.Image) -> Picture:
    check_size(img.size)
    load_image(img)
    if 0 in img.size:
        raise UnsupportedFormatError("the picture is empty")
    if getattr(img, "is_animated", False):
        warnings.warn(f"only the first of {img.n_frames} frames is stored", stacklevel=4)  # type: ignore[attr-defined]
    exif = img.info.get("exif") or (None if img.format else _built_exif(img))
    metadata = Metadata(exif, img.info.get("icc_profile"), img.info.get("xmp"))
    if img.mode in ("1", "L"):
        return Picture(np.array(img.convert("L")), metadata)
    if img.mode == "RGB":
        return Picture(np.array(img), metadata)
    if img.mode in ("P", "PA", "LA", "La", "RGBA", "RGBa", "RGBX"):
        return Picture(_without_alpha(img), metadata)
    raise UnsupportedFormatError(f"pictures of mode {img.mode} cannot be stored: convert to RGB or L first")


def _built_exif(img: Image.Image) -> bytes | None:
    """EXIF that a caller gave an image which came from no file."""
    exif = img.getexif()
    return exif.tobytes() if exif else None


def _without_alpha(img: Image.Image) -> Pixels:
    rgba = img.convert("RGBA")
    if rgba.getchannel("A").getextrema()[0] != 255:
        raise UnsupportedFormatError("a JPEG cannot hold transparency: paste the picture on a background first")
    return np.array(img.convert("L" if img.mode in ("LA", "La") else "RGB"))
