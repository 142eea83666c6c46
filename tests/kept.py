"""What is kept of which input in which format, measured: `python -m tests.kept` writes docs/kept.md."""

import io
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

import codec
from codec import exif as exifs
from codec.carriers import carriers
from codec.picture import Picture, read_picture
from codec.scaling import Scale
from tests.conftest import PICTURES
from tests.corpora import installed

PAGE = Path(__file__).parents[1] / "docs" / "kept.md"
CARRIERS = ("jpeg", "heif", "avif", "webp", "png")
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description dc="me"/></rdf:RDF></x:xmpmeta>'

TOP = """# What is kept

Made by `python -m tests.kept`, which encodes a picture of each kind in each format and decodes it; the test suite
checks that this page is what it finds.

Each cell says what came back of what the input had: **s**ize, **m**ode (grey stays grey), **t**ransparency (exact),
**o**rientation, **E**XIF (byte for byte), **I**CC profile, **X**MP. A letter in parentheses is what was lost.
The remark says what became of the input before any format saw it.

"""
BOTTOM = """
Beside the table:

* EXIF changes in three places only, in place: the stated size is that of the picture it comes with, and an embedded
  thumbnail is made anew from the pixels, in the room of the old one, or goes. Maker notes stay where they are.
* JPEG knows no transparency: its viewers see white where nothing shows and colours elsewhere. `decode` gives back the
  exact transparency all the same, from the XMP; masks of more than 64 kB from extended XMP, which fewer tools keep.
* The colour of fully transparent pixels comes back as white from JPEG, and roughly from the others.
* A transparency that hides nothing is let go.
* JPEG XL (an optional plugin) takes no ICC profile, and its viewers do not turn the picture.
* Not kept: IPTC, comments, densities beside EXIF's, embedded previews, depth and gain maps; extended XMP and frames
  after the first, both with a warning.
* `strip="gps"` takes the place out of EXIF and XMP, `"thumbnail"` the small pictures, `"exif"`, `"xmp"` and `"icc"` all
  of each, `"all"` EXIF and XMP. The orientation always stays, for it changes how the picture looks.
* All of this holds at every scale. At `scale=1`, a PNG keeps every pixel as well.
"""


def _exif() -> bytes:
    block = Image.Exif()
    block[0x0112] = 6
    block[0x927C] = b"maker note " * 9
    block.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 0.0)})
    return block.tobytes()


def _file(img: Image.Image, name: str, **options: object) -> bytes:
    out = io.BytesIO()
    img.save(out, name, **options)
    return out.getvalue()


def inputs() -> Iterator[tuple[str, bytes, str]]:
    """Name, file, and what becomes of it at once."""
    with Image.open(PICTURES / "kodim23-crop.png") as file:
        rgb = file.convert("RGB").crop((0, 0, 63, 47))
    alpha = rgb.copy()
    alpha.putalpha(Image.radial_gradient("L").resize(rgb.size))
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    ink = rgb.convert("CMYK")
    deep = np.array(rgb.convert("L")).astype(np.uint16) * 257
    palette = alpha.quantize(16)
    yield "JPEG with all metadata", _file(rgb, "JPEG", exif=_exif(), icc_profile=icc, xmp=XMP), ""
    yield "JPEG, grey", _file(rgb.convert("L"), "JPEG", exif=_exif()), ""
    yield "JPEG, CMYK", _file(ink, "JPEG", exif=_exif(), xmp=XMP), "becomes RGB; its profile, now wrong, goes"
    yield "PNG, RGB", _file(rgb, "PNG", exif=_exif(), icc_profile=icc), ""
    yield "PNG, RGBA", _file(alpha, "PNG", icc_profile=icc), ""
    yield "PNG, grey with alpha", _file(alpha.convert("LA"), "PNG"), ""
    yield "PNG, palette", _file(rgb.quantize(16), "PNG"), "becomes RGB"
    yield "PNG, palette with transparency", _file(palette, "PNG"), "becomes RGB with alpha"
    yield "PNG, 1 bit", _file(rgb.convert("1"), "PNG"), "becomes grey"
    yield "PNG, grey, 16 bits", _file(Image.fromarray(deep), "PNG"), "becomes 8 bits, rounded"
    yield "WebP with all metadata", _file(alpha, "WEBP", exif=_exif(), icc_profile=icc, xmp=XMP, lossless=True), ""
    yield "AVIF with XMP", _file(rgb, "AVIF", xmp=XMP, icc_profile=icc), ""
    yield "GIF, animated", _file(rgb, "GIF", save_all=True, append_images=[rgb.rotate(90)]), "the first frame"
    yield "TIFF", _file(rgb, "TIFF", icc_profile=icc), ""
    yield "BMP", _file(rgb, "BMP"), ""
    yield from _heic(rgb, icc)


def _heic(rgb: Image.Image, icc: bytes) -> Iterator[tuple[str, bytes, str]]:
    from pillow_heif import from_pillow

    out = io.BytesIO()
    from_pillow(rgb).save(out, exif=_exif(), xmp=XMP, icc_profile=icc)
    yield "HEIC, turned", out.getvalue(), "libheif turns the pixels; EXIF says upright"


def cell(picture: Picture, name: str, scale: Scale) -> str:
    """What came back, in letters."""
    back = read_picture(codec.decode(codec.encode(picture, format=name, scale=scale)))
    before, after = picture.metadata, back.metadata
    alike = {
        "s": picture.size == back.size,
        "m": picture.pixels.ndim == back.pixels.ndim,
        "t": None if picture.alpha is None else np.array_equal(picture.alpha, back.alpha),
        "o": None if not before.exif else exifs.orientation(before.exif) == exifs.orientation(after.exif or b""),
        "E": None if not before.exif else before.exif == after.exif,
        "I": None if not before.icc_profile else before.icc_profile == after.icc_profile,
        "X": None if not before.xmp else before.xmp == after.xmp,
    }
    return "".join(letter if same else f"({letter})" for letter, same in alike.items() if same is not None)


def page(scale: Scale = 2) -> str:
    """The whole page, as files of a scale have it."""
    rows = [["input", *CARRIERS, "remark"], ["---"] * (len(CARRIERS) + 2)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, data, remark in inputs():
            picture = read_picture(data)
            rows.append([name, *(cell(picture, carrier, scale) for carrier in CARRIERS), remark])
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"{TOP}{table}\n{BOTTOM}"


def main() -> None:
    """Write the page."""
    if missing := set(CARRIERS) - set(installed()):
        sys.exit(f"not installed: {', '.join(sorted(missing))}")
    assert set(CARRIERS) < set(carriers())
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
