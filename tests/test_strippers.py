"""Real tools between `encode` and `decode`: what survives them, what is noticed.

`same`: decodes to the very same pixels. `stale`: refused, for the pixels are no longer ours. `plain`: nothing tells
that the file was ours. Three outcomes each, of a header in the XMP, a compact one, and a detached one.
"""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import codec
from codec.carriers import get
from codec.picture import Pixels
from tests.conftest import PICTURES, pixels_of
from tests.tools import TOOLS, MissingToolError

SAME, STALE, PLAIN = "same", "stale", "plain"
JPEG_TOOLS: dict[str, tuple[str, str, str]] = {
    # name: what becomes of xmp, compact, detached
    "copy": (SAME, SAME, SAME),
    "jpegtran -copy all": (SAME, SAME, SAME),
    "jpegtran": (SAME, SAME, SAME),
    "jpegtran -copy none": (SAME, SAME, SAME),
    "jpegtran -progressive": (SAME, SAME, SAME),
    "jpegoptim": (SAME, SAME, SAME),
    "jpegoptim --strip-all": (SAME, SAME, SAME),
    "exiftool -all=": (SAME, SAME, SAME),
    "exiftool -Artist": (SAME, SAME, SAME),
    "exiftool -XMP:Subject": (SAME, SAME, SAME),
    "jpegtran -crop": (STALE, SAME, STALE),
    "Pillow": (PLAIN, PLAIN, STALE),
    "Pillow, metadata passed": (STALE, PLAIN, STALE),
    "Pillow, resized": (STALE, PLAIN, STALE),
    "libvips": (STALE, PLAIN, STALE),
    "libvips, stripped": (PLAIN, PLAIN, STALE),
}
"""The compact header of a JPEG with even sides is its tables: they tell neither of a crop nor of anything after it."""

OTHER_TOOLS: dict[str, tuple[str, str, str]] = {
    "copy": (SAME, SAME, SAME),
    "Pillow, metadata passed": (STALE, STALE, STALE),
    "exiftool -Artist": (SAME, SAME, SAME),
    "exiftool -all=": (PLAIN, PLAIN, SAME),
}


def use(name: str, source: Path, target: Path) -> None:
    try:
        TOOLS[name](source, target)
    except MissingToolError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def photo() -> Pixels:
    return pixels_of(PICTURES / "kodim04-crop.png")[:128, :160]


def encoded(photo: Pixels, form: str, name: str) -> tuple[bytes, codec.Header | None]:
    if form == "detached":
        return codec.encode_detached(photo, 60, format=name)
    return codec.encode(photo, 60, format=name, header=form), None  # type: ignore[arg-type]


def becomes(data: bytes, header: codec.Header | None, before: Pixels) -> str:
    try:
        restored = codec.decode(data, header=header, to="numpy")
    except codec.StaleHeaderError:
        return STALE
    except codec.NotRescaledError:
        return PLAIN
    same = np.array_equal(restored, before[: restored.shape[0], : restored.shape[1]])
    return SAME if same or restored.shape != before.shape else "changed"


def check(tool: str, expected: tuple[str, str, str], photo: Pixels, name: str, folder: Path) -> None:
    suffix = get(name).suffixes[0]
    for form, outcome in zip(("xmp", "compact", "detached"), expected, strict=True):
        data, header = encoded(photo, form, name)
        source, target = folder / f"in-{form}{suffix}", folder / f"out-{form}{suffix}"
        source.write_bytes(data)
        use(tool, source, target)
        before = codec.decode(data, header=header, to="numpy")
        assert (form, becomes(target.read_bytes(), header, before)) == (form, outcome)


@pytest.mark.parametrize("name", JPEG_TOOLS)
def test_jpeg(name: str, photo: Pixels, tmp_path: Path) -> None:
    check(name, JPEG_TOOLS[name], photo, "jpeg", tmp_path)


@pytest.mark.parametrize("carrier", ["avif", "webp", "png"])
@pytest.mark.parametrize("name", OTHER_TOOLS)
def test_other_formats(name: str, carrier: str, photo: Pixels, tmp_path: Path) -> None:
    expected = OTHER_TOOLS[name]
    if carrier == "png" and name == "Pillow, metadata passed":
        expected = (PLAIN, SAME, SAME)  # lossless, so nothing changed; Pillow's PNG writer takes XMP another way
    check(name, expected, photo, carrier, tmp_path)


def test_a_png_that_libvips_wrote_anew(photo: Pixels, tmp_path: Path) -> None:
    xmp = "<rdf:RDF><rdf:Description dc='Zoë'/></rdf:RDF>".encode()
    img = Image.fromarray(photo)
    img.info["xmp"] = xmp
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    source.write_bytes(codec.encode(img, format="png"))
    use("libvips", source, target)
    assert source.read_bytes() != target.read_bytes()
    restored = codec.decode(target)
    assert np.array_equal(restored, codec.decode(source))
    assert restored.info["xmp"] == xmp
    assert codec.decode(codec.encode(target, scale=1)).info["xmp"] == xmp  # as an ordinary picture, too


@pytest.mark.parametrize("noisy", [False, True], ids=["in one segment", "in extended XMP"])
@pytest.mark.parametrize("name", ["jpegtran -copy all", "jpegoptim", "exiftool -Artist", "exiftool -all="])
def test_transparency_in_a_jpeg(name: str, noisy: bool, photo: Pixels, tmp_path: Path) -> None:
    side = 800 if noisy else 128
    alpha = np.random.default_rng(0).choice(np.array([0, 255], np.uint8), (side, side))
    alpha = alpha if noisy else np.repeat(np.repeat(alpha[:16, :16], 8, 0), 8, 1)
    pixels = np.dstack([np.tile(photo, (7, 6, 1))[:side, :side], alpha])
    source, target = tmp_path / "in.jpg", tmp_path / "out.jpg"
    source.write_bytes(codec.encode(pixels, 60))
    with Image.open(io.BytesIO(source.read_bytes())) as img:
        extended = [body for marker, body in img.applist if marker == "APP1" and b"/xmp/extension/" in body]  # type: ignore[attr-defined]
    assert bool(extended) == noisy
    use(name, source, target)
    if name == "jpegoptim" and noisy:  # it does not know extended XMP
        with pytest.raises(codec.CodecError, match="transparency was removed"):
            codec.decode(target)
        with pytest.warns(UserWarning, match="opaque"):
            assert codec.decode(target, on_stale="restore").mode == "RGB"
    elif name == "exiftool -all=":  # the tables still tell that it is ours, but not that it was transparent
        assert codec.decode(target).mode == "RGB"
    else:
        assert np.array_equal(codec.decode(target, to="numpy")[..., 3], alpha)
