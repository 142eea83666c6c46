"""An engine for thumbor 7 that takes our files for the full pictures that they restore to.

In thumbor's configuration: `ENGINE = "codec.integrations.thumbor"`. Sizes, crops and focal points in addresses are then
those of the full picture. Where the answer has no more pixels than that part of the small picture, it is made from the
small one and no network runs. All other files are treated as by thumbor's own engine, which this one is.
"""

import io
from typing import Any

from PIL import Image

from codec import opening
from codec.errors import CodecError, PictureTooLargeError, UnknownModelError
from codec.integrations.pillow import RescaledFile
from codec.opening import Opened

try:
    from thumbor.engines.pil import Engine as PillowEngine
    from thumbor.utils import logger
except ImportError as error:
    raise ImportError(
        f"codec.integrations.thumbor needs thumbor: pip install 'sain-codec[thumbor]' ({error})"
    ) from None

Box = tuple[int, int, int, int]
_ASIDE = {
    Image.Transpose.ROTATE_90,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSPOSE,
    Image.Transpose.TRANSVERSE,
}
"""What exchanges width and height."""
_ROUNDING = 1e-6


class Engine(PillowEngine):
    """thumbor's Pillow engine, for which our files are full pictures."""

    def create_image(self, buffer: bytes) -> Any:
        """A Pillow image of a file; None for one that is too large, which thumbor answers with 400."""
        try:
            opened = opening.open_file(buffer, None, "raise", None)
            opened.alpha()  # it is lost in some copies: then the small picture is all there is
        except PictureTooLargeError as error:
            logger.warning("[sain-codec] %s", error)
            return None
        except CodecError as error:
            if isinstance(error, UnknownModelError):
                logger.warning("[sain-codec] served as the small picture that it is: %s", error)
            return super().create_image(buffer)
        img = Part(buffer, opened)
        self.icc_profile, self.exif = img.info.get("icc_profile"), img.info.get("exif")
        self.original_mode = img.mode
        return img


class Part(RescaledFile):
    """A full picture turned and then cropped, of which nothing was restored yet."""

    def __init__(
        self, data: bytes, opened: Opened, turns: tuple[Image.Transpose, ...] = (), box: Box | None = None
    ) -> None:
        self._turns, self._asked = turns, box
        super().__init__(io.BytesIO(data), None, data, opened)

    def _open(self) -> None:
        super()._open()
        self._whole = self.size[::-1] if sum(turn in _ASIDE for turn in self._turns) % 2 else self.size
        self._box = self._asked or (0, 0, *self._whole)
        self._size = (self._box[2] - self._box[0], self._box[3] - self._box[1])

    def _take(self, img: Image.Image) -> None:
        logger.debug("[sain-codec] restored in full: %dx%d", *img.size)
        super()._take(_turned(img, self._turns).crop(self._box))

    def draft(self, mode: str | None, size: tuple[int, int] | None) -> None:
        """Nothing: `resize` knows better."""

    def transpose(self, method: Image.Transpose) -> Image.Image:
        """As Pillow's; of a whole picture without restoring it."""
        if self._data is None or self._box != (0, 0, *self._whole):
            return super().transpose(method)
        return Part(self._data, self._opened, (*self._turns, method))

    def crop(self, box: tuple[float, float, float, float] | None = None) -> Image.Image:
        """As Pillow's; without restoring anything, unless the box goes beyond the picture."""
        inside = box and 0 <= box[0] < box[2] <= self.width and 0 <= box[1] < box[3] <= self.height
        if self._data is None or not box or not inside:
            return super().crop(box)
        x, y = self._box[:2]
        left, top, right, bottom = (round(side) for side in box)  # as Pillow does
        return Part(self._data, self._opened, self._turns, (x + left, y + top, x + right, y + bottom))

    def resize(self, size: Any, resample: int | None = None, box: Any = None, reducing_gap: Any = None) -> Image.Image:
        """As Pillow's; from the small picture if that has as many pixels."""
        if self._data is None or box is not None or self._opened.stated.alpha:
            return super().resize(size, resample, box, reducing_gap)
        small = _turned(self._of_file(), self._turns)
        sides = [here / there for here, there in zip(small.size * 2, self._whole * 2, strict=True)]
        left, top, right, bottom = (place * side for place, side in zip(self._box, sides, strict=True))
        if size[0] > right - left + _ROUNDING or size[1] > bottom - top + _ROUNDING:
            return super().resize(size, resample, box, reducing_gap)
        part = (left, top, min(right, small.width), min(bottom, small.height))
        return small.resize(size, resample, part, reducing_gap)


def _turned(img: Image.Image, turns: tuple[Image.Transpose, ...]) -> Image.Image:
    for turn in turns:
        img = img.transpose(turn)
    return img
