"""What is left out by wish is gone; what changes how the picture looks stays; a thumbnail shows its picture."""

import io
import time

import numpy as np
import pytest
from PIL import Image

import codec
from codec import exif as exifs
from codec.metadata import Metadata, refreshed, strip
from codec.picture import Pixels
from tests.test_exif import JPEG, PLACE, SMALL, build, opened

XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/"
 exif:GPSLatitude="52,1.5N" exif:GPSLongitude = '4,2E' drone-dji:GpsLongtitude="4.3" dc:title="a title">
<exif:GPSAltitude>3/1</exif:GPSAltitude><exif:GPSMapDatum/><dc:creator>me</dc:creator>
<xmp:Thumbnails><rdf:Alt><rdf:li xmpGImg:image="/9j/4AAQ"/></rdf:Alt></xmp:Thumbnails>
</rdf:Description></rdf:RDF></x:xmpmeta>"""
FULL = Metadata(build(), b"a profile", XMP)


def test_nothing_named_is_nothing_lost() -> None:
    assert strip(FULL, ()) == FULL
    for name in ("gps", "exif", "xmp", "icc", "thumbnail", "all"):
        assert strip(Metadata(), name) == Metadata()


@pytest.mark.parametrize(
    ("what", "kept"),
    [
        ("exif", {"icc_profile", "xmp"}),
        ("xmp", {"exif", "icc_profile"}),
        ("icc", {"exif", "xmp"}),
        ("all", {"icc_profile"}),
    ],
)
def test_whole_blocks(what: str, kept: set[str]) -> None:
    left = strip(FULL, what)
    assert {name for name in vars(FULL) if getattr(left, name) == getattr(FULL, name)} == kept
    assert what == "icc" or exifs.orientation(left.exif or b"") == 6
    if what in ("exif", "all"):
        assert left.exif == exifs.only_orientation(6)


def test_upright_pictures_need_no_exif() -> None:
    assert strip(Metadata(exifs.with_orientation(build(), 1)), "exif").exif is None


def test_several_at_once() -> None:
    assert strip(FULL, ["xmp", "icc"]) == Metadata(FULL.exif)
    assert strip(FULL, {"all", "icc", "gps"}) == Metadata(exifs.only_orientation(6))


@pytest.mark.parametrize("what", ["place", "", ["gps", "Exif"], [None]])
def test_other_names_are_refused(what: str | list[str]) -> None:
    with pytest.raises(codec.CodecError, match="strip can be gps, exif, xmp, icc, thumbnail, all, not "):
        strip(FULL, what)


def test_the_place_goes_and_the_rest_stays() -> None:
    left = strip(FULL, "gps")
    assert left.exif is not None
    assert left.xmp is not None
    assert 0x8825 not in opened(left.exif)
    assert not any(left.exif[6 + PLACE : 6 + SMALL])
    assert opened(left.exif)[0x10F] == "a camera"
    assert JPEG in left.exif
    assert b"gps" not in left.xmp.lower()
    for rest in (b'dc:title="a title"', b"<dc:creator>me</dc:creator>", b"<xmp:Thumbnails>", b"</rdf:Description>"):
        assert rest in left.xmp


@pytest.mark.parametrize(
    "xmp",
    [
        XMP.decode().encode("utf-16"),
        XMP.decode().encode("utf-16-le"),
        XMP + b"\xff",
        b"<exif:GPSLatitude>52,1.5N",
        b"<GPSLatitude xmlns='http://ns.adobe.com/exif/1.0/'>52</GPSLatitude>",
        b"<geo:Point xmlns:geo='http://www.w3.org/2003/01/geo/wgs84_pos#' geo:lat='52'/>",
        b"<a:GPSTag><a:GPSTag>52</a:GPSTag></a:GPSTag>",
        b"<x dc:description='from a GPS track'/>",
    ],
)
def test_packets_that_may_still_know_the_place_go(xmp: bytes) -> None:
    assert strip(Metadata(xmp=xmp), "gps").xmp is None


@pytest.mark.parametrize("xmp", [b"<rdf:RDF></rdf:RDF>", "<dc:title>gr\u00fcn</dc:title>".encode(), XMP[:60]])
def test_packets_without_place_stay(xmp: bytes) -> None:
    assert strip(Metadata(xmp=xmp), "gps").xmp == xmp


@pytest.mark.parametrize(
    "xmp",
    [
        b"<a:GPS>" * 200_000,
        b" " * 1_000_000 + b"gps",
        b" a:gps=" * 200_000,
        b" a:gps='" * 200_000,
        b"<a:GPS/>" * 99_999,
    ],
)
def test_hostile_packets_are_quick(xmp: bytes) -> None:
    start = time.process_time()
    assert not strip(Metadata(xmp=xmp), ["gps", "thumbnail"]).xmp
    assert time.process_time() - start < 2


def test_exif_that_cannot_be_read_goes_with_the_place() -> None:
    garbage = Metadata(exifs.PREFIX + b"MM*\0 garbage that some reader may know to read, place and all")
    assert strip(garbage, "gps").exif is None
    assert strip(garbage, "thumbnail").exif is None
    assert strip(garbage, "xmp") == garbage


def test_thumbnails_go_from_exif_and_xmp() -> None:
    left = strip(FULL, "thumbnail")
    assert left.exif is not None
    assert left.xmp is not None
    assert JPEG not in left.exif
    assert opened(left.exif).get_ifd(Image.ExifTags.IFD.IFD1) == {}
    assert b"Thumbnails" not in left.xmp
    assert b"exif:GPSLatitude" in left.xmp


def jpeg(pixels: Pixels, size: tuple[int, int], quality: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).resize(size).save(out, "JPEG", quality=quality)
    return out.getvalue()


def shown(exif: bytes) -> Image.Image:
    small = opened(exif).get_ifd(Image.ExifTags.IFD.IFD1)
    start = 6 + small[0x201]
    return Image.open(io.BytesIO(exif[start : start + small[0x202]]))


@pytest.mark.parametrize("quality", [90, 40])
@pytest.mark.parametrize("grey", [False, True])
def test_size_and_thumbnail_are_made_anew(one_photo: Pixels, quality: int, grey: bool) -> None:
    exif = build(picture=jpeg(one_photo, (40, 30), quality))
    turned = np.ascontiguousarray(one_photo[::-1, :100, 1] if grey else one_photo[::-1, :100])
    new = refreshed(Metadata(exif, b"icc", XMP), turned, (100, 144))
    assert (new.icc_profile, new.xmp) == (b"icc", XMP)
    assert new.exif is not None
    assert len(new.exif) == len(exif)
    assert opened(new.exif).get_ifd(0x8769)[0xA002] == 100
    img = shown(new.exif)
    assert img.mode == "RGB"
    assert (img.width, img.height) in [(21, 30), (20, 30)]
    small = Image.fromarray(turned).convert("RGB").resize(img.size)
    assert np.abs(np.array(img, float) - np.array(small, float)).mean() < 16


def test_thumbnails_are_not_enlarged(one_photo: Pixels) -> None:
    exif = build(picture=jpeg(one_photo, (160, 120), 90))
    new = refreshed(Metadata(exif), one_photo[:7, :5], (5, 7)).exif
    assert new is not None
    assert shown(new).size == (5, 7)


@pytest.mark.parametrize("picture", [JPEG, b"\xff\xd8\xff", b"GIF89a"])
def test_damaged_thumbnails_go(one_photo: Pixels, picture: bytes) -> None:
    new = refreshed(Metadata(build(picture=picture)), one_photo, (192, 144)).exif
    assert new is not None
    assert not any(new[6 + SMALL :])


def test_a_thumbnail_too_small_for_any_picture_goes(one_photo: Pixels) -> None:
    tiny = jpeg(one_photo, (1, 1), 50)[:-20]
    new = refreshed(Metadata(build(picture=tiny)), one_photo, (192, 144)).exif
    assert new is not None
    assert not any(new[6 + SMALL :])


def test_without_exif_none_is_made(one_photo: Pixels) -> None:
    assert refreshed(Metadata(xmp=XMP), one_photo, (1, 1)) == Metadata(xmp=XMP)
