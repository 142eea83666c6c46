"""Any size comes back exact, tiles leave no trace, and memory is bounded by tiles."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import codec
from codec import rescaler
from codec.models import registry
from codec.networks import Engine
from codec.picture import Pixels
from codec.rescaler import Rescaler
from tests.conftest import PICTURES, levels_apart, pixels_of
from tests.corpora import installed
from tests.memory import FULL_TILES, grown

PHOTO = pixels_of(PICTURES / "kodim08-crop.png")
SIZES = [(1, 1), (1, 2), (2, 1), (3, 5), (1, 64), (65, 1), (17, 16), (7, 2000), (2001, 3)]


@pytest.fixture(scope="module")
def resc() -> Rescaler:
    return rescaler.load(registry.DEFAULT, Engine("cpu"))


def picture(width: int, height: int) -> Pixels:
    """Detail everywhere, in any size."""
    return np.resize(PHOTO, (height, width, 3))


@pytest.mark.parametrize("name", installed())
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("scale", [1, 2])
def test_sizes_are_exact(scale: Any, name: str, size: tuple[int, int]) -> None:
    photo = picture(*size)
    for pixels in (photo, photo[..., 0], np.dstack([photo, photo[..., :1] // 2])):  # colour, grey, transparent
        data = codec.encode(pixels, format=name, scale=scale)
        info = codec.inspect(data)
        assert info.header.full_size == size
        assert info.header.lr_size == (-(-size[0] // scale), -(-size[1] // scale))
        assert codec.decode(data, to="numpy").shape == pixels.shape


@given(width=st.integers(1, 70), height=st.integers(1, 70), name=st.sampled_from(installed()))
@settings(max_examples=60, deadline=None)
def test_any_size_is_exact(width: int, height: int, name: str) -> None:
    for scale in (1, 2):
        data = codec.encode(picture(width, height), format=name, scale=scale)  # type: ignore[arg-type]
        assert codec.decode(data).size == (width, height)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 9), (5, 2), (31, 64)])
def test_outside_is_a_mirror_as_numpys(width: int, height: int) -> None:
    # pictures narrower than the margin are mirrored again and again
    photo, pad = picture(width, height), 8
    padded = np.pad(photo, ((pad, pad), (pad, pad), (0, 0)), "symmetric")
    for window in ((slice(0, height + 16), slice(0, width + 16)), (slice(3, 7), slice(6, width + 11))):
        assert np.array_equal(rescaler.mirrored(photo, window, pad), padded[window])


def test_grey_is_colour_without_colour(resc: Rescaler) -> None:
    grey = picture(91, 70)[..., 1]
    lr = resc.downscale(grey, 3.0)
    coloured = resc.downscale(np.dstack([grey] * 3), 3.0)
    assert np.array_equal(lr, rescaler._grey(coloured))
    restored = resc.upscale(np.dstack([lr] * 3), 3.0, (91, 70))
    assert np.array_equal(resc.upscale(lr, 3.0, (91, 70)), rescaler._grey(restored))


@pytest.mark.parametrize("name", registry.available())
def test_overlap_is_what_the_network_reaches(name: str) -> None:
    # one pixel changed in the middle: nothing beyond `overlap` feels it, and the upscaling network uses most of it
    resc, condition = rescaler.load(name, Engine("cpu", "torch")), torch.tensor([3.0])
    net = resc.network.net
    s, middle = resc.scale, 2 * resc.overlap["upscale"]

    def felt(network: Callable[[Tensor, Tensor], Tensor], grain: int, out: int) -> int:
        """The farthest LR column that a change reaches; it is `grain` pixels of the input, `out` of the output."""
        x = torch.rand(1, 3, 24 * grain, 2 * middle * grain)
        changed = x.clone()
        changed[:, :, 12 * grain, middle * grain] += 4  # out of range: a change that nothing rounds away
        difference = (network(changed, condition) - network(x, condition)).abs().amax((0, 1, 2))
        columns = difference.reshape(2 * middle, out).amax(1).nonzero()[:, 0] - middle
        return int(columns.abs().max())

    for way, grain, out in (("downscale", s, 1), ("upscale", 1, s)):
        reach = resc.config.reach(way)
        assert reach <= resc.overlap[way] < reach + resc.config.alignment
        assert min(reach, reach // 2 + 1) <= felt(getattr(net, way), grain, out) <= reach


@pytest.mark.parametrize("model", ["sain-x1-lite", "sain-x2-lite"])
def test_a_smaller_overlap_shows(model: str) -> None:
    # or that tiles leave no seam (tests/test_determinism.py) would say nothing
    photo, resc = picture(150, 140), rescaler.load(model, Engine("cpu"))
    lr = resc.downscale(photo, 3.0)
    restored = resc.upscale(lr, 3.0, (150, 140))
    careless = Rescaler(resc.network, resc.config, resc.tables)
    careless.overlap = dict.fromkeys(careless.overlap, 2)
    assert resc.config.identity or levels_apart(careless.downscale(photo, 3.0, tile=34), lr) > 1
    assert levels_apart(careless.upscale(lr, 3.0, (150, 140), tile=34), restored) > 1


def test_memory_grows_by_less_than_a_float_copy() -> None:
    # what tiles take is behind us; a picture of float32 would be four times the pixels of uint8
    size = (10_000, 600)
    pixels = 3 * size[0] * size[1] / 2**20
    # glibc would keep freed blocks of changing sizes, and blur what the code itself takes
    result = grown(size, first=FULL_TILES, MALLOC_MMAP_THRESHOLD_="1000000")
    assert result["encode"] < 2.5 * pixels
    assert result["decode"] < 3 * pixels
