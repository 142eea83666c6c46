"""Real tools between `encode` and `decode`: what survives them, what is noticed.

`same`: decodes to the very same pixels. `stale`: refused, for the pixels are no longer ours. `plain`: nothing tells
that the file was ours. Three outcomes each, of a header in the XMP, a compact one, and a detached one.
"""

import io
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import codec
from codec.carriers import get
from codec.picture import Pixels
from tests.conftest import PICTURES, pixels_of

JPEGTRAN, JPEGOPTIM, EXIFTOOL = "jpegtran", "jpegoptim", "exiftool"
SAME, STALE, PLAIN = "same", "stale", "plain"
Tool = Callable[[Path, Path], None]


def shell(*command: str) -> Tool:
    """A program that reads IN and writes OUT, or changes a copy in place."""

    def tool(source: Path, target: Path) -> None:
        if shutil.which(command[0]) is None:
            pytest.skip(f"{command[0]} is not installed")
        names = {"IN": str(source), "OUT": str(target)}
        if "IN" not in command:
            shutil.copy(source, target)
        subprocess.run([names.get(word, word) for word in command], check=True, capture_output=True)

    return tool


def pillow(*kept: str, size: tuple[int, int] | None = None) -> Tool:
    def tool(source: Path, target: Path) -> None:
        with Image.open(source) as img:
            options = {key: img.info[key] for key in kept if key in img.info}
            (img.resize(size) if size else img).save(target, quality=85, **options)

    return tool


def vips(**options: object) -> Tool:
    def tool(source: Path, target: Path) -> None:
        pyvips = pytest.importorskip("pyvips")
        pyvips.Image.new_from_file(str(source)).write_to_file(str(target), **options)

    return tool


def copied(source: Path, target: Path) -> None:
    shutil.copy(source, target)


JPEG_TOOLS: dict[str, tuple[Tool, tuple[str, str, str]]] = {
    # name: (tool, what becomes of xmp, compact, detached)
    "copy": (copied, (SAME, SAME, SAME)),
    "jpegtran -copy all": (shell(JPEGTRAN, "-copy", "all", "-outfile", "OUT", "IN"), (SAME, SAME, SAME)),
    "jpegtran": (shell(JPEGTRAN, "-outfile", "OUT", "IN"), (SAME, SAME, SAME)),
    "jpegtran -copy none": (shell(JPEGTRAN, "-copy", "none", "-outfile", "OUT", "IN"), (SAME, SAME, SAME)),
    "jpegtran -progressive": (
        shell(JPEGTRAN, "-copy", "none", "-progressive", "-outfile", "OUT", "IN"),
        (SAME, SAME, SAME),
    ),
    "jpegoptim": (shell(JPEGOPTIM, "OUT"), (SAME, SAME, SAME)),
    "jpegoptim --strip-all": (shell(JPEGOPTIM, "--strip-all", "--all-progressive", "OUT"), (SAME, SAME, SAME)),
    "exiftool -all=": (shell(EXIFTOOL, "-all=", "-overwrite_original", "OUT"), (SAME, SAME, SAME)),
    "exiftool -Artist": (shell(EXIFTOOL, "-Artist=me", "-overwrite_original", "OUT"), (SAME, SAME, SAME)),
    "exiftool -XMP:Subject": (  # writes the whole packet anew
        shell(EXIFTOOL, "-XMP-dc:Subject=me", "-overwrite_original", "OUT"),
        (SAME, SAME, SAME),
    ),
    "jpegtran -crop": (
        shell(JPEGTRAN, "-copy", "all", "-crop", "32x32+0+0", "-outfile", "OUT", "IN"),
        (STALE, SAME, STALE),
    ),
    "Pillow": (pillow(), (PLAIN, PLAIN, STALE)),
    "Pillow, metadata passed": (pillow("exif", "xmp"), (STALE, PLAIN, STALE)),
    "Pillow, resized": (pillow("exif", "xmp", size=(30, 30)), (STALE, PLAIN, STALE)),
    "libvips": (vips(), (STALE, PLAIN, STALE)),
    "libvips, stripped": (vips(keep=0), (PLAIN, PLAIN, STALE)),
}
"""The compact header of a JPEG with even sides is its tables: they tell neither of a crop nor of anything after it."""

OTHER_TOOLS: dict[str, tuple[Tool, tuple[str, str, str]]] = {
    "copy": (copied, (SAME, SAME, SAME)),
    "Pillow, metadata passed": (pillow("exif", "xmp"), (STALE, STALE, STALE)),
    "exiftool -Artist": (shell(EXIFTOOL, "-Artist=me", "-overwrite_original", "OUT"), (SAME, SAME, SAME)),
    "exiftool -all=": (shell(EXIFTOOL, "-all=", "-overwrite_original", "OUT"), (PLAIN, PLAIN, SAME)),
}


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


def check(tool: Tool, expected: tuple[str, str, str], photo: Pixels, name: str, folder: Path) -> None:
    suffix = get(name).suffixes[0]
    for form, outcome in zip(("xmp", "compact", "detached"), expected, strict=True):
        data, header = encoded(photo, form, name)
        source, target = folder / f"in-{form}{suffix}", folder / f"out-{form}{suffix}"
        source.write_bytes(data)
        tool(source, target)
        before = codec.decode(data, header=header, to="numpy")
        assert (form, becomes(target.read_bytes(), header, before)) == (form, outcome)


@pytest.mark.parametrize("name", JPEG_TOOLS)
def test_jpeg(name: str, photo: Pixels, tmp_path: Path) -> None:
    check(*JPEG_TOOLS[name], photo, "jpeg", tmp_path)


@pytest.mark.parametrize("carrier", ["avif", "webp", "png"])
@pytest.mark.parametrize("name", OTHER_TOOLS)
def test_other_formats(name: str, carrier: str, photo: Pixels, tmp_path: Path) -> None:
    tool, expected = OTHER_TOOLS[name]
    if carrier == "png" and name == "Pillow, metadata passed":
        expected = (PLAIN, SAME, SAME)  # lossless, so nothing changed; Pillow's PNG writer takes XMP another way
    check(tool, expected, photo, carrier, tmp_path)


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
    JPEG_TOOLS[name][0](source, target)
    if name == "jpegoptim" and noisy:  # it does not know extended XMP
        with pytest.raises(codec.CodecError, match="transparency was removed"):
            codec.decode(target)
        with pytest.warns(UserWarning, match="opaque"):
            assert codec.decode(target, on_stale="restore").mode == "RGB"
    elif name == "exiftool -all=":  # the tables still tell that it is ours, but not that it was transparent
        assert codec.decode(target).mode == "RGB"
    else:
        assert np.array_equal(codec.decode(target, to="numpy")[..., 3], alpha)
