"""Any input to pixels and metadata, and back. Knows numpy and, by way of its neighbours, Pillow; torch if brought."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from codec.errors import UnsupportedFormatError
from codec.metadata import Metadata
from codec.modes import Pixels, mend_transparency, planes, reduced, unless_opaque
from codec.pillow_info import metadata_of, warn_of_losses
from codec.reading import Source, check_size, load_image, open_image, our_errors, read_bytes

if TYPE_CHECKING:
    import torch

__all__ = [
    "Metadata",
    "Output",
    "Picture",
    "Pixels",
    "Source",
    "check_size",
    "in_memory",
    "load_image",
    "open_image",
    "read_bytes",
    "read_picture",
]

Output = Literal["pil", "numpy", "torch"]


@dataclass(frozen=True)
class Picture:
    """Pixels, transparency and metadata. EXIF orientation stays a tag: pixels are never turned."""

    pixels: Pixels
    alpha: Pixels | None = None
    """`[H, W]`, 255 where the picture hides what is behind; None if it does everywhere."""
    metadata: Metadata = field(default_factory=Metadata)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def rgb(self) -> Pixels:
        """`[H, W, 3]`, grey repeated."""
        return self.pixels if self.pixels.ndim == 3 else np.repeat(self.pixels[..., None], 3, 2)

    def to_pil(self) -> Image.Image:
        """A Pillow image, L, LA, RGB or RGBA, with EXIF, ICC profile and XMP in `info`."""
        img = Image.fromarray(self.pixels)
        if self.alpha is not None:
            img.putalpha(Image.fromarray(self.alpha))
        img.info = {k: v for k, v in vars(self.metadata).items() if v is not None}
        return img

    def to(self, kind: Output) -> "Image.Image | Pixels | torch.Tensor":
        """As `"pil"`, `"numpy"` or `"torch"`.

        Arrays are uint8 `[H, W]`, `[H, W, 2]` (grey, alpha), `[H, W, 3]` or `[H, W, 4]`, tensors uint8 `[C, H, W]`.
        """
        if kind == "pil":
            return self.to_pil()
        array = self.pixels if self.alpha is None else np.dstack((self.pixels, self.alpha))
        if kind == "numpy":
            return array
        import torch

        tensor = torch.from_numpy(array)
        return tensor[None] if tensor.ndim == 2 else tensor.permute(2, 0, 1)


def in_memory(image: Any) -> bool:
    """Whether it is pixels already, in `read_picture`'s eyes, and not where encoded bytes come from."""
    return isinstance(image, Picture | Image.Image | np.ndarray) or _is_tensor(image)


def _is_tensor(image: Any) -> bool:
    return type(image).__module__.partition(".")[0] == "torch"


def read_picture(image: Any, max_pixels: int | None = None, stored: bool = True) -> Picture:
    """The picture in a path, bytes, file, Pillow image, numpy array or torch tensor.

    Arrays are `[H, W]` or `[H, W, C]`, uint8 or uint16 (rounded to eight bits); tensors `[C, H, W]`, uint8 or floating
    point in [0, 1]; C is 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA). Transparency that hides nothing is let go.
    `max_pixels`: as for `check_size`, checked before memory is taken.

    Raises `UnsupportedFormatError` for what cannot be stored, `PictureTooLargeError`, OSError for files that cannot be
    read, and TypeError for anything else. Warns of frames and metadata that are not kept, if it is to be `stored`.
    """
    if isinstance(image, Picture):
        check_size(image.size, max_pixels)
        return image
    if isinstance(image, Image.Image):
        return _from_pil(image, max_pixels, stored, from_caller=True)
    if isinstance(image, np.ndarray):
        return _from_array(image, max_pixels)
    if _is_tensor(image):
        return _from_array(_array_of_tensor(image), max_pixels)
    img = open_image(read_bytes(image), max_pixels)
    mend_transparency(img)
    return _from_pil(img, max_pixels, stored, from_caller=False)


def _from_array(array: npt.NDArray[Any], max_pixels: int | None) -> Picture:
    if array.dtype.kind != "u" or array.dtype.itemsize > 2:
        raise UnsupportedFormatError(f"an array must hold uint8 or uint16, not {array.dtype}: scale it to 0…255 first")
    if not (array.ndim == 2 or (array.ndim == 3 and 1 <= array.shape[2] <= 4)):
        raise UnsupportedFormatError(f"an array must be [H, W] or [H, W, 1…4], not {list(array.shape)}")
    if array.size == 0:
        raise UnsupportedFormatError("the picture is empty")
    check_size((array.shape[1], array.shape[0]), max_pixels)
    values = reduced(array) if array.dtype.itemsize == 2 else array
    if values.ndim == 2:
        return Picture(np.ascontiguousarray(values))
    channels = values.shape[2]
    pixels = np.ascontiguousarray(values[..., 0] if channels < 3 else values[..., :3])
    return Picture(pixels, None if channels % 2 else unless_opaque(np.ascontiguousarray(values[..., -1])))


def _array_of_tensor(tensor: "torch.Tensor") -> npt.NDArray[Any]:
    if tensor.ndim != 3 or not 1 <= tensor.shape[0] <= 4:
        raise UnsupportedFormatError(f"a tensor must be [1…4, H, W], not {list(tensor.shape)}")
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point():
        if tensor.numel() and not (tensor.min() >= 0 and tensor.max() <= 1):  # also false for NaN
            raise UnsupportedFormatError("a floating-point tensor must hold values in [0, 1]")
        tensor = (tensor.float() * 255).round().byte()
    array: npt.NDArray[Any] = tensor.permute(1, 2, 0).numpy()
    return array


def _from_pil(img: Image.Image, max_pixels: int | None, stored: bool, from_caller: bool) -> Picture:
    check_size(img.size, max_pixels)
    load_image(img)
    if 0 in img.size:
        raise UnsupportedFormatError("the picture is empty")
    check_size(img.size, max_pixels)  # what is inside can be larger than a file's header says
    if stored:
        warn_of_losses(img)
    with our_errors("the picture cannot be converted"):
        pixels, alpha = planes(img)
        return Picture(pixels, alpha, metadata_of(img, from_caller))
