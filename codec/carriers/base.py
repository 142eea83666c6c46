"""What all carriers share: options, an opened file, and the way from an LR picture to bytes."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from PIL import Image

from codec import embed
from codec import exif as exifs
from codec.errors import CodecError, PictureTooLargeError
from codec.header import Header, Size
from codec.jpeg.tables import STANDARD, Table
from codec.picture import Metadata, Picture, load_image, open_image
from codec.reading import our_errors

if TYPE_CHECKING:
    from codec.jpeg.coefficients import Coefficients

Form = Literal["xmp", "compact", "none"]
Subsampling = Literal["4:2:0", "4:4:4"]
UNBOUND = "00000000"
"""Digest of a header whose file is not written yet."""


@dataclass(frozen=True)
class Options:
    """How an LR picture is to be written."""

    quality: float = 75
    """1…100, of the format's own encoder; only JPEG's may lie between whole numbers."""
    subsampling: Subsampling | None = None
    """None: the format's usual one."""
    form: Form = "xmp"
    """Where the header goes: the XMP packet, the fewest bytes that the format allows, or nowhere."""
    tables: Table = field(default_factory=lambda: STANDARD)
    """The model's base quantisation tables `[2, 8, 8]`, which JPEG alone can use."""
    coefficients: "Coefficients | None" = None
    """What is written instead of the LR picture's own, which JPEG alone can."""


@cache
def _calibration() -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "calibration.json").read_text())
    return table


@dataclass(frozen=True)
class LRFile:
    """An opened file: its pixels are not decoded before `picture` is called (or, for PNG, `digest`)."""

    carrier: "Carrier"
    data: bytes
    image: Image.Image

    @property
    def size(self) -> Size:
        """Width and height of the LR picture, in the order in which its pixels are stored."""
        return self.carrier.stored_size(self.image)

    @cached_property
    def header(self) -> Header | None:
        """The header found in the file, None if there is none."""
        return self.carrier.find_header(self)

    @cached_property
    def digest(self) -> str:
        """What a header of this file must be bound to."""
        return self.carrier.digest(self)

    @property
    def condition(self) -> float | None:
        """The coarseness that the file itself states, None where only a header does."""
        return self.carrier.stated_condition(self.image)

    @property
    def alpha(self) -> bytes | None:
        """The coded transparency of the full picture, None if there is none."""
        return self.carrier.find_alpha(self.image)

    def picture(self) -> Picture:
        """Decode the pixels; the metadata are the user's alone. Grey or RGB, as the file has it."""
        load_image(self.image)
        return Picture(self.carrier.pixels(self.image), metadata=self.carrier.users(self.image))


class Carrier(ABC):
    """A file format. Subclasses say what is special about theirs; the contract is in the package's docstring."""

    name: ClassVar[str]
    pillow: ClassVar[str]
    """Pillow's name of the format."""
    suffixes: ClassVar[tuple[str, ...]]
    """Of file names, the usual one first."""
    mime: ClassVar[str]
    max_side: ClassVar[int]
    """Pixels."""
    subsamplings: ClassVar[tuple[Subsampling, ...]] = ("4:2:0", "4:4:4")
    """Of chroma that the format can have, the usual one first."""
    lossy: ClassVar[bool] = True
    """Whether `quality` means anything."""
    refined: ClassVar[Literal["coefficients", "pixels"] | None] = None
    """What effort makes better: a JPEG's coefficients (`codec.refinement`), LR pixels (`codec.hcd`), or nothing."""
    grey: ClassVar[bool] = False
    """Whether the format holds pictures of one channel."""
    transparent: ClassVar[bool] = True
    """Whether viewers see transparency."""

    # how it is written ----------------------------------------------------------------------------------------------

    def qualities(self) -> Sequence[float]:
        """All that lead to different files, the coarsest first."""
        return range(1, 101) if self.lossy else (100,)

    def tells(self, model: str, options: Options) -> bool:
        """Whether the file's own tables name the model: what a file without header needs, if nothing else."""
        return False

    def condition(self, options: Options) -> float:
        """What the network is told, by the calibration."""
        points = _calibration()[self.name][self.subsampling(options)]
        return round(float(np.interp(options.quality, points["quality"], points["condition"])), 2)

    def subsampling(self, options: Options) -> Subsampling:
        """As asked for, or the usual one."""
        return options.subsampling or self.subsamplings[0]

    @abstractmethod
    def save(self, img: Image.Image, options: Options, metadata: Mapping[str, bytes]) -> bytes:
        """`img` (L, LA, RGB or RGBA, as the format can) as a file; `metadata` has exif, icc_profile and xmp if any."""

    def written_digest(self, lr: Picture, options: Options) -> str | None:
        """The digest of a file that is about to be written; None where it takes the finished file to tell."""
        return None

    def write(self, lr: Picture, header: Header, options: Options, alpha: bytes | None = None) -> tuple[bytes, Header]:
        """The file, and `header` bound to it. `alpha`: coded transparency of the full picture.

        `header` states no digest yet; its `grey` is left out where the file itself tells.
        """
        header = self.stated(header, lr)
        digest = self.written_digest(lr, options)
        header = replace(header, digest=digest or UNBOUND)
        if digest is None:
            # writing twice would double the slowest step: write once, then put the digest where zeros were
            data = self._save(lr, header, options, alpha)
            bound = replace(header, digest=self.digest(self.reopened(data)))
            old, new = header.format().encode(), bound.format().encode()
            if options.form == "none" or data.count(old) == 1:
                return data.replace(old, new), bound
            header = bound
        return self._save(lr, header, options, alpha), header

    def stated(self, header: Header, lr: Picture) -> Header:
        """Without what the file itself tells."""
        return replace(header, grey=lr.pixels.ndim == 2 and not self.grey)

    def check(self, options: Options) -> None:
        """Raise `CodecError` for options that the format has not, or whose encoder is not installed."""
        if self.subsampling(options) not in self.subsamplings:
            raise CodecError(f"{self.name} has no {options.subsampling!r}: choose {', '.join(self.subsamplings)}")

    def check_size(self, size: Size) -> None:
        """Raise `PictureTooLargeError` for an LR picture that the format cannot hold."""
        if max(size) > self.max_side:
            raise PictureTooLargeError(
                f"{self.name} holds at most {self.max_side} pixels a side; the LR picture is {size[0]}x{size[1]}"
            )

    def _save(self, lr: Picture, header: Header, options: Options, alpha: bytes | None) -> bytes:
        kept = self.embedded(header, lr.metadata, options, alpha)
        if not self.transparent:
            lr = replace(lr, alpha=None)
        elif lr.pixels.ndim == 2 and not self.grey:
            lr = replace(lr, pixels=lr.rgb)
        with our_errors(f"the {self.name} encoder refused it"):
            return self.save(replace(lr, metadata=Metadata()).to_pil(), options, kept)

    def embedded(self, header: Header, users: Metadata, options: Options, alpha: bytes | None) -> dict[str, bytes]:
        """What is written beside the pixels: the user's metadata, and ours in the form that is asked for."""
        in_exif = options.form == "compact" and users.exif is None
        in_xmp = options.form == "xmp" or (options.form == "compact" and not in_exif)
        xmp = embed.insert(header if in_xmp else None, users.xmp, alpha)
        exif = embed.exif_of(header) if in_exif else users.exif
        return {k: v for k, v in (("exif", exif), ("icc_profile", users.icc_profile), ("xmp", xmp)) if v}

    # how it is read -------------------------------------------------------------------------------------------------

    def open(self, data: bytes, img: Image.Image) -> LRFile | None:
        """An opened file; None if no file of ours could look like it."""
        return LRFile(self, data, img)

    def reopened(self, data: bytes) -> LRFile:
        """A file that was just written."""
        file = self.open(data, open_image(data))
        if file is None:
            raise CodecError(f"the {self.name} encoder wrote a file that cannot be read again")
        return file

    @abstractmethod
    def digest(self, file: LRFile) -> str:
        """Of the coded pixels, see `codec.header.digest`."""

    def find_header(self, file: LRFile) -> Header | None:
        """The header in a file, whichever form it has; raises `CodecError` for a malformed one."""
        return embed.find(file.image.info.get("xmp")) or embed.find_text(file.image.info.get("exif"))

    def find_alpha(self, img: Image.Image) -> bytes | None:
        """The coded transparency in a file."""
        return embed.find_alpha(img.info.get("xmp"))

    def stated_condition(self, img: Image.Image) -> float | None:
        """The coarseness that a file itself states."""
        return None

    def stored_size(self, img: Image.Image) -> Size:
        """Width and height in the order in which pixels are stored."""
        return img.size

    def pixels(self, img: Image.Image) -> Any:
        """The pixels of a loaded file, `[h, w, 3]` or `[h, w]`; transparency for viewers is left out."""
        mode = "L" if img.mode in ("L", "LA") else "RGB"
        return np.array(img if img.mode == mode else img.convert(mode))

    def users(self, img: Image.Image) -> Metadata:
        """The metadata without ours."""
        info = img.info
        exif = embed.remove_exif(exifs.prefixed(info.get("exif")))
        return Metadata(exif, info.get("icc_profile"), embed.remove(info.get("xmp")))
