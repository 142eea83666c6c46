"""Effort: a better file of the same picture, which the same decoder restores."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import codec
from codec import distortion, rescaler
from codec.distortion import CORE, Distortion, windows
from codec.errors import CodecError
from codec.jpeg.coefficients import Coefficients
from codec.jpeg.tables import condition, scale_percent, scale_tables
from codec.models import choice
from codec.networks import Engine
from codec.picture import Pixels
from codec.refinement import refine
from codec.tradeoff import rate_weight
from tests.conftest import psnr
from training.losses import rate_weight as trained_weight


def cost(data: bytes, photo: Pixels, quality: int) -> float:
    """D + λ R per pixel, by real decoding."""
    weight = rate_weight(condition(scale_tables(rescaler.load("sain-x2-lite").tables, quality)[0]), 2)
    error = np.mean((codec.decode(data, to="numpy").astype(float) - photo) ** 2)
    return float(error + weight * 8 * len(data) / (photo.shape[0] * photo.shape[1]))


def gain(photo: Pixels, quality: int, effort: int, **options: Any) -> float:
    """By which share effort lowers D + λ R."""
    plain, better = (codec.encode(photo, quality, effort=e, **options) for e in (0, effort))
    return 1 - cost(better, photo, quality) / cost(plain, photo, quality)


@pytest.mark.parametrize("quality", [30, 60])
def test_effort_lowers_error_and_bytes(photo: Pixels, quality: int) -> None:
    assert gain(photo, quality, 4) > 0.015


def test_restores_better_from_the_same_bytes(one_photo: Pixels) -> None:
    plain, better = codec.encode(one_photo, 60), codec.encode(one_photo, 60, effort=5)
    assert len(better) <= 1.01 * len(plain)
    assert psnr(codec.decode(better), one_photo) > psnr(codec.decode(plain), one_photo) + 0.1
    assert codec.inspect(better).untouched


def test_more_effort_gains_more(one_photo: Pixels) -> None:
    costs = [cost(codec.encode(one_photo, 60, effort=effort), one_photo, 60) for effort in (0, 1, 3, 6)]
    assert costs == sorted(costs, reverse=True)


@pytest.mark.parametrize("quality", [2, 97, 100])
def test_is_never_worse(one_photo: Pixels, quality: int) -> None:
    assert gain(one_photo, quality, 2) >= 0


@pytest.mark.parametrize("size", [(1, 1), (7, 30), (33, 17), (131, 95)])
@pytest.mark.parametrize("grey", [False, True])
def test_any_size_and_grey(one_photo: Pixels, size: tuple[int, int], grey: bool) -> None:
    photo = one_photo[: size[1], : size[0]]
    photo = photo[..., 1] if grey else photo
    assert codec.decode(codec.encode(photo, 60, effort=2), to="numpy").shape == photo.shape
    assert gain(photo, 60, 2) >= 0


@pytest.mark.parametrize("options", [{"subsampling": "4:4:4"}, {"header": "compact"}, {"header": "none"}])
def test_with_other_options(one_photo: Pixels, options: dict[str, str]) -> None:
    assert gain(one_photo, 50, 3, **options) > 0.02


def test_is_deterministic(one_photo: Pixels) -> None:
    assert codec.encode(one_photo, 40, effort=2) == codec.encode(one_photo, 40, effort=2)


def test_says_what_it_cannot_do(one_photo: Pixels) -> None:
    for effort in (-1, 10, 1.5, True, "5"):
        with pytest.raises(CodecError, match="effort must be a whole number"):
            codec.encode(one_photo, effort=effort)  # type: ignore[arg-type]
    with pytest.raises(CodecError, match="effort refines jpeg"):
        codec.encode(one_photo, effort=1, format="jxl")


def test_gradient_is_that_of_finite_differences(one_photo: Pixels) -> None:
    ours = rescaler.load("sain-x2-lite", Engine(backend="torch"))
    tables = scale_tables(ours.tables, 20)
    told = condition(tables[0])
    start = Coefficients.of(ours.downscale(one_photo, told), tables, 2)
    error, (window,) = Distortion(ours.network, one_photo, start, told), windows(start.size)
    error.autocast = False
    _, gradient = error.gradient(start.levels, window)
    # a step along the gradient of all low luma frequencies at once; one level is a large step, hence a quarter
    direction = np.zeros_like(gradient[0])
    direction[..., :6] = -np.sign(gradient[0][..., :6])
    moved = (start.levels[0] + 0.1 * direction, *start.levels[1:])
    change = error.value(moved, window) - error.value(start.levels, window)
    promised = 0.1 * float((direction * gradient[0]).sum())
    assert change < 0
    assert change == pytest.approx(promised, rel=0.35)


def test_windows_cover_every_block_once() -> None:
    for size in ((1, 1), (100, 40), (384, 300), (1000, 700)):
        seen = np.zeros((-(-size[1] // 16), -(-size[0] // 16)), int)
        for window in windows(size):
            y, x = (slice(s.start // 16, s.stop // 16) for s in window.core)
            seen[y, x] += 1
            assert all(s.stop - s.start <= CORE * 3 // 2 for s in window.core)
        assert (seen == 1).all()


def test_windows_gain_what_the_whole_does(kodak: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    with Image.open(kodak[4]) as img:
        photo = np.array(img.convert("RGB"))[:384, :512]
    ours = rescaler.load("sain-x2-lite", Engine(backend="torch"))
    tables = scale_tables(ours.tables, 50)
    told = condition(tables[0])
    start = Coefficients.of(ours.downscale(photo, told), tables, 2)
    whole = next(windows(start.size))

    def gained() -> float:
        better = refine(ours.network, photo, start, told, rate_weight(told, 2), 2)
        d = Distortion(ours.network, photo, start, told)
        return d.value(start.levels, whole) / d.value(better.levels, whole)

    at_once = gained()
    monkeypatch.setattr(distortion, "CORE", 96)
    assert len(list(windows(start.size))) == 6
    assert gained() == pytest.approx(at_once, rel=0.01)


def test_weight_is_near_the_trained_one() -> None:
    tables = rescaler.load(choice.model_of(2, "psnr", "jpeg")).tables  # what refining lessens is squared error
    for quality in (20, 50, 75):
        trained = float(trained_weight(torch.tensor(float(scale_percent(quality))), 2))
        # training ties it to the scaling of tables that start at 16; learned ones end coarser
        assert 0.9 < rate_weight(condition(scale_tables(tables, quality)[0]), 2) / trained < 1.7
