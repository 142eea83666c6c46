"""Hostile bytes get a clear error of ours; `tests/test_fuzz.py` has those that may be valid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import codec
from codec.picture import Pixels
from tests.conftest import PICTURES

ENCODED = codec.encode(PICTURES / "kodim04-crop.png", 50)


@given(st.integers(0, len(ENCODED) - 1))
@settings(max_examples=60, deadline=None)
def test_cut_anywhere(length: int) -> None:
    with pytest.raises(codec.CodecError):
        codec.decode(ENCODED[:length])


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", ENCODED[:300]]))
@settings(deadline=None)
def test_any_bytes(data: bytes, start: bytes) -> None:
    for function in (codec.encode, codec.decode, codec.inspect):
        with pytest.raises(codec.CodecError):
            function(start + data)


def test_bombs(one_photo: Pixels) -> None:
    for image in (one_photo, Image.fromarray(one_photo), PICTURES / "kodim04-crop.png"):
        with pytest.raises(codec.PictureTooLargeError, match="192x144"):
            codec.encode(image, max_pixels=1000)
    with pytest.raises(codec.PictureTooLargeError, match="192x144"):
        codec.decode(ENCODED, max_pixels=20_000)


def test_pillows_own_bomb_check_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(codec.PictureTooLargeError):
        codec.encode(PICTURES / "kodim04-crop.png")


def test_wide_pictures_beyond_jpegs_limit() -> None:
    with pytest.raises(codec.PictureTooLargeError, match="65500"):
        codec.encode(np.zeros((1, 131_100, 3), np.uint8))
