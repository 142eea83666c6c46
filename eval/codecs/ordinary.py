"""What one would use instead: ordinary formats at full size, and made smaller without a network."""

import importlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from PIL import Image, features
from PIL import __version__ as pillow_version

from codec.jpeg.tables import Table, scale_tables
from codec.picture import Pixels
from eval.codecs.base import Codec, MissingCodecError

FLAT: Table = np.stack([np.full((8, 8), 16), np.full((8, 8), 20)])
"""About what training makes of the tables, for a control that has nothing but flat tables."""

Option = tuple[str, int | bool | str]


def load(data: bytes) -> Pixels:
    """RGB pixels of an ordinary picture."""
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))


@dataclass(frozen=True)
class Ordinary:
    """A format that Pillow writes, by itself or with a plugin."""

    name: str
    format: str
    options: tuple[Option, ...]
    qualities: Sequence[int]
    plugin: str | None = None
    """Package to import first; it registers the format."""
    flat: bool = False
    """JPEG with flat quantisation tables instead of the standard ones."""

    @property
    def description(self) -> str:
        settings = ", ".join(f"{key} {value}" for key, value in self.options)
        return f"full size, {self.format}{', flat tables' if self.flat else ''}{', ' if settings else ''}{settings}"

    @property
    def identity(self) -> str:
        library = {"JPEG": "libjpeg_turbo", "WEBP": "webp", "AVIF": "avif"}.get(self.format)
        number = features.version(library) if library else _version_of(self._package)
        return f"{self.name}; {self.description}; Pillow {pillow_version}, {library or self.plugin} {number}"

    @property
    def _package(self) -> str:
        """That the plugin comes in."""
        return (self.plugin or "pillow").replace("_jxl", "-jxl-plugin").replace("_", "-")

    def _load_plugin(self) -> None:
        """Import what writes the format; raises `MissingCodecError`."""
        if self.plugin is None:
            if self.format == "AVIF" and not features.check("avif"):
                raise MissingCodecError("this Pillow was built without AVIF")
            return
        _version_of(self._package)
        module = importlib.import_module(self.plugin)
        if self.plugin == "pillow_heif":
            module.register_heif_opener()

    def encode(self, pixels: Pixels, quality: int) -> bytes:
        self._load_plugin()
        out = io.BytesIO()
        options: dict[str, object] = dict(self.options)
        if self.flat:
            options["qtables"] = scale_tables(FLAT, quality).reshape(-1, 64).tolist()
        else:
            options["quality"] = quality
        Image.fromarray(pixels).save(out, self.format, **options)
        return out.getvalue()

    def decode(self, data: bytes, size: tuple[int, int]) -> Pixels:
        self._load_plugin()
        return load(data)

    def stored(self, data: bytes) -> Pixels | None:
        return None


@dataclass(frozen=True)
class MozJPEG:
    """Full-size JPEG by mozjpeg with all that it has against libjpeg: libvips' wheels carry it."""

    qualities: Sequence[int]
    name: str = "mozjpeg"
    options: tuple[Option, ...] = (
        ("quant_table", 3),  # mozjpeg's own default: ImageMagick's tables, for eyes
        ("trellis_quant", True),
        ("overshoot_deringing", True),
        ("optimize_scans", True),
        ("optimize_coding", True),
        ("interlace", True),
        ("subsample_mode", "on"),  # 4:2:0 at every quality, as the other JPEGs here
    )

    @property
    def description(self) -> str:
        settings = (key if value is True else f"{key} {value}" for key, value in self.options)
        return f"full size, JPEG by mozjpeg in libvips: {', '.join(settings)}"

    @property
    def identity(self) -> str:
        return f"{self.name}; {self.description}; pyvips-binary {_version_of('pyvips-binary')}"

    def encode(self, pixels: Pixels, quality: int) -> bytes:
        _version_of("pyvips-binary")
        pyvips = importlib.import_module("pyvips")
        img = pyvips.Image.new_from_array(np.ascontiguousarray(pixels), interpretation="srgb")
        data: bytes = img.jpegsave_buffer(Q=quality, keep="none", **dict(self.options))
        return data

    def decode(self, data: bytes, size: tuple[int, int]) -> Pixels:
        return load(data)

    def stored(self, data: bytes) -> Pixels | None:
        return None


@dataclass(frozen=True)
class Jpegli:
    """Full-size JPEG by jpegli, which knows RGB and a quality, and chooses all else by itself."""

    qualities: Sequence[int]
    name: str = "jpegli"
    description: str = "full size, JPEG by jpegli: adaptive quantisation, sequential, 4:2:0"

    @property
    def identity(self) -> str:
        return f"{self.name}; {self.description}; pyjpegli {_version_of('pyjpegli')}"

    def encode(self, pixels: Pixels, quality: int) -> bytes:
        _version_of("pyjpegli")
        height, width = pixels.shape[:2]
        module = importlib.import_module("pyjpegli")
        data: bytes = module.encode(np.ascontiguousarray(pixels), width, height, quality)
        return data

    def decode(self, data: bytes, size: tuple[int, int]) -> Pixels:
        return load(data)

    def stored(self, data: bytes) -> Pixels | None:
        return None


def _version_of(package: str) -> str:
    """Of an installed package; raises `MissingCodecError`."""
    try:
        return version(package)
    except PackageNotFoundError:
        raise MissingCodecError(f"{package} is not installed") from None


@dataclass(frozen=True)
class Downscaled:
    """Lanczos down, a carrier, Lanczos up: rescaling without a network."""

    carrier: Ordinary
    scale: int
    qualities: Sequence[int]

    @property
    def name(self) -> str:
        return f"Lanczos x{self.scale} + {self.carrier.name}"

    @property
    def description(self) -> str:
        return f"Lanczos to 1/{self.scale}, {self.carrier.description.removeprefix('full size, ')}, Lanczos back"

    @property
    def identity(self) -> str:
        return f"{self.name}; {self.carrier.identity}"

    def encode(self, pixels: Pixels, quality: int) -> bytes:
        size = -(-pixels.shape[1] // self.scale), -(-pixels.shape[0] // self.scale)
        small = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)
        return self.carrier.encode(np.array(small), quality)

    def decode(self, data: bytes, size: tuple[int, int]) -> Pixels:
        img = Image.fromarray(self.carrier.decode(data, size))
        large = img.resize((img.width * self.scale, img.height * self.scale), Image.Resampling.LANCZOS)
        return np.array(large)[: size[1], : size[0]]

    def stored(self, data: bytes) -> Pixels | None:
        return self.carrier.decode(data, (0, 0))


_JPEG: tuple[Option, ...] = (("optimize", True), ("progressive", True))
JPEG = Ordinary("JPEG", "JPEG", _JPEG, (4, 7, 12, 18, 28, 42, 60, 80, 92, 96))
MOZJPEG = MozJPEG((6, 12, 20, 30, 42, 56, 70, 82, 90, 95))
JPEGLI = Jpegli((2, 8, 16, 28, 42, 58, 72, 84, 92, 96))
FLAT_JPEG = Ordinary("JPEG, flat tables", "JPEG", _JPEG, (5, 10, 18, 30, 45, 60, 75, 90), flat=True)
WEBP = Ordinary("WebP", "WEBP", (("method", 6),), (2, 10, 25, 40, 55, 70, 85, 95))
AVIF = Ordinary("AVIF", "AVIF", (("speed", 6),), (5, 12, 20, 30, 42, 55, 70, 82, 90))
HEIF = Ordinary("HEIF", "HEIF", (), (5, 10, 16, 23, 30, 37, 45, 55, 63), plugin="pillow_heif")
JPEG_XL = Ordinary("JPEG XL", "JXL", (("effort", 7),), (8, 15, 25, 35, 48, 62, 75, 85, 92, 95), plugin="pillow_jxl")

_LOW: dict[str, tuple[int, ...]] = {
    "JPEG": (5, 12, 25, 45, 65, 85, 95, 100),
    "WebP": (2, 15, 35, 55, 75, 88, 95, 99),
    "AVIF": (5, 15, 30, 45, 60, 75, 88, 95),
    "HEIF": (5, 12, 20, 30, 40, 52, 65, 80),
}

ORDINARY: dict[str, Codec] = {
    "jpeg": JPEG,
    "jpeg-flat": FLAT_JPEG,
    "mozjpeg": MOZJPEG,
    "jpegli": JPEGLI,
    "webp": WEBP,
    "avif": AVIF,
    "heif": HEIF,
    "jxl": JPEG_XL,
    **{
        f"lanczos-x{scale}-{key}": Downscaled(carrier, scale, _LOW[carrier.name])
        for scale in (2, 4)
        for key, carrier in (("jpeg", JPEG), ("webp", WEBP), ("avif", AVIF), ("heif", HEIF))
    },
}
"""By the name that the command line takes."""
