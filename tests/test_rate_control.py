"""Targets are hit, with few passes of the network, or refused with what is possible instead."""

import io
import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import codec
from codec import rate_control
from codec.carriers.base import Options
from codec.encoding import Detached, Encoder, Job
from codec.fidelity import decibels, mean_square
from codec.jpeg.tables import quality_of
from codec.models import choice, registry
from codec.picture import Pixels
from codec.wish import Wish
from tests.conftest import PICTURES, pixels_of, psnr

FORMATS = ("jpeg", "avif", "heif", "webp")


PSNR = choice.model_of(2, "psnr", "jpeg")
"""Of whose errors the search's first guess was fitted."""


def search(image: Any, wish: Wish, name: str = "jpeg", model: str = registry.DEFAULT) -> tuple[Detached, int]:
    """The file, and the network passes that it took."""
    encoder = Encoder(image, Job(name, Options(), model=model))
    return rate_control.encode(encoder, wish), encoder.passes


@pytest.mark.parametrize("bpp", [0.25, 0.35, 0.45])
def test_bytes_are_used_up_and_never_exceeded(photo: Pixels, bpp: float) -> None:
    limit = int(bpp * 192 * 144 / 8)
    for wish in (Wish(bpp=bpp), Wish(max_bytes=limit)):
        file, passes = search(photo, wish)
        assert 0.97 * limit <= len(file.data) <= limit
        assert passes <= rate_control.PASSES
        assert codec.decode(file.data).size == (192, 144)


def test_where_steps_are_few_the_next_finer_file_would_not_fit(photo: Pixels) -> None:
    # a base step of 6 leaps from 1 to 2 at 25 %, in most of the chroma table at once
    encoder = Encoder(photo, Job("jpeg", Options()))
    sizes = [len(encoder.at(quality_of(percent)).data) for percent in range(15, 40)]
    for limit in (3110, 4000, 5000):
        size = len(search(photo, Wish(max_bytes=limit))[0].data)
        assert 0.98 * max([s for s in sizes if s <= limit], default=0) <= size <= limit


@pytest.mark.parametrize("name", FORMATS)
def test_no_whole_quality_more_would_fit(one_photo: Pixels, name: str) -> None:
    encoder = Encoder(one_photo, Job(name, Options()))
    file = rate_control.encode(encoder, Wish(max_bytes=2500))
    assert len(file.data) <= 2500
    assert encoder.passes <= rate_control.PASSES
    sizes = [len(codec.encode(one_photo, quality, format=name)) for quality in range(5, 100, 5)]
    assert max(size for size in sizes if size <= 2500) <= len(file.data) * 1.02


@pytest.mark.parametrize("above", [0.2, 0.5, 0.8])
def test_psnr_is_reached_with_few_bytes(photo: Pixels, above: float) -> None:
    low, high = (psnr(codec.decode(codec.encode(photo, quality, model=PSNR)), photo) for quality in (10, 80))
    target = low + above * (high - low)
    file, passes = search(photo, Wish(psnr=target), model=PSNR)
    assert target <= psnr(codec.decode(file.data), photo) <= target + 0.3  # a detail of 27 kilopixels is moody
    assert passes <= rate_control.PASSES


@pytest.mark.parametrize("name", FORMATS[1:])
def test_psnr_in_other_carriers(one_photo: Pixels, name: str) -> None:
    low, high = (psnr(codec.decode(codec.encode(one_photo, q, format=name)), one_photo) for q in (20, 80))
    file, passes = search(one_photo, Wish(psnr=(low + high) / 2), name)
    assert (low + high) / 2 <= psnr(codec.decode(file.data), one_photo) <= (low + high) / 2 + 0.6
    assert passes <= rate_control.PASSES


def test_more_bytes_look_better(one_photo: Pixels) -> None:
    values = [psnr(codec.decode(codec.encode(one_photo, max_bytes=limit)), one_photo) for limit in (1000, 1800, 3200)]
    assert values == sorted(values)


def test_metadata_header_and_transparency_count(one_photo: Pixels) -> None:
    mask = np.uint8(255) * (np.indices(one_photo.shape[:2]).sum(0) % 50 < 25)
    img = Image.fromarray(np.dstack([one_photo, mask]))
    img.info = {"exif": Image.Exif().tobytes(), "xmp": b"<x/>" + b" " * 1000}
    data = codec.encode(img, max_bytes=5000)
    assert 4850 <= len(data) <= 5000
    restored = codec.decode(data)
    assert restored.info["xmp"] == img.info["xmp"]
    assert np.array_equal(np.array(restored)[..., 3], mask)


@pytest.mark.parametrize("name", ["jpeg", "webp", "png"])
@pytest.mark.parametrize("shape", [(1, 1), (2, 3, 3), (9, 31), (40, 1, 3), (16, 16, 2), (5, 7, 4)])
def test_odd_and_tiny_pictures(shape: tuple[int, ...], name: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    data = codec.encode(pixels, max_bytes=4000, format=name)
    assert len(data) <= 4000
    restored = codec.decode(data, to="numpy")
    assert restored.shape == shape
    with pytest.raises(codec.CodecError, match=r"this picture takes \d+ bytes"):
        codec.encode(pixels, bpp=0.01, format=name)
    assert codec.decode(codec.encode(pixels, psnr=3, format=name)).size == shape[1::-1]


def test_flat_pictures_reach_high_targets() -> None:
    grey = np.full((32, 48), 128, np.uint8)
    assert psnr(codec.decode(codec.encode(grey, psnr=50), to="numpy"), grey) >= 50


@settings(max_examples=15, deadline=None)
@given(st.integers(700, 9000), st.sampled_from(sorted(PICTURES.glob("*.png"))), st.booleans())
def test_any_limit_is_kept_or_refused(limit: int, path: Any, grey: bool) -> None:
    photo = pixels_of(path)[:97, :131]
    pixels = photo[..., 0] if grey else photo
    try:
        file, passes = search(pixels, Wish(max_bytes=limit))
    except codec.CodecError as error:
        takes = re.search(r"takes (\d+) bytes", str(error))
        assert takes
        assert int(takes[1]) > limit
    else:
        assert len(file.data) <= limit
        assert passes <= rate_control.PASSES


def test_without_header_only_what_the_tables_tell(one_photo: Pixels) -> None:
    for limit in (1500, 20_000):
        data = codec.encode(one_photo, max_bytes=limit, header="none")
        assert len(data) <= limit
        assert codec.decode(data).size == (192, 144)
    data, header = codec.encode_detached(one_photo, max_bytes=1500)
    assert 1450 <= len(data) <= 1500
    assert codec.decode(data, header=header).size == (192, 144)
    with pytest.raises(codec.CodecError, match="without a header"):
        codec.encode(one_photo, max_bytes=1500, header="none", format="webp")


def test_what_is_possible_is_told(one_photo: Pixels) -> None:
    with pytest.raises(codec.CodecError, match=r"100 bytes cannot be: at quality 1 this picture takes \d+ bytes"):
        codec.encode(one_photo, max_bytes=100)
    best = psnr(codec.decode(codec.encode(one_photo, 100)), one_photo)
    with pytest.raises(codec.CodecError, match=r"60 dB cannot be: the best this model restores") as error:
        codec.encode(one_photo, psnr=60)
    said = re.search(r"is ([\d.]+) dB, from \d+ bytes", str(error.value))
    assert said
    assert float(said[1]) == pytest.approx(best, abs=0.05)
    assert psnr(codec.decode(codec.encode(one_photo, psnr=best - 0.1)), one_photo) >= best - 0.1


def test_effort_reaches_what_is_possible_with_it_alone(one_photo: Pixels) -> None:
    plain, refined = (psnr(codec.decode(codec.encode(one_photo, format="png", effort=e)), one_photo) for e in (0, 1))
    assert refined > plain + 0.2
    data = codec.encode(one_photo, format="png", effort=1, psnr=(plain + refined) / 2)
    assert psnr(codec.decode(data), one_photo) == pytest.approx(refined, abs=0.01)
    with pytest.raises(codec.CodecError, match=f"the best this model restores of the picture is {refined:.2f} dB"):
        codec.encode(one_photo, format="png", effort=1, psnr=refined + 0.5)


def test_a_lossless_carrier_has_one_size(one_photo: Pixels) -> None:
    size = len(codec.encode(one_photo, format="png"))
    assert len(codec.encode(one_photo, format="png", max_bytes=size)) == size
    with pytest.raises(codec.CodecError, match=f"without loss this picture takes {size} bytes"):
        codec.encode(one_photo, format="png", max_bytes=size - 1)
    with pytest.raises(codec.CodecError, match="the best this model restores"):
        codec.encode(one_photo, format="png", psnr=70)


@pytest.mark.parametrize("name", ["max_bytes", "bpp", "psnr"])
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, -math.inf, True, "40", b"40", [1], 0j, 10**400])
def test_nonsense_is_refused_before_the_picture_is_read(name: str, value: Any) -> None:
    for encode in (codec.encode, codec.encode_detached):
        with pytest.raises(codec.CodecError, match=f"{name} must be"):
            encode("missing.png", **{name: value})  # type: ignore[operator]


def test_one_wish_at_a_time() -> None:
    wishes = {"quality": 50, "max_bytes": 5000, "bpp": 0.5, "psnr": 30}
    for one, other in (("quality", "bpp"), ("max_bytes", "psnr"), ("quality", "psnr")):
        with pytest.raises(codec.CodecError, match=f"{one} and {other} exclude each other"):
            codec.encode("missing.png", **{one: wishes[one], other: wishes[other]})  # type: ignore[arg-type]
    with pytest.raises(codec.CodecError, match="max_bytes must be a whole number"):
        codec.encode("missing.png", max_bytes=2.5)  # type: ignore[arg-type]


def test_numbers_of_other_libraries(one_photo: Pixels) -> None:
    assert codec.encode(one_photo, max_bytes=1 << 40) == codec.encode(one_photo, bpp=1000)
    data = codec.encode(one_photo, max_bytes=np.int64(2000))  # type: ignore[arg-type]
    assert len(data) <= 2000
    assert len(codec.encode(one_photo, bpp=np.float32(0.5))) <= 0.5 * 192 * 144 / 8


def test_errors_and_decibels() -> None:
    zeros, tens = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 10, np.uint8)
    assert mean_square(zeros, tens) == 100
    assert decibels(100) == pytest.approx(28.13, abs=0.01)
    assert decibels(0) == math.inf


def test_quality_is_still_quality(one_photo: Pixels) -> None:
    assert codec.encode(one_photo) == codec.encode(one_photo, 75)
    with Image.open(io.BytesIO(codec.encode(one_photo, psnr=25))) as img:
        assert img.size == (96, 72)
