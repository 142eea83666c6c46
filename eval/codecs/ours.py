"""Our codec, and what shows where its gain comes from."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from inspect import signature
from typing import TYPE_CHECKING, Any

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
from codec.scaling import Scale
from eval.codecs.base import MissingCodecError

if TYPE_CHECKING:
    from codec.rescaler import Rescaler

QUALITIES = (7, 14, 24, 36, 50, 64, 75, 84, 92)
SCALED = (7, 14, 24, 36, 50, 64, 75, 84, 92, 96)
"""Of scale 1 and of the best scale for each picture, which reach further up."""
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

    model: str | None = registry.DEFAULT
    """None where `scale` chooses."""
    qualities: Sequence[int] = QUALITIES
    format: str = "jpeg"
    effort: int = 0
    form: Form = "xmp"
    scale: Scale | None = None
    tune: str | None = None
    """Which of the released weights of one network, as `codec.encode` names them; None for its own choice."""

    @property
    def _variant(self) -> list[str]:
        """What differs from the usual."""
        differs = {
            f"scale {self.scale}": self.scale is not None,
            self.format: self.format != "jpeg",
            f"effort {self.effort}": self.effort > 0,
            f"tune {self.tune}": self.tune is not None,
            f"{self.form} header": self.form != "xmp",
        }
        return [what for what, does in differs.items() if does]

    @property
    def name(self) -> str:
        own = f"sain-{self.model}" if self.model == registry.PLAIN else self.model
        return ", ".join([own or "sain", *self._variant])

    @property
    def description(self) -> str:
        refined = ", refined with the decoder in the loop" if self.effort else ""
        return f"ours: {self._small}{refined}, {self._restored}"

    @property
    def _small(self) -> str:
        if self.scale == "auto":
            return f"{self.format.upper()} of the size that serves the picture best"
        scale = self.scale or describe(self.model or registry.DEFAULT).scale
        size = "full" if scale == 1 else f"1/{scale}"
        tables = " with learned tables" if self.format == "jpeg" and self.model != registry.PLAIN else ""
        return f"{size} size {self.format.upper()}{tables}"

    @property
    def _restored(self) -> str:
        return "no network" if self.model == registry.PLAIN else "restored by the inverse network"

    @property
    def identity(self) -> str:
        made_by = " ".join(_made_by(self))
        return f"{self.name}; {made_by}; sain-codec {codec.__version__}"

    @property
    def options(self) -> dict[str, Any]:
        """Of `codec.encode`, those that are given."""
        given = {"model": self.model, "scale": self.scale, "tune": self.tune}
        options = {key: value for key, value in given.items() if value is not None}
        return options | {"format": self.format, "effort": self.effort, "header": self.form}

    def encode(self, pixels: Pixels, quality: int) -> bytes:
        return codec.encode(pixels, quality, **self.options)

    def decode(self, data: bytes, size: tuple[int, int]) -> Pixels:
        return codec.decode(data, to="numpy")

    def stored(self, data: bytes) -> Pixels | None:
        return None if self.model == registry.PLAIN else self._shown(data)

    def _shown(self, data: bytes) -> Pixels:
        img = open_image(data)
        load_image(img)
        return np.array(img.convert("RGB"))


@cache
def _made_by(ours: Ours) -> tuple[str, ...]:
    """The models that may have made our files, hashes included; raises `MissingCodecError`.

    A small file of each scale says which: whatever `codec.encode` takes by default is what is measured.
    """
    if ours.model is not None and ours.tune is None:
        return (registry.resolve(ours.model),)
    if ours.tune is not None and "tune" not in signature(codec.encode).parameters:
        raise MissingCodecError(f"codec.encode of sain-codec {codec.__version__} has no choice of tune")
    scales: tuple[Scale | None, ...] = (1, 2, 4) if ours.scale == "auto" else (ours.scale,)
    photo, options = np.zeros((16, 16, 3), np.uint8), ours.options | {"effort": 0, "header": "xmp"}
    try:
        files = [codec.encode(photo, **options | ({"scale": scale} if scale else {})) for scale in scales]
    except codec.CodecError as error:
        raise MissingCodecError(str(error)) from None
    return tuple(dict.fromkeys(codec.inspect(file).header.model for file in files))


@dataclass(frozen=True)
class Shown(Ours):
    """Our file as viewers show it, that know nothing of our network: at scale 1, a full-size picture."""

    scale: Scale | None = 1
    model: str | None = None

    @property
    def name(self) -> str:
        return f"{super().name}, as shown"

    @property
    def _restored(self) -> str:
        return "as viewers show it, without the network" + ("" if self.scale == 1 else ", enlarged by Lanczos")

    def decode(self, data: bytes, size: tuple[int, int]) -> Pixels:
        shown = Image.fromarray(self._shown(data))
        return np.array(shown if shown.size == size else shown.resize(size, Image.Resampling.LANCZOS))

    def stored(self, data: bytes) -> Pixels | None:
        return None if self.scale == 1 else super().stored(data)


@dataclass(frozen=True)
class SROnly(Ours):
    """A bicubic LR picture in our files, restored by our decoder: what the encoder's hiding adds is missing."""

    model: str = registry.DEFAULT

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

    model: str = registry.DEFAULT

    @property
    def name(self) -> str:
        return f"{self.model}, box-upsampled chroma"

    @property
    def description(self) -> str:
        return "the stored JPEG decoded with nearest instead of triangle chroma upsampling"

    def decode(self, data: bytes, size: tuple[int, int]) -> Pixels:
        return _restore(self.model, data, self._shown(data), size)

    def _shown(self, data: bytes) -> Pixels:
        try:
            import simplejpeg
        except ImportError:
            raise MissingCodecError("simplejpeg is not installed") from None
        pixels: Pixels = simplejpeg.decode_jpeg(data, "RGB", fastupsample=True)
        return pixels
