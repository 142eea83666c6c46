"""Real and hostile files where they are at hand: a picture or one of our errors, and EXIF that stays what it was."""

import contextlib
import io
import struct
import tarfile
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

import codec
from codec import exif as exifs
from codec.metadata import refreshed, strip
from codec.picture import Metadata, read_picture
from tests.conftest import SHARED

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's, about damage of all kinds

ROBUST = SHARED / "robust"
TOLD_OFFSETS = {0x8769, 0x8825, 0xA005}


@pytest.fixture(scope="session")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Files by corpus."""
    if not (ROBUST / "metadata.tar").exists():
        pytest.skip("the corpora are not at hand")
    found = {"pngsuite": sorted((ROBUST / "pngsuite").iterdir())}
    for name in ("metadata", "odd"):
        folder = tmp_path_factory.mktemp(name)
        with tarfile.open(ROBUST / f"{name}.tar") as archive:
            archive.extractall(folder, filter="data")
        found[name] = sorted(path for path in folder.rglob("*") if path.is_file())
    return found


@pytest.fixture(scope="session")
def exif_blocks(corpora: dict[str, list[Path]]) -> dict[str, bytes]:
    """EXIF of real files, by file name."""
    blocks = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in [*corpora["metadata"], *corpora["odd"], *(SHARED / "large").glob("*")]:
            try:
                exif = read_picture(path).metadata.exif
            except codec.CodecError:
                continue
            if exif:
                blocks[path.name] = exif
    return blocks


@pytest.mark.parametrize(("corpus", "least"), [("metadata", 130), ("odd", 610), ("pngsuite", 160)])
def test_a_picture_or_an_error_of_ours(corpora: dict[str, list[Path]], corpus: str, least: int) -> None:
    outcomes: Counter[str] = Counter()
    for path in corpora[corpus]:
        try:
            picture = read_picture(path)
        except codec.CodecError as error:
            assert "\n" not in str(error)  # noqa: PT017 - pictures are the other outcome
            assert " object at 0x" not in str(error)  # noqa: PT017
            outcomes[f"{type(error).__name__}: {error}"] += 1
            continue
        outcomes["pictures"] += 1
        assert picture.pixels.dtype == np.uint8
        assert picture.pixels.ndim in (2, 3)
        assert picture.pixels.flags.c_contiguous
        assert picture.alpha is None or picture.alpha.shape == picture.pixels.shape[:2]
    print(*(f"{count:4} {outcome}" for outcome, count in outcomes.most_common()), sep="\n")  # noqa: T201
    assert outcomes["pictures"] >= least


def opened(exif: bytes) -> Image.Exif:
    """As Pillow reads it; nothing where it cannot."""
    parsed = Image.Exif()
    with contextlib.suppress(SyntaxError, struct.error):
        parsed.load(exif)
    return parsed


def tags(exif: bytes) -> dict[int, object]:
    """The main and the camera's directory as Pillow reads them, but for sizes and offsets."""
    parsed = opened(exif)
    found = {**parsed, **parsed.get_ifd(0x8769)}
    return {
        tag: repr(value) for tag, value in found.items() if tag not in (0x100, 0x101, 0xA002, 0xA003, *TOLD_OFFSETS)
    }


def test_maker_notes_and_all_else_stay_byte_for_byte(exif_blocks: dict[str, bytes]) -> None:
    notes = patched = 0
    for name, exif in exif_blocks.items():
        for width, height in ((123, 45), (6001, 4001)):
            sized = exifs.with_size(exif, (width, height))
            assert len(sized) == len(exif)
            differing = sum(a != b for a, b in zip(exif, sized, strict=True))
            assert differing <= 16, name
            patched += differing > 0
        before = tags(exif)
        notes += 0x927C in before
        for other in (sized, exifs.without_gps(exif), exifs.with_thumbnail(exif, lambda _: None)):
            assert tags(other) == before, name
    assert notes >= 35
    assert patched >= 100


def fractions(degrees: object) -> list[tuple[int, int]]:
    """Degrees, minutes and seconds as EXIF has them."""
    if not isinstance(degrees, tuple) or not all(isinstance(part, IFDRational) for part in degrees):
        return []
    pairs = [(int(part.numerator), int(part.denominator)) for part in degrees]
    return pairs if any(numerator for numerator, _ in pairs) else []


def test_no_place_is_left(exif_blocks: dict[str, bytes]) -> None:
    had = found = 0
    for name, exif in exif_blocks.items():
        place = opened(exif).get_ifd(0x8825)
        had += bool(place)
        clean = strip(Metadata(exif), "gps").exif
        if clean is not None:
            assert 0x8825 not in opened(clean), name
            assert not opened(clean).get_ifd(0x8825), name
        for order in "<>":
            latitude = b"".join(struct.pack(order + "II", *degrees) for degrees in fractions(place.get(2)))
            found += bool(latitude) and latitude in exif
            assert not latitude or latitude not in (clean or b""), name
    assert had >= 20
    assert found >= 15


def test_thumbnails_show_the_new_pixels_in_the_old_room(exif_blocks: dict[str, bytes]) -> None:
    red = np.zeros((60, 80, 3), np.uint8)
    red[..., 0] = 200
    made = 0
    for name, exif in exif_blocks.items():
        new = refreshed(Metadata(exif), red, (80, 60)).exif
        assert new is not None
        assert len(new) == len(exif)
        small = opened(new).get_ifd(Image.ExifTags.IFD.IFD1)
        if 0x201 in small and exifs.is_readable(exif):
            start = 6 + small[0x201]
            with Image.open(io.BytesIO(new[start : start + small[0x202]])) as img:
                assert np.abs(np.array(img).mean((0, 1)) - (200, 0, 0)).max() < 8, name
                assert max(img.size) <= 80
            made += 1
    assert made >= 30
