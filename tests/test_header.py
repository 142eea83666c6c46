"""The header: as bytes, in a user's XMP, and what happens when it does not fit its file."""

import io
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import codec
from codec import embed, rescaler
from codec.header import Header
from codec.models import registry
from codec.picture import Pixels
from tests.conftest import jpeg_bytes

HEADER = Header("sain-x2-lite-1608e3c0", (767, 511), (384, 256), "7f3a9c01")
USERS = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="r"><rdf:Description a="1"/></rdf:RDF></x:xmpmeta>'
sizes = st.tuples(st.integers(1, 999_999), st.integers(1, 999_999))


@given(st.from_regex(r"[\w.-]{1,80}", fullmatch=True, alphabet=st.characters(max_codepoint=127)), sizes, sizes)
def test_parse_inverts_format(model: str, full: tuple[int, int], lr: tuple[int, int]) -> None:
    header = Header(model, full, lr, "0123abcd")
    assert Header.parse(header.format()) == header
    assert embed.find(embed.insert(header, None)) == header


@pytest.mark.parametrize("xmp", [None, USERS, b"<broken", USERS.replace(b"</rdf:RDF>", b"")])
def test_the_users_xmp_is_kept(xmp: bytes | None) -> None:
    packet = embed.insert(HEADER, xmp)
    assert embed.find(packet) == HEADER
    assert embed.remove(packet) == xmp
    other = Header("other-model-00000000", (2, 2), (1, 1), "00000000")
    again = embed.insert(other, packet)
    assert embed.find(again) == other
    assert embed.remove(again) == xmp
    assert again.count(b"urn:sain:") == 1


def test_size_of_the_header(one_photo: Pixels) -> None:
    # it is counted in every rate we state: keep it small
    data = codec.encode(one_photo)
    start = data.index(b"\xff\xe1")
    assert 2 + int.from_bytes(data[start + 2 : start + 4], "big") <= 206


@pytest.mark.parametrize(
    "text",
    ["1;m;2x2;1x1;0123abc", "1;m;0x2;1x1;0123abcd", "1;m;2x2;1x1", "1;m n;2x2;1x1;0123abcd", "1;m;-2x2;1x1;0123abcd"],
)
def test_malformed_headers_are_refused(text: str) -> None:
    with pytest.raises(codec.CodecError, match=r"malformed|empty"):
        Header.parse(text)


def test_other_versions_are_named() -> None:
    with pytest.raises(codec.UnknownModelError, match="version 2"):
        Header.parse(HEADER.format().replace("1;", "2;", 1))


@given(st.binary(max_size=300))
def test_any_bytes_may_be_searched(xmp: bytes) -> None:
    with suppress(codec.CodecError):
        assert embed.find(xmp) is None
    assert embed.find_alpha(xmp) is None
    assert embed.find_extended(xmp) is None
    assert embed.remove(xmp) in (xmp, xmp or None) or b"urn:sain:" in xmp


def with_header(data: bytes, **changes: Any) -> bytes:
    """The same file with another header: pixels and tables as they are."""
    with Image.open(io.BytesIO(data)) as img:
        header = embed.find(img.info["xmp"])
        assert header is not None
        fields = {**vars(header), **changes}
        xmp = embed.insert(Header(**fields), None)
        out = io.BytesIO()
        img.save(out, "JPEG", qtables="keep", subsampling="keep", optimize=True, progressive=True, xmp=xmp)
    return out.getvalue()


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail if a network is loaded or run."""

    def refuse(*_: object) -> None:
        pytest.fail("a network was needed for what a header check should have caught")

    monkeypatch.setattr(rescaler, "load", refuse)


@pytest.mark.usefixtures("no_network")
class TestRefusals:
    """What `decode` refuses before any network runs."""

    @pytest.fixture(scope="class")
    @staticmethod
    def encoded() -> bytes:
        # class scope: made before `no_network` is in force
        return codec.encode(np.tile(np.arange(64, dtype=np.uint8), (48, 1)).repeat(3).reshape(48, 64, 3))

    def test_ordinary_pictures(self, one_photo: Pixels) -> None:
        png = io.BytesIO()
        Image.fromarray(one_photo).save(png, "PNG")
        for data in (jpeg_bytes(one_photo), png.getvalue(), jpeg_bytes(one_photo, xmp=USERS)):
            with pytest.raises(codec.NotRescaledError, match="ordinary picture"):
                codec.decode(data)
            with pytest.raises(codec.NotRescaledError):
                codec.inspect(data)

    def test_stripped_metadata(self, encoded: bytes) -> None:
        with Image.open(io.BytesIO(encoded)) as img:
            out = io.BytesIO()
            img.save(out, "JPEG", quality=90)
        with pytest.raises(codec.NotRescaledError, match="stripped"):
            codec.decode(out.getvalue())

    def test_encoded_again(self, encoded: bytes) -> None:
        with Image.open(io.BytesIO(encoded)) as img:
            again = jpeg_bytes(np.array(img), quality=75, xmp=img.info["xmp"])
            resized = jpeg_bytes(np.array(img.resize((20, 20))), quality=75, xmp=img.info["xmp"])
        for data in (again, resized):
            with pytest.raises(codec.StaleHeaderError, match="again"):
                codec.decode(data)

    def test_resized_with_the_same_tables(self, encoded: bytes) -> None:
        with Image.open(io.BytesIO(encoded)) as img:
            out = io.BytesIO()
            img.crop((0, 0, 24, 16)).save(out, "JPEG", qtables=img.quantization, xmp=img.info["xmp"])
        with pytest.raises(codec.StaleHeaderError):
            codec.decode(out.getvalue())

    def test_unknown_model(self, encoded: bytes) -> None:
        with pytest.raises(codec.UnknownModelError, match="sain-x2-lite-00000000"):
            codec.decode(with_header(encoded, model="sain-x2-lite-00000000"))

    def test_a_model_name_is_no_path(self, encoded: bytes) -> None:
        with pytest.raises(codec.UnknownModelError):
            codec.decode(with_header(encoded, model="..secret"))

    def test_absurd_size(self, encoded: bytes) -> None:
        with pytest.raises(codec.PictureTooLargeError, match="pixels allowed"):
            codec.decode(with_header(encoded, full_size=(60_000, 60_000)))


def test_inconsistent_size_is_refused_before_the_network_runs(one_photo: Pixels) -> None:
    data = codec.encode(one_photo)
    for full in ((190, 144), (400, 300), (194, 144)):
        with pytest.raises(codec.CodecError, match="inconsistent"):
            codec.decode(with_header(data, full_size=full))
    assert codec.decode(with_header(data, full_size=(191, 143))).size == (191, 143)


def test_inspect_tells_what_decode_needs(one_photo: Pixels) -> None:
    data = codec.encode(one_photo, 60)
    info = codec.inspect(data)
    assert info.header.model == registry.resolve(registry.DEFAULT)
    assert info.header.full_size == (192, 144)
    assert info.header.lr_size == (96, 72)
    assert (info.carrier, info.bytes) == ("jpeg", len(data))
    assert info.bpp == 8 * len(data) / (192 * 144)
    assert info.to_json()["header"]["version"] == 1


def test_lossless_rewriting_keeps_a_file_decodable(one_photo: Pixels) -> None:
    data = codec.encode(one_photo)
    rewritten = with_header(data)  # other Huffman tables, same coefficients up to Pillow's re-quantisation
    assert codec.inspect(rewritten).header == codec.inspect(data).header


STRANGERS = (
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:s="http://example.com/shop/"'
    b' s:h="12" s:a="AAAA" xmlns:x="y" x:HasExtendedXMP="0123456789ABCDEF0123456789ABCDEF"/></rdf:RDF>'
)


@pytest.mark.parametrize("noisy", [False, True])
def test_a_strangers_namespace_may_have_our_prefix(one_photo: Pixels, noisy: bool) -> None:
    side = 800 if noisy else 128
    alpha = np.random.default_rng(0).choice(np.array([0, 255], np.uint8), (side, side))  # noisy: beyond one segment
    img = Image.fromarray(np.dstack([np.tile(one_photo, (6, 5, 1))[:side, :side], alpha]))
    img.info = {"xmp": STRANGERS}
    restored = codec.decode(codec.encode(img))
    assert restored.info["xmp"] == STRANGERS
    assert np.array_equal(np.array(restored)[..., 3], alpha)
