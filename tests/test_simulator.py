"""The differentiable JPEG against Pillow's real one."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from codec.jpeg.rate import FILE_BITS
from codec.jpeg.simulator import Simulated, scale_steps, simulate
from codec.jpeg.tables import STANDARD, Table, condition, scale_percent, scale_tables
from codec.picture import Pixels
from tests.conftest import jpeg_bytes, pixels_of, psnr, to_tensor

CUSTOM: Table = (np.arange(128).reshape(2, 8, 8) * 7) % 60 + 5  # asymmetric: a transposition would show


def simulated(pixels: Pixels, tables: Table, subsampling: str = "4:2:0") -> Simulated:
    return simulate(to_tensor(pixels), torch.from_numpy(tables)[None].float(), subsampling)  # type: ignore[arg-type]


def as_pixels(result: Simulated) -> Pixels:
    planes = (result.picture[0] * 255).round().byte().numpy()
    return planes[0] if len(planes) == 1 else planes.transpose(1, 2, 0)


def real(pixels: Pixels, tables: Table, subsampling: str = "4:2:0") -> tuple[Pixels, int]:
    used = tables[:1] if pixels.ndim == 2 else tables
    data = jpeg_bytes(
        pixels,
        qtables=used.reshape(-1, 64).tolist(),
        **({} if pixels.ndim == 2 else {"subsampling": subsampling}),
        optimize=True,
        progressive=True,
    )
    return np.array(Image.open(io.BytesIO(data))), 8 * len(data)


@pytest.mark.parametrize("quality", [1, 2, 5, 10, 25, 49, 50, 51, 75, 90, 95, 99, 100])
def test_scaling_is_libjpegs(quality: int) -> None:
    with Image.open(io.BytesIO(jpeg_bytes(np.zeros((8, 8, 3), np.uint8), quality=quality))) as img:
        written = np.array([img.quantization[0], img.quantization[1]]).reshape(2, 8, 8)
    assert np.array_equal(scale_tables(STANDARD, quality), written)
    percent = torch.tensor([float(scale_percent(quality))])
    assert np.array_equal(scale_steps(torch.from_numpy(STANDARD).float(), percent)[0].numpy(), written)


def test_quality_out_of_range_is_refused() -> None:
    for quality in (0, 101, -5):
        with pytest.raises(ValueError, match="quality"):
            scale_percent(quality)


def test_condition_is_the_mean_log_step() -> None:
    assert condition(np.ones((8, 8), np.int64)) == 0
    assert condition(np.full((8, 8), 16)) == 4


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
@pytest.mark.parametrize("quality", [1, 5, 10, 20, 35, 50, 65, 75, 85, 95, 100])
def test_photos_at_all_qualities(photo: Pixels, quality: int, subsampling: str) -> None:
    tables = scale_tables(STANDARD, quality)
    expected, _ = real(photo, tables, subsampling)
    # at quality 1 the steps are 255: one coefficient on the edge between two levels moves a block by 32 grey levels
    assert psnr(as_pixels(simulated(photo, tables, subsampling)), expected) > (44 if quality >= 5 else 37)


@pytest.mark.parametrize("quality", [5, 50, 95])
def test_grey(one_photo: Pixels, quality: int) -> None:
    tables = scale_tables(STANDARD, quality)
    expected, _ = real(one_photo[..., 1], tables)
    # one plane, no chroma filters: only the integer transforms differ
    assert psnr(as_pixels(simulated(one_photo[..., 1], tables)), expected) > 51


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
def test_custom_tables_are_not_transposed(photo: Pixels, subsampling: str) -> None:
    expected, _ = real(photo, CUSTOM, subsampling)
    assert psnr(as_pixels(simulated(photo, CUSTOM, subsampling)), expected) > 44
    wrong = CUSTOM.transpose(0, 2, 1).copy()
    assert psnr(as_pixels(simulated(photo, wrong, subsampling)), expected) < 40


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 5), (8, 8), (9, 17), (15, 16), (33, 31), (5, 100), (143, 191)])
def test_any_size(one_photo: Pixels, size: tuple[int, int], subsampling: str) -> None:
    part = np.ascontiguousarray(one_photo[: size[0], : size[1]])
    tables = scale_tables(STANDARD, 75)
    expected, _ = real(part, tables, subsampling)
    result = as_pixels(simulated(part, tables, subsampling))
    assert result.shape == part.shape
    assert np.abs(result.astype(int) - expected).max() <= 12
    assert psnr(result, expected) > 42


def test_samples_have_their_own_tables(one_photo: Pixels) -> None:
    tables = np.stack([scale_tables(STANDARD, q) for q in (20, 90)])
    x = to_tensor(one_photo)
    both = simulate(x.expand(2, -1, -1, -1), torch.from_numpy(tables).float())
    for i in range(2):
        alone = simulate(x, torch.from_numpy(tables[i])[None].float())
        torch.testing.assert_close(both.picture[i], alone.picture[0])
        torch.testing.assert_close(both.bits[i], alone.bits[0])


def test_autocast_does_not_blur_it(one_photo: Pixels) -> None:
    x, steps = to_tensor(one_photo), torch.from_numpy(scale_tables(STANDARD, 90))[None].float()
    with torch.autocast("cpu", torch.bfloat16):
        under = simulate(x, steps)
    assert torch.equal(under.picture, simulate(x, steps).picture)


def test_box_upsampling_differs_from_fancy_but_not_by_much(one_photo: Pixels) -> None:
    tables = torch.from_numpy(scale_tables(STANDARD, 75))[None].float()
    fancy, box = (simulate(to_tensor(one_photo), tables, fancy=f).picture for f in (True, False))
    assert 0 < (fancy - box).abs().mean() < 4 / 255


@pytest.mark.parametrize("quality", [1, 50, 100])
@pytest.mark.parametrize("kind", ["photo", "flat", "black", "white", "clipped"])
def test_gradient_is_finite_and_reaches_the_pixels(one_photo: Pixels, kind: str, quality: int) -> None:
    x = to_tensor(one_photo)[..., :40, :56]
    constants = {"flat": 0.5, "black": 0.0, "white": 1.0}
    x = torch.full_like(x, constants[kind]) if kind in constants else x * 3 - 1 if kind == "clipped" else x
    x.requires_grad_()
    base = torch.from_numpy(STANDARD).float().requires_grad_()
    steps = scale_steps(base, torch.tensor([float(scale_percent(quality))]))
    out = simulate(x, steps)
    target = torch.rand_like(out.picture)
    ((out.picture - target).square().sum() + 0.01 * out.bits.sum()).backward()
    for gradient in (x.grad, base.grad):
        assert gradient is not None
        assert gradient.isfinite().all()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0


def test_gradient_descent_through_it_saves_bits(one_photo: Pixels) -> None:
    # what training relies on: following the rate's gradient makes the real file smaller
    tables = scale_tables(STANDARD, 50)
    steps = torch.from_numpy(tables)[None].float()
    x = to_tensor(one_photo).requires_grad_()
    before = real(one_photo, tables)[1]
    optimizer = torch.optim.Adam([x], lr=2e-3)
    for _ in range(10):
        optimizer.zero_grad()
        simulate(x, steps).bits.sum().backward()
        optimizer.step()
    smaller = (x.detach()[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    assert real(smaller, tables)[1] < 0.97 * before


@pytest.mark.parametrize(("quality", "bar"), [(10, 42.8), (75, 46.9)])
def test_fidelity_on_kodak(kodak: list[Path], quality: int, bar: float) -> None:
    tables = scale_tables(STANDARD, quality)
    values = [psnr(as_pixels(simulated(p, tables)), real(p, tables)[0]) for p in map(pixels_of, kodak)]
    assert np.mean(values) >= bar


@pytest.mark.parametrize("quality", [20, 50, 75, 90])
def test_rate_on_kodak(kodak: list[Path], quality: int) -> None:
    tables = scale_tables(STANDARD, quality)
    ratios = [(float(simulated(p, tables).bits) + FILE_BITS) / real(p, tables)[1] for p in map(pixels_of, kodak)]
    assert abs(np.mean(ratios) - 1) < 0.05


def test_chroma_upsampling_can_differ_within_a_batch(one_photo: Pixels) -> None:
    x = to_tensor(one_photo).repeat(2, 1, 1, 1)
    steps = torch.full((2, 2, 8, 8), 20.0)
    both = simulate(x, steps, fancy=torch.tensor([True, False])).picture
    for index, fancy in enumerate((True, False)):
        assert torch.equal(both[index], simulate(x[:1], steps[:1], fancy=fancy).picture[0])
    assert not torch.equal(both[0], both[1])
