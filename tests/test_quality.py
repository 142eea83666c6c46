"""Does it do what it is for? On the small photos that come with the repository, and on Kodak where it is at hand."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import codec
from codec.picture import Pixels
from eval.bars import gain_at_equal_bytes, lr_fidelity, points_of
from eval.codecs import FullSizeJPEG, HalfSizeJPEG, Ours
from eval.metrics import bd_rate_between
from tests.conftest import PICTURES, jpeg_bytes, pixels_of, psnr


def test_more_quality_costs_more_and_looks_better(photo: Pixels) -> None:
    files = [codec.encode(photo, quality) for quality in (10, 30, 60, 90)]
    sizes = [len(data) for data in files]
    values = [psnr(codec.decode(data), photo) for data in files]
    assert sizes == sorted(sizes)
    assert values == sorted(values)


def test_better_than_a_plain_half_size_jpeg(photo: Pixels) -> None:
    # without our 200 bytes of header, which weigh much on 27 kilopixels
    data = codec.encode(photo, 75)
    half = np.array(Image.fromarray(photo).resize((96, 72), Image.Resampling.LANCZOS))
    plain = next(d for q in range(1, 101) if len(d := jpeg_bytes(half, quality=q, optimize=True)) >= len(data) - 200)
    restored = HalfSizeJPEG().decode(plain)
    assert psnr(codec.decode(data), photo) > psnr(restored, photo) + 1.0


def test_better_than_a_full_size_jpeg_of_the_same_bytes() -> None:
    gains = []
    for path in sorted(PICTURES.glob("*.png")):
        photo = pixels_of(path)
        data = codec.encode(photo, 40)
        plain = next(d for q in range(1, 101) if len(d := FullSizeJPEG().encode(photo, q)) >= len(data) - 200)
        gains.append(psnr(codec.decode(data), photo) - psnr(FullSizeJPEG().decode(plain), photo))
    assert np.mean(gains) > 0.8


def test_the_lr_picture_is_the_photo_only_smaller(photo: Pixels) -> None:
    fidelity, similarity = lr_fidelity(photo, 75)
    assert fidelity > 31
    assert similarity > 0.94


def test_bars_on_kodak(kodak: list[Path]) -> None:
    # every third picture and few qualities; `make bars` measures all
    photos = [pixels_of(path) for path in kodak[::3]]
    ours = np.array([[points_of(Ours(), photo, q) for q in (8, 20, 40, 60, 75)] for photo in photos])
    jpeg = np.array([[points_of(FullSizeJPEG(), photo, q) for q in (4, 10, 20, 40, 65, 85)] for photo in photos])
    lanczos = np.array([[points_of(HalfSizeJPEG(), photo, q) for q in (35, 65, 85, 95, 100)] for photo in photos])
    assert bd_rate_between(jpeg.mean(0).T[:2], ours.mean(0).T[:2], 26, 31)[0] < -40
    gains = [gain_at_equal_bytes(ours[i, -1, :2], lanczos[i, :, :2].T) for i in range(len(photos))]
    assert np.mean(gains) > 1.5
    fidelity = np.mean([lr_fidelity(photo, 75) for photo in photos], 0)
    assert fidelity[0] > 33
    assert fidelity[1] > 0.96


@pytest.mark.parametrize("bits", [1, 8])
def test_bd_rate_of_known_curves(bits: int) -> None:
    decibels = np.linspace(25, 40, 8)
    rate = np.exp(decibels / 6) / 100 * bits
    percent, low, high = bd_rate_between(np.stack([rate, decibels]), np.stack([0.7 * rate, decibels]))
    assert percent == pytest.approx(-30, abs=0.1)
    assert (low, high) == (25, 40)
