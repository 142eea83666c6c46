"""Small files, each of a kind of its own, and what Python makes of them."""

import io

import numpy as np
from PIL import Image, ImageCms

import codec
from codec.demo import SAMPLE
from codec.picture import Pixels
from tests.conftest import PICTURES, pixels_of

OLDER = "sain-x2-lite-c31ad2bc"
"""Was the default once, and is on a grid: a byte a weight."""
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def with_profile(pixels: Pixels, profile: bytes) -> Image.Image:
    img = Image.fromarray(pixels)
    img.info["icc_profile"] = profile
    return img


def swapped_profile() -> bytes:
    """sRGB with red and blue exchanged: nobody can miss whether it is honoured."""
    return SRGB.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")


def turned_photo(orientation: int, size: tuple[int, int] = (44, 28)) -> Image.Image:
    """With that orientation in its EXIF."""
    img = Image.open(PICTURES / "kodim23-crop.png").convert("RGB").resize(size)
    exif = Image.Exif()
    exif[0x0112] = orientation
    img.info["exif"] = exif.tobytes()
    return img


def small_files() -> dict[str, bytes]:
    """Name -> file."""
    first, second, third = (pixels_of(PICTURES / f"kodim{n}-crop.png") for n in ("04", "08", "23"))
    sample = pixels_of(SAMPLE)
    wide = np.hstack([sample[300:341], sample[340:381, ::-1]])[:, :1001]
    grey = np.array(Image.fromarray(first).convert("L"))
    return {
        "usual": codec.encode(first, 75),
        "odd": codec.encode(second[:133, :171], 30),
        "fine": codec.encode(third[:64, :96], 95),
        "coarse": codec.encode(third, 8),
        "grey": codec.encode(grey, 60),
        "odd-grey": codec.encode(grey[:51, :77], 40),
        "full-chroma": codec.encode(third[:101], 95, subsampling="4:4:4"),
        "compact": codec.encode(first[:47, :31], 60, header="compact"),
        "no-header": codec.encode(first[:48, :64], 60, header="none"),
        "tiny": codec.encode(second[:3, :5], 80),
        "profile": codec.encode(with_profile(first[:64, :64], SRGB), 70),
        "several-tiles": codec.encode(wide, 50),
        "older": codec.encode(first[:63, :90], 60, model=OLDER),
        "whole": codec.encode(first, 60, scale=1),
        "whole-odd": codec.encode(second[:133, :171], 30, scale=1),
        "whole-grey": codec.encode(grey[:51, :77], 40, scale=1),
        "whole-compact": codec.encode(first[:47, :31], 60, scale=1, header="compact"),
        "whole-no-header": codec.encode(first[:51, :63], 60, scale=1, header="none"),
        "whole-tiny": codec.encode(second[:3, :5], 80, scale=1),
        "whole-progressive": codec.encode(sample[:256, :384], 95, scale=1),
        "whole-tiles": codec.encode(wide, 50, scale=1),
    }


def is_progressive(data: bytes) -> bool:
    return bool(Image.open(io.BytesIO(data)).info.get("progressive"))


def shown(png: bytes) -> Image.Image:
    """What a browser was given."""
    img = Image.open(io.BytesIO(png))
    img.load()
    return img
