"""The contract of `codec.carriers`, for every carrier that is installed."""

import io
import itertools
import json
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

import codec
from codec.carriers import Options, avif, by_suffix, carriers, get, heif
from codec.header import Header
from codec.jpeg.recognise import recognise
from codec.jpeg.tables import STANDARD, scale_tables
from codec.models import registry
from codec.models.description import describe
from codec.picture import Pixels, load_image, open_image
from tests.conftest import psnr
from tests.corpora import installed

NAMES = installed()
KINDS = ("RGB", "L", "RGBA", "LA")
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description dc="me"/></rdf:RDF></x:xmpmeta>'


def wide_gamut() -> bytes:
    """A profile that is not sRGB."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def exif(orientation: int) -> bytes:
    """With a maker note, which must not move."""
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x927C] = b"maker note " * 9
    return block.tobytes()


@pytest.fixture
def picture(one_photo: Pixels) -> Image.Image:
    img = Image.fromarray(one_photo).crop((0, 0, 191, 143))
    soft = np.add.outer(np.arange(143), np.arange(191)) % 256
    img.putalpha(Image.fromarray(soft.astype(np.uint8)))
    return img


def test_qualities_at_which_encoders_refuse_their_settings() -> None:
    # aom tunes nothing where nothing is lost
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8))
    for name in set(NAMES) & {"avif", "heif"}:
        sizes = [len(get(name).save(noise, Options(quality), {})) for quality in (1, 50, 99, 100)]
        assert sizes == sorted(sizes)


def test_settings_reach_the_encoder(one_photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    img = Image.fromarray(one_photo)
    for name, module in (("avif", avif), ("heif", heif)):
        if name in NAMES:
            ours = get(name).save(img, Options(50), {})
            monkeypatch.setattr(module, "_settings", dict)
            assert get(name).save(img, Options(50), {}) != ours


def test_an_encoder_that_knows_none_of_the_settings_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(avif, "SETTINGS", {"color:tune": "no such tune"})
    assert avif._settings.__wrapped__() == {}


def shown(data: bytes) -> Image.Image:
    """As a viewer shows it."""
    img = open_image(data)
    load_image(img)
    return img


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_any_viewer_shows_it_and_decode_restores_it(name: str, kind: str, picture: Image.Image) -> None:
    img = picture.convert(kind)
    for subsampling in get(name).subsamplings:
        data = codec.encode(img, 80, format=name, subsampling=subsampling)
        small = shown(data)
        assert small.size == (96, 72)
        bicubic = img.convert("RGB").resize((96, 72), Image.Resampling.BICUBIC)
        if "A" not in kind:
            assert psnr(small.convert("RGB"), bicubic) > 26
        if "A" in kind and get(name).transparent:
            assert psnr(small.convert("RGBA").getchannel("A"), img.getchannel("A").resize((96, 72))) > 20
        restored = codec.decode(data)
        assert (restored.mode, restored.size) == (kind, img.size)
        if "A" in kind:
            assert restored.getchannel("A").tobytes() == img.getchannel("A").tobytes()
        if "A" not in kind or get(name).transparent:
            assert psnr(restored.convert("RGB"), img.convert("RGB")) > 26
        assert codec.inspect(data).carrier == name


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", NAMES)
def test_metadata_come_back_byte_for_byte(name: str, orientation: int, picture: Image.Image) -> None:
    img = picture.convert("RGB")
    img.info = {"exif": exif(orientation), "xmp": XMP}
    if name != "jxl":  # whose plugin cannot
        img.info["icc_profile"] = wide_gamut()
    for form in ("xmp", "compact"):
        restored = codec.decode(codec.encode(img, 80, format=name, header=form))  # type: ignore[call-overload]
        assert restored.info == img.info
        assert psnr(restored, img) > 26  # the order of pixels is as it was


@pytest.mark.parametrize("name", [name for name in NAMES if get(name).lossy])
def test_quality(name: str, one_photo: Pixels) -> None:
    files = [codec.encode(one_photo, quality, format=name) for quality in (15, 40, 70, 95)]
    told = [codec.inspect(data).header.condition for data in files]
    assert sorted(map(len, files)) == [len(data) for data in files]
    gains = [psnr(codec.decode(data), one_photo) for data in files]
    assert all(later > earlier - 0.1 for earlier, later in itertools.pairwise(gains))
    assert gains[-1] > gains[0] + 1
    tables = describe(registry.resolve(registry.DEFAULT)).tables
    assert told == [round(get(name).condition(Options(q, tables=tables)), 2) for q in (15, 40, 70, 95)]
    assert told == sorted(told, reverse=True)


def test_suffixes_and_unknown_names(one_photo: Pixels) -> None:
    for name, carrier in carriers().items():
        for suffix in carrier.suffixes:
            assert by_suffix(f"a.b{suffix.upper()}") is carrier
        assert get(name) is carrier
    assert by_suffix("a.bmp") is None
    for wrong in ("bmp", "", None, ["jpeg"]):
        with pytest.raises(codec.CodecError, match="format must be one of jpeg, heif"):
            codec.encode(one_photo, format=wrong)  # type: ignore[arg-type]
    with pytest.raises(codec.CodecError, match="webp has no '4:4:4'"):
        codec.encode(one_photo, format="webp", subsampling="4:4:4")


@pytest.mark.parametrize(("name", "package"), [("heif", "pillow_heif"), ("jxl", "pillow_jxl")])
def test_missing_packages_are_named(
    name: str, package: str, one_photo: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(codec.UnsupportedFormatError, match=rf"pip install 'sain-codec\[{name}\]'"):
        codec.encode(one_photo, format=name)


@pytest.mark.parametrize("name", ["heif", "webp"])
def test_sides_that_a_format_cannot_hold(name: str) -> None:
    side = 2 * get(name).max_side + 2
    with pytest.raises(codec.PictureTooLargeError, match=f"{name} holds at most"):
        codec.encode(np.zeros((1, side), np.uint8), format=name)


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 2), (3, 5), (1, 300), (300, 1), (65, 64)])
@pytest.mark.parametrize("name", NAMES)
def test_sizes(name: str, size: tuple[int, int]) -> None:
    pixels = np.full((size[1], size[0], 3), 120, np.uint8)
    restored = codec.decode(codec.encode(pixels, 80, format=name), to="numpy")
    assert restored.shape == pixels.shape
    assert np.abs(restored.astype(int) - pixels).max() < 30


class TestHeaderForms:
    def test_compact_jpeg(self, one_photo: Pixels) -> None:
        even, odd = one_photo, one_photo[:143, :191]
        sizes = {
            (form, kind): len(codec.encode(pixels, header=form))  # type: ignore[arg-type]
            for form in ("xmp", "compact", "none")
            for kind, pixels in (("even", even), ("odd", odd))
            if (form, kind) != ("none", "odd")
        }
        assert sizes["compact", "even"] == sizes["none", "even"] == sizes["xmp", "even"] - 205
        assert sizes["compact", "odd"] < sizes["xmp", "odd"] - 170
        assert codec.decode(codec.encode(odd, header="compact")).size == (191, 143)

    @pytest.mark.parametrize("model", registry.available())
    def test_compact_where_models_share_tables(self, model: str, one_photo: Pixels) -> None:
        for quality in (1, 87, 93, 100):
            for pixels in (one_photo, one_photo[..., 0]):
                data = codec.encode(pixels, quality, header="compact", model=model)
                assert codec.inspect(data).header.model == model

    @pytest.mark.parametrize("name", [name for name in NAMES if name not in ("jpeg",)])
    def test_compact_elsewhere(self, name: str, one_photo: Pixels) -> None:
        saved = len(codec.encode(one_photo, format=name)) - len(codec.encode(one_photo, format=name, header="compact"))
        assert saved > 60
        assert codec.decode(codec.encode(one_photo, format=name, header="compact")).info == {}

    def test_none_only_where_the_tables_tell_all(self, one_photo: Pixels) -> None:
        assert codec.decode(codec.encode(one_photo, header="none")).size == (192, 144)
        alpha = np.full((144, 192, 1), 7, np.uint8)
        for options in (
            {"image": one_photo[:143], "quality": 75},
            {"image": one_photo, "quality": 100},
            {"image": np.dstack([one_photo, alpha]), "quality": 75},
            {"image": one_photo, "format": "png"},
        ):
            with pytest.raises(codec.CodecError, match="cannot do without a header"):
                codec.encode(**options, header="none")  # type: ignore[arg-type]
        with pytest.raises(codec.CodecError, match="header must be one of"):
            codec.encode(one_photo, header="exif")  # type: ignore[arg-type]

    @pytest.mark.parametrize("name", NAMES)
    def test_detached(self, name: str, picture: Image.Image) -> None:
        data, header = codec.encode_detached(picture, format=name)
        expected = codec.decode(codec.encode(picture, format=name), to="numpy")
        for given_header in (header, header.to_json(), json.dumps(header.to_json())):
            assert np.array_equal(codec.decode(data, header=given_header, to="numpy"), expected)
        assert b"1;sain" not in data
        assert codec.inspect(data, header=header).header == header

    @pytest.mark.parametrize("hostile", ["", "[]", "{", '{"version": 1}', "null", '{"version": "x"}', "[" * 9999])
    def test_hostile_json(self, hostile: str, one_photo: Pixels) -> None:
        with pytest.raises(codec.CodecError, match="not a header in JSON"):
            codec.decode(codec.encode(one_photo), header=hostile)

    @pytest.mark.parametrize(
        "change",
        [{"model": "../x y"}, {"full_size": [0, 4]}, {"digest": "xyz"}, {"condition": 123.0}, {"alpha": "<"}, {"a": 1}],
    )
    def test_hostile_fields(self, change: dict[str, Any], one_photo: Pixels) -> None:
        data, header = codec.encode_detached(one_photo)
        with pytest.raises(codec.CodecError):
            codec.decode(data, header=header.to_json() | change)


@given(
    st.integers(0, 999),
    st.booleans(),
    st.none() | st.from_regex(r"[0-9a-f]{8}", fullmatch=True),
    st.tuples(st.integers(1, 999_999), st.integers(1, 999_999)),
)
def test_headers_survive_text_and_json(condition: int, grey: bool, alpha: str | None, size: tuple[int, int]) -> None:
    header = Header("sain-x2-lite-1608e3c0", size, size, "0123abcd", condition / 100, grey, alpha)
    assert Header.parse(header.format()) == header
    assert Header.from_json(header.to_json()) == header


@settings(deadline=None)
@given(st.text(max_size=60))
def test_fields_of_the_future_are_refused(text: str) -> None:
    with pytest.raises(codec.CodecError):
        Header.parse(f"1;m;2x2;1x1;0123abcd;q{text}")


def test_tables_name_the_oldest_model_that_has_them() -> None:
    older: list[str] = []
    for model in registry.available():
        base = describe(model).tables
        if np.array_equal(base, STANDARD):
            continue  # everybody writes these: they name nobody
        known = [recognise(scale_tables(base, quality)) for quality in range(1, 101)]
        assert set(known) <= {model, None, *older}
        assert known.count(model) > 85
        assert None not in known[1:95]
        older.append(model)


def test_strangers_tables_name_no_model() -> None:
    for quality in range(1, 101):
        for tables in (scale_tables(STANDARD, quality), scale_tables(STANDARD, quality)[:1]):
            assert recognise(tables) is None
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "JPEG", quality=100)
    with pytest.raises(codec.NotRescaledError):
        codec.decode(out.getvalue())
