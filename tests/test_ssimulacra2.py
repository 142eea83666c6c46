"""SSIMULACRA 2: the package's values, and a loss whose gradient can be trusted."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from codec import ssimulacra2 as own
from codec.picture import Pixels
from eval.agreement import of_package
from tests.conftest import PICTURES, SHARED, jpeg_bytes, pixels_of, to_tensor

RAW = own.Ssimulacra2()

QUALITIES = (10, 20, 35, 50, 65, 80, 90, 95)


def coded(photo: Pixels, quality: int) -> Pixels:
    return np.array(Image.open(io.BytesIO(jpeg_bytes(photo, quality=quality))))


def pair(size: int, quality: int = 20) -> tuple[Tensor, Tensor]:
    """A photo `[1, 3, size, size]` and what JPEG makes of it."""
    photo = np.tile(pixels_of(PICTURES / "kodim08-crop.png"), (2, 2, 1))[:size, :size]
    return to_tensor(photo), to_tensor(coded(photo, quality))


def pictures() -> list[Path]:
    """Of Kodak's, whole, as many as there are qualities (all with all: `python -m eval.agreement`).

    The details that come with the repository where they are not at hand.
    """
    return sorted((SHARED / "kodak").glob("*.png"))[::3] or sorted(PICTURES.glob("*.png"))


@pytest.mark.parametrize("path", pictures(), ids=lambda path: path.stem)
def test_it_is_the_package(path: Path) -> None:
    photo, quality = pixels_of(path), QUALITIES[pictures().index(path)]
    picture = coded(photo, quality)
    assert own.ssimulacra2(photo, picture) == pytest.approx(of_package(photo, picture), abs=0.1)


def test_it_falls_with_quality_and_ends_at_100(one_photo: Pixels) -> None:
    scores = [own.ssimulacra2(one_photo, coded(one_photo, quality)) for quality in QUALITIES]
    assert scores == sorted(scores)
    assert own.ssimulacra2(one_photo, one_photo) == 100
    assert np.isnan(own.ssimulacra2(one_photo[:7], one_photo[:7]))


@pytest.mark.parametrize("case", ["flat", "black", "equal", "noise", "out of range"])
def test_its_gradient_is_finite(case: str) -> None:
    photo, _ = pair(96)
    original = {"flat": torch.full_like(photo, 0.5), "black": torch.zeros_like(photo)}.get(case, photo)
    picture = {"noise": torch.rand_like(photo), "out of range": photo * 3 - 1}.get(case, original).clone()
    picture.requires_grad_()
    difference = RAW(original, picture).sum()
    (gradient,) = torch.autograd.grad(difference, picture)
    assert torch.isfinite(gradient).all()
    assert (difference.item() == 0) == (case in ("flat", "black", "equal"))


def test_its_gradient_leads_downhill() -> None:
    original, picture = pair(96)
    picture.requires_grad_()
    before = RAW(original, picture).sum()
    (gradient,) = torch.autograd.grad(before, picture)
    after = RAW(original, picture - 1e-3 * gradient / gradient.abs().max())
    assert after.item() < before.item()


def parts(a: Tensor, b: Tensor) -> list[float]:
    """What each of the six scales adds, those too that are too small to count."""
    a, b, sums = own.to_linear(a), own.to_linear(b), []
    for scale in range(own.SCALES):
        if min(a.shape[-2:]) < own.RADIUS:  # there is nothing to mirror
            break
        compared = own._compared(own.to_xyb(a, RAW.absorbance), own.to_xyb(b, RAW.absorbance), "crop")
        sums.append(float((compared * RAW.weights[:, scale]).sum()))
        a, b = F.avg_pool2d(a, 2, ceil_mode=True), F.avg_pool2d(b, 2, ceil_mode=True)
    return sums


@pytest.mark.parametrize(("size", "scales"), [(256, 6), (225, 6), (224, 5), (161, 5), (112, 4)])
def test_a_small_crop_loses_a_scale_and_nothing_else(size: int, scales: int) -> None:
    original, picture = pair(size)
    sums = parts(original, picture)
    assert float(RAW(original, picture)) == pytest.approx(sum(sums[:scales]), rel=1e-5)
    assert all(part > 0 for part in sums)


def test_a_batch_is_its_pictures() -> None:
    pairs = [pair(96, quality) for quality in (10, 50, 90)]
    originals, pictures = (torch.cat(column) for column in zip(*pairs, strict=True))
    singles = torch.cat([RAW(*each) for each in pairs])
    torch.testing.assert_close(RAW(originals, pictures), singles, rtol=1e-5, atol=0)


def test_autocast_changes_nothing() -> None:
    original, picture = pair(96)
    expected = RAW(original, picture)
    with torch.autocast("cpu", torch.bfloat16):
        found = RAW(original, picture)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected)


@pytest.mark.filterwarnings("ignore:Dynamo detected a call to a `functools.lru_cache`")  # it may well do without
def test_it_compiles() -> None:
    compiled = torch.compile(RAW, backend="aot_eager", fullgraph=True)
    values, gradients = [], []
    for function in (RAW, compiled):
        original, picture = pair(16)  # two scales are enough
        picture.requires_grad_()
        value = function(original, picture)
        values.append(value)
        gradients.append(torch.autograd.grad(value.sum(), picture)[0])
    torch.testing.assert_close(*values)
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-5)
