"""Copies that somebody resized, cropped or encoded again, and that still carry our header."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import codec
from codec import opening
from codec.carriers import Options, get
from codec.picture import Pixels
from tests.conftest import psnr


@pytest.fixture
def encoded(one_photo: Pixels) -> bytes:
    return codec.encode(one_photo, 75)


def resaved(data: bytes, format: str = "JPEG", change: Any = None, **options: Any) -> bytes:  # noqa: A002
    out = io.BytesIO()
    with Image.open(io.BytesIO(data)) as img:
        xmp = img.info["xmp"]
        (change(img) if change else img).save(out, format, xmp=xmp, **options)
    return out.getvalue()


CHANGES = {
    "encoded again": {"quality": 90},
    "encoded much coarser": {"quality": 30},
    "as WebP": {"format": "WEBP", "quality": 80},
    "as AVIF": {"format": "AVIF", "quality": 70},
    "smaller": {"change": lambda img: img.resize((64, 48)), "quality": 90},
    "larger": {"change": lambda img: img.resize((192, 144)), "quality": 90},
    "cropped": {"change": lambda img: img.crop((10, 10, 50, 70)), "quality": 90},
}
SIZES = {"cropped": (80, 120)}


@pytest.mark.parametrize("name", CHANGES)
def test_noticed_and_restored_as_well_as_can_be(name: str, encoded: bytes, one_photo: Pixels) -> None:
    data = resaved(encoded, **CHANGES[name])
    with pytest.raises(codec.StaleHeaderError, match=r"\(96, 72\) then, \(\d+, \d+\) now"):
        codec.decode(data)
    assert not codec.inspect(data).untouched
    restored = codec.decode(data, on_stale="restore")
    assert restored.size == SIZES.get(name, (192, 144))
    if name != "cropped":
        assert psnr(restored, one_photo) > 21
    else:
        assert psnr(restored, one_photo[20:140, 20:100]) > 24


def test_encoding_again_costs_little(encoded: bytes, one_photo: Pixels) -> None:
    again = resaved(encoded, quality=90)
    with Image.open(io.BytesIO(again)) as img:
        lanczos = img.resize((192, 144), Image.Resampling.LANCZOS)
    restored = psnr(codec.decode(again, on_stale="restore"), one_photo)
    assert restored > psnr(lanczos, one_photo)
    assert restored > psnr(codec.decode(encoded), one_photo) - 3.5


def told(data: bytes, header: codec.Header | None = None) -> float:
    return opening.open_file(data, header, "restore", None).condition


def test_the_network_is_told_of_both_encoders(encoded: bytes) -> None:
    first = told(encoded)
    tables = [[step] * 64 for step in (16, 16)]
    assert codec.inspect(encoded).header.condition == round(first, 2)
    assert told(resaved(encoded, qtables=tables)) == pytest.approx(np.log2(4**first + 4**4) / 2, abs=0.01)
    # one is all that is known of a header of an earlier release, and of formats that do not tell
    assert told(resaved(encoded, qtables=tables), replace(codec.inspect(encoded).header, condition=None)) == 4
    assert told(resaved(encoded, "WEBP", quality=80)) == round(first, 2)
    avif = resaved(codec.encode(Image.new("RGB", (192, 144)), 40, format="avif"), qtables=tables)
    assert told(avif) == pytest.approx(np.log2(4 ** get("avif").condition(Options(40)) + 4**4) / 2)


def test_a_crop_with_the_same_tables_was_encoded_once(encoded: bytes) -> None:
    with Image.open(io.BytesIO(encoded)) as img:
        tables = img.quantization  # type: ignore[attr-defined]
    crop = resaved(encoded, change=lambda img: img.crop((16, 16, 80, 64)), qtables=tables)
    assert not codec.inspect(crop).untouched
    assert told(crop) == told(encoded)


@pytest.mark.parametrize("again", [75, 90])
def test_knowing_of_both_encoders_restores_more(again: int, one_photo: Pixels) -> None:
    data = resaved(codec.encode(one_photo, 24), quality=again)
    old = replace(codec.inspect(data).header, condition=None)
    both, last = (codec.decode(data, header=header, on_stale="restore") for header in (codec.inspect(data).header, old))
    assert psnr(both, one_photo) > psnr(last, one_photo) + 0.1


def test_an_untouched_file_is_not_stale(encoded: bytes) -> None:
    assert codec.inspect(encoded).untouched
    strict, lenient = (codec.decode(encoded, to="numpy", on_stale=how) for how in ("raise", "restore"))
    assert np.array_equal(strict, lenient)


def test_transparency_of_a_resized_copy(one_photo: Pixels) -> None:
    alpha = np.zeros((144, 192), np.uint8)
    alpha[30:90, 40:120] = 255
    data = codec.encode(np.dstack([one_photo, alpha]))
    resized = resaved(data, change=lambda img: img.resize((48, 36)))
    assert np.array_equal(codec.decode(resized, to="numpy", on_stale="restore")[..., 3], alpha)
    cropped = resaved(data, change=lambda img: img.crop((0, 0, 20, 60)))
    with pytest.warns(UserWarning, match="cropped"):
        assert codec.decode(cropped, on_stale="restore").mode == "RGB"


def test_a_small_file_cannot_ask_for_a_huge_picture(encoded: bytes) -> None:
    larger = resaved(encoded, change=lambda img: img.resize((2000, 1500)))
    assert codec.decode(larger, on_stale="restore").size == (192, 144)  # no more than was ever written
    longer = resaved(encoded, change=lambda img: img.crop((0, 0, 96, 6000)))
    with pytest.raises(codec.StaleHeaderError, match="6000"):
        codec.decode(longer, on_stale="restore")


def test_the_header_of_another_file(encoded: bytes, one_photo: Pixels) -> None:
    _, header = codec.encode_detached(one_photo, 40)
    with pytest.raises(codec.StaleHeaderError):
        codec.decode(encoded, header=header)


def test_unknown_ways_are_refused(encoded: bytes) -> None:
    with pytest.raises(codec.CodecError, match="on_stale must be one of raise, restore"):
        codec.decode(encoded, on_stale="ignore")  # type: ignore[arg-type]
