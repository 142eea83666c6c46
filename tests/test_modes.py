"""Every kind of picture becomes grey or RGB, eight bits, with or without transparency; or is refused with a reason."""

import io
import struct
import sys
import zlib
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

import codec
from codec.jxl import jxl_size
from codec.modes import reduced
from codec.picture import Picture, Pixels, read_picture
from tests.conftest import PICTURES, SHARED

GREY = np.array([[0, 100], [200, 255]], np.uint8)
ALPHA = np.array([[0, 255], [128, 255]], np.uint8)
RGB = np.stack([GREY, GREY[::-1], 255 - GREY], 2)
RGBA = np.dstack([RGB, ALPHA])


def saved(img: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    img.save(out, kind, **options)
    return out.getvalue()


def same(picture: Picture, pixels: Pixels, alpha: Pixels | None = None) -> bool:
    if alpha is None or picture.alpha is None:
        return np.array_equal(picture.pixels, pixels) and alpha is picture.alpha
    return np.array_equal(picture.pixels, pixels) and np.array_equal(picture.alpha, alpha)


@pytest.mark.parametrize("wide", [False, True], ids=["uint8", "uint16"])
@pytest.mark.parametrize(
    ("array", "pixels", "alpha"),
    [
        (GREY, GREY, None),
        (GREY[..., None], GREY, None),
        (np.dstack([GREY, ALPHA]), GREY, ALPHA),
        (RGB, RGB, None),
        (RGBA, RGB, ALPHA),
        (np.dstack([RGB, np.full_like(ALPHA, 255)]), RGB, None),
    ],
    ids=["L", "L1", "LA", "RGB", "RGBA", "opaque"],
)
def test_arrays_and_tensors(array: Pixels, pixels: Pixels, alpha: Pixels | None, wide: bool) -> None:
    assert same(read_picture(array * np.uint16(257) if wide else array), pixels, alpha)
    planes = torch.from_numpy(array if array.ndim == 3 else array[..., None]).permute(2, 0, 1)
    assert same(read_picture(planes.double() / 255 if wide else planes), pixels, alpha)


def test_arrays_in_the_other_byte_order() -> None:
    assert same(read_picture((RGB * np.uint16(257)).astype(">u2")), RGB)


@pytest.mark.parametrize(
    ("pixels", "alpha", "mode"), [(GREY, None, "L"), (RGB, None, "RGB"), (GREY, ALPHA, "LA"), (RGB, ALPHA, "RGBA")]
)
def test_all_ways_out_lead_back(pixels: Pixels, alpha: Pixels | None, mode: str) -> None:
    picture = Picture(pixels, alpha)
    assert picture.to_pil().mode == mode
    assert (picture.size, picture.rgb.shape) == ((2, 2), (2, 2, 3))
    for kind in ("pil", "numpy", "torch"):
        assert same(read_picture(picture.to(kind)), pixels, alpha)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "YCbCr", "HSV", "CMYK"])
def test_opaque_modes_look_as_pillow_shows_them(mode: str) -> None:
    img = (
        Image.fromarray(RGB).convert("L").convert(mode) if mode in ("LA", "PA") else Image.fromarray(RGB).convert(mode)
    )
    picture = read_picture(img)
    assert picture.alpha is None
    assert np.array_equal(picture.rgb, np.array(img.convert("RGB")))
    assert (picture.pixels.ndim == 2) == (mode in ("1", "L", "LA"))


def test_premultiplied_transparency_is_divided_out() -> None:
    for mode, alpha_mode in (("La", "LA"), ("RGBa", "RGBA")):
        img = Image.fromarray(RGBA).convert(alpha_mode)
        picture, want = read_picture(img.convert(mode)), np.array(img.convert(mode).convert(alpha_mode))
        assert picture.alpha is not None
        assert np.array_equal(np.dstack([picture.pixels, picture.alpha]), want)
        assert np.array_equal(picture.alpha, ALPHA)


def test_palettes_with_transparency() -> None:
    img = Image.fromarray(RGBA).quantize(4, method=Image.Quantize.FASTOCTREE)
    assert img.palette is not None
    picture = read_picture(img)
    assert (img.mode, img.palette.mode) == ("P", "RGBA")
    assert picture.alpha is not None
    assert np.array_equal(picture.to("numpy"), np.array(img.convert("RGBA")))
    for transparency in (2, bytes([255, 255, 7])):
        flat = Image.fromarray(np.array([[0, 1], [2, 3]], np.uint8), "L")
        flat.putpalette(bytes(range(12)))
        png = saved(flat, "PNG", transparency=transparency)
        assert same(read_picture(png), np.arange(12, dtype=np.uint8).reshape(2, 2, 3), read_picture(png).alpha)
        assert np.array_equal(read_picture(png).alpha == 255, [[True, True], [False, True]])  # type: ignore[comparison-overlap]


@pytest.mark.parametrize(("array", "key", "hidden"), [(GREY, 200, (1, 0)), (RGB, (100, 255, 155), (0, 1))])
def test_a_colour_that_means_transparent(array: Pixels, key: Any, hidden: tuple[int, int]) -> None:
    picture = read_picture(saved(Image.fromarray(array), "PNG", transparency=key))
    assert np.array_equal(picture.pixels, array)
    assert picture.alpha is not None
    assert picture.alpha[hidden] == 0
    assert picture.alpha.sum() == 3 * 255


@pytest.mark.parametrize("name", ["tbbn0g04", "tbwn0g16", "tbrn2c08", "tbbn2c16", "tbbn3p08"])
def test_transparency_of_any_depth(name: str) -> None:
    path = SHARED / "robust" / "pngsuite" / f"{name}.png"
    if not path.exists():
        pytest.skip("PngSuite is not at hand")
    alpha = read_picture(path).alpha
    assert alpha is not None
    assert alpha[0, 0] == 0  # the cube stands free in all of them
    assert alpha[16, 16] == 255


def png(depth: int, colour: int, row: bytes, key: bytes) -> bytes:
    """A PNG of two pixels side by side; `key`: the colour that means transparent."""
    data = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", 2, 1, depth, colour, 0, 0, 0)
    for name, body in (("IHDR", header), ("tRNS", key), ("IDAT", zlib.compress(b"\0" + row)), ("IEND", b"")):
        chunk = name.encode() + body
        data += struct.pack(">I", len(body)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return data


@pytest.mark.parametrize(
    ("depth", "colour", "row", "key"),
    [
        (2, 0, b"\x60", b"\0\x01"),
        (4, 0, b"\x5f", b"\0\x05"),
        (8, 0, b"\x05\xff", b"\0\x05"),
        (16, 0, b"\x05\x06\xff\xff", b"\x05\x06"),
        (16, 2, b"\x05\x06\x07\x08\x09\x0a" + bytes(6), b"\x05\x06\x07\x08\x09\x0a"),
    ],
)
def test_transparent_colours_of_any_depth(depth: int, colour: int, row: bytes, key: bytes) -> None:
    alpha = read_picture(png(depth, colour, row, key)).alpha
    assert alpha is not None
    assert alpha.tolist() == [[0, 255]]


@pytest.mark.parametrize("mode", ["I;16", "I;16L", "I;16B", "I;16N", "I"])
def test_sixteen_bits_are_rounded(mode: str) -> None:
    for value in (0, 128, 129, 385, 32767, 65406, 65407, 65535):
        assert read_picture(Image.new(mode, (3, 2), value)).pixels.tolist() == [[round(value / 257)] * 3] * 2


def test_every_sixteen_bit_value_is_rounded() -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    assert np.array_equal(reduced(values), np.round(values / 257))


@pytest.mark.parametrize("value", [-1, 65536])
def test_wider_integers_are_refused(value: int) -> None:
    with pytest.raises(codec.UnsupportedFormatError, match="32-bit"):
        read_picture(Image.new("I", (2, 2), value))


@pytest.mark.parametrize(("mode", "reason"), [("F", "floating-point"), ("LAB", "Lab")])
def test_modes_without_a_meaning_in_rgb_are_refused(mode: str, reason: str) -> None:
    with pytest.raises(codec.UnsupportedFormatError, match=reason):
        read_picture(Image.new(mode, (2, 2)))


def test_cmyk_by_profile_or_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    img = Image.fromarray(RGB).convert("CMYK")
    for profile in (b"no profile at all", ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()):
        picture = read_picture(saved(img, "TIFF", icc_profile=profile))
        assert np.array_equal(picture.pixels, np.array(img.convert("RGB")))
        assert picture.metadata.icc_profile is None
    # no CMYK profile is free to ship: what is asked of the library is what counts
    asked: list[Any] = []
    monkeypatch.setattr(ImageCms, "ImageCmsProfile", lambda file: file.read())
    monkeypatch.setattr(ImageCms, "profileToProfile", lambda *args, **_: asked.append(args) or Image.new("RGB", (2, 2)))
    img.info["icc_profile"] = b"a profile"
    assert not read_picture(img).pixels.any()
    assert (asked[0][1], asked[0][4]) == (b"a profile", "RGB")


def test_inverted_cmyk_of_adobe_is_white_where_there_is_no_ink() -> None:
    white = saved(Image.new("CMYK", (8, 8)), "JPEG")  # Pillow marks it as Adobe does
    assert b"Adobe" in white
    assert read_picture(white).pixels.min() == 255


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "TIFF", "WEBP", "AVIF", "PPM", "TGA", "JPEG2000"])
def test_formats_through_pillow(kind: str) -> None:
    options = {"WEBP": {"lossless": True}, "AVIF": {"quality": 100}}.get(kind, {})
    picture = read_picture(saved(Image.fromarray(np.repeat(GREY, 8, 0).repeat(8, 1)), kind, **options))
    assert picture.size == (16, 16)
    assert np.abs(picture.rgb[4, 4] - 0.0).max() <= 2
    assert np.abs(picture.rgb[12, 12] - 255.0).max() <= 2


@pytest.mark.parametrize("brand", ["heif", "avif-like"])
def test_heic(one_photo: Pixels, brand: str, monkeypatch: pytest.MonkeyPatch) -> None:
    heif = pytest.importorskip("pillow_heif")
    exif = Image.Exif()
    exif[0x112] = 6
    out = io.BytesIO()
    heif.from_pillow(Image.fromarray(one_photo)).save(out, quality=95, exif=exif.tobytes())
    data = out.getvalue() if brand == "heif" else out.getvalue().replace(b"ftypheic", b"ftypmif1", 1)
    openers = set(Image.OPEN)
    picture = read_picture(data)
    # libheif turns the pixels itself, so nothing may tell a viewer to do it again
    assert picture.size == (144, 192)
    assert Image.Image.getexif(picture.to_pil())[0x112] == 1
    assert set(Image.OPEN) == openers
    with pytest.raises(codec.PictureTooLargeError, match="144x192"):
        read_picture(data, max_pixels=1000)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.setattr(Image, "ID", [name for name in Image.ID if name != "HEIF"])  # another test may register it
    with pytest.raises(codec.UnsupportedFormatError, match=r"pip install 'sain-codec\[heif\]'"):
        read_picture(data)


@pytest.mark.parametrize("start", [b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"])
def test_jpeg_xl_names_its_plugin(start: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pillow_jxl", "pillow_jxl.JpegXLImagePlugin"):  # another test may have imported either
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(codec.UnsupportedFormatError, match=r"pip install 'sain-codec\[jxl\]'"):
        read_picture(start + bytes(20))


def jxl_start(*numbers: tuple[int, int]) -> bytes:
    """A codestream that begins with numbers of the given widths, lowest bit first."""
    total, value = 0, 0
    for number, width in numbers:
        value |= number << total
        total += width
    return b"\xff\x0a" + value.to_bytes(12, "little")


JXL = [
    ((32, 32), jxl_start((1, 1), (3, 5), (1, 3))),
    ((64, 8), jxl_start((1, 1), (0, 5), (0, 3), (7, 5))),
    ((192, 144), jxl_start((0, 1), (0, 2), (143, 9), (3, 3))),
    ((70_000, 9000), jxl_start((0, 1), (2, 2), (8999, 18), (0, 3), (2, 2), (69_999, 18))),
]


@pytest.mark.parametrize(("size", "stream"), JXL)
def test_the_size_of_jpeg_xl_is_known_before_it_is_read(
    size: tuple[int, int], stream: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0\0\0\x14ftypjxl \0\0\0\0jxl "
    whole, part = b"\0\0\0\0jxlc" + stream, b"\0\0\0\0jxlp\0\0\0\0" + stream
    wide = b"\0\0\0\x01Exif" + (20).to_bytes(8, "big") + bytes(4) + whole
    for data in (stream, head + whole, head + part, head + wide):
        assert jxl_size(data) == size
    for data in (head, head + bytes(30), head + b"\0\0\0\0jxlcnone of it"):
        with pytest.raises(codec.UnsupportedFormatError, match="codestream"):
            jxl_size(data)
    monkeypatch.setitem(sys.modules, "pillow_jxl.JpegXLImagePlugin", SimpleNamespace())
    with pytest.raises(codec.PictureTooLargeError, match=f"{size[0]}x{size[1]}"):
        read_picture(stream, max_pixels=100)


def test_a_panic_of_the_jpeg_xl_decoder_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):
        pass

    def decoder(file: io.BytesIO) -> None:
        raise PanicException

    monkeypatch.setitem(sys.modules, "pillow_jxl.JpegXLImagePlugin", SimpleNamespace(JXLImageFile=decoder))
    with pytest.raises(codec.UnsupportedFormatError, match="gave up"):
        read_picture(JXL[0][1])


def test_real_photos_of_phones() -> None:
    path = SHARED / "large" / "iphone-13.heic"
    if not path.exists():
        pytest.skip("the large photos are not at hand")
    pytest.importorskip("pillow_heif")
    picture = read_picture(path)
    assert picture.size == (3024, 4032)
    assert picture.metadata.exif
    assert picture.metadata.icc_profile


def test_a_palette_photo(one_photo: Pixels) -> None:
    palette = Image.open(PICTURES / "kodim04-crop.png").quantize(64)
    assert np.array_equal(read_picture(palette).pixels, np.array(palette.convert("RGB")))
