"""Our codec, and what shows where its gain comes from."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

import codec
from codec import carriers
from codec.carriers import UNBOUND, Options
from codec.carriers.base import Form
from codec.header import Header
from codec.models import registry
from codec.models.description import describe
from codec.picture import Picture, Pixels, load_image, open_image
from eval.codecs.base import MissingCodecError

if TYPE_CHECKING:
    from codec.rescaler import Rescaler

QUALITIES = (7, 14, 24, 36, 50, 64, 75, 84, 92)
REFINED = (7, 14, 24, 36, 50, 64, 75)
"""Of codecs that take their time: the range of quality in which curves are compared."""


def _rescaler(model: str) -> "Rescaler":
    from codec import rescaler

    return rescaler.load(model)


def _restore(model: str, data: bytes, shown: Pixels, size: tuple[int, int]) -> Pixels:
    """What the network makes of the LR pixels that a decoder has `shown` of a file that `codec.decode` would refuse."""
    file = carriers.read(data)
    assert file is not None and file.condition is not None  # noqa: PT018, S101 - one of our own JPEGs
    return _rescaler(model).upscale(shown, file.condition, size)


@dataclass(frozen=True)
class Ours:
    """`codec.encode` and `codec.decode`, header and all."""

    model: str = registry.DEFAULT
    qualities: Sequence[int] = QUALITIES
    format: str = "jpeg"
    effort: int = 0
    form: Form = "xmp"

    @property
    def name(self) -> str:
        differs = {self.format: self.format != "jpeg", f"effort {self.effort}": self.effort > 0}
        differs[f"{self.form} header"] = self.form != "xmp"
        return ", ".join([self.model, *(what for what, does in differs.items() if does)])

    @property
    def description(self) -> str:
        tables = " with learned tables" if self.format == "jpeg" else ""
        refined = ", refined with the decoder in the loop" if self.effort else ""
        small = f"1/{describe(self.model).scale} size {self.format.upper()}{tables}"
        return f"ours: {small}{refined}, restored by the inverse network"

    @property
    def identity(self) -> str:
        return f"{self.name}; {registry.resolve(self.model)}; sain-codec {codec.__version__}"

    def encode(self, pixels: Pixels, quality: int) -> bytes:
        return codec.encode(pixels, quality, model=self.model, format=self.format, effort=self.effort, header=self.form)

    def decode(self, data: bytes, size: tuple[int, int]) -> Pixels:
        return codec.decode(data, to="numpy")

    def stored(self, data: bytes) -> Pixels:
        img = open_image(data)
        load_image(img)
        return np.array(img.convert("RGB"))


@dataclass(frozen=True)
class SROnly(Ours):
    """A bicubic LR picture in our files, restored by our decoder: what the encoder's hiding adds is missing."""

    @property
    def name(self) -> str:
        return f"{self.model}, SR only"

    @property
    def description(self) -> str:
        return "bicubic half-size JPEG with the same tables, restored by the same network"

    def encode(self, pixels: Pixels, quality: int) -> bytes:
        rescaler, full = _rescaler(self.model), (pixels.shape[1], pixels.shape[0])
        small = Image.fromarray(pixels).resize(rescaler.lr_size(full), Image.Resampling.BICUBIC)
        header = Header(registry.resolve(self.model), full, small.size, UNBOUND)
        options = Options(quality, tables=rescaler.tables)
        return carriers.get("jpeg").write(Picture(np.array(small)), header, options)[0]


@dataclass(frozen=True)
class Resaved(Ours):
    """Our file saved again by somebody with libjpeg's standard tables, header kept: its pixels are no longer ours."""

    qualities: Sequence[int] = (14, 24, 50, 75, 92)
    again: tuple[int, ...] = (90,)
    """Libjpeg's qualities 1…100, one after the other."""
    relative: bool = False
    """Whether `again` is to be added to our quality."""

    @property
    def _how(self) -> str:
        return " and ".join(f"{'plus' if q > 0 else 'minus'} {abs(q)}" if self.relative else f"{q}" for q in self.again)

    @property
    def name(self) -> str:
        return f"{self.model}, saved again at {'our quality ' if self.relative else ''}{self._how}"

    @property
    def description(self) -> str:
        own = "our quality " if self.relative else "quality "
        return f"our file re-encoded as a JPEG of {own}{self._how}, standard tables, before it is restored"

    def encode(self, pixels: Pixels, quality: int) -> bytes:
        data = super().encode(pixels, quality)
        for number in self.again:
            img, out = open_image(data), io.BytesIO()
            load_image(img)
            number = min(100, max(1, number + quality * self.relative))
            img.save(out, "JPEG", quality=number, optimize=True, progressive=True, xmp=img.info["xmp"])
            data = out.getvalue()
        return data

    def decode(self, data: bytes, size: tuple[int, int]) -> Pixels:
        return codec.decode(data, to="numpy", on_stale="restore")


@dataclass(frozen=True)
class BoxDecoded(Ours):
    """Our file shown by a decoder that repeats chroma samples (libjpeg-turbo's fast upsampling; some hardware)."""

    @property
    def name(self) -> str:
        return f"{self.model}, box-upsampled chroma"

    @property
    def description(self) -> str:
        return "the stored JPEG decoded with nearest instead of triangle chroma upsampling"

    def decode(self, data: bytes, size: tuple[int, int]) -> Pixels:
        return _restore(self.model, data, self.stored(data), size)

    def stored(self, data: bytes) -> Pixels:
        try:
            import simplejpeg
        except ImportError:
            raise MissingCodecError("simplejpeg is not installed") from None
        pixels: Pixels = simplejpeg.decode_jpeg(data, "RGB", fastupsample=True)
        return pixels
