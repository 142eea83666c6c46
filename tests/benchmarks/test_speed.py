"""Speed, as ratios within one run: `make bench`.

Every benchmark stores what it did per second beside the reference of its group, so that a noisy machine moves both.
"""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture

import codec
from codec.jpeg.simulator import simulate
from codec.jpeg.tables import STANDARD, scale_tables
from codec.models.configs import CONFIGS
from codec.models.sain import SAINet
from codec.picture import Pixels
from tests.conftest import PICTURES, jpeg_bytes, pixels_of, to_tensor


@pytest.fixture(scope="module")
def megapixel() -> Pixels:
    return np.tile(pixels_of(PICTURES / "kodim08-crop.png"), (8, 6, 1))[:1000, :1000]


@pytest.mark.benchmark(group="encode 1 MP")
class TestEncode:
    def test_ours(self, benchmark: BenchmarkFixture, megapixel: Pixels) -> None:
        benchmark(codec.encode, megapixel)

    def test_pillow_jpeg(self, benchmark: BenchmarkFixture, megapixel: Pixels) -> None:
        benchmark(jpeg_bytes, megapixel, quality=75, optimize=True, progressive=True)


@pytest.mark.benchmark(group="decode 1 MP")
class TestDecode:
    def test_ours(self, benchmark: BenchmarkFixture, megapixel: Pixels) -> None:
        benchmark(codec.decode, codec.encode(megapixel))

    def test_pillow_jpeg(self, benchmark: BenchmarkFixture, megapixel: Pixels) -> None:
        data = jpeg_bytes(megapixel, quality=75, optimize=True, progressive=True)
        benchmark(lambda: Image.open(io.BytesIO(data)).load())


@pytest.mark.benchmark(group="networks, 1/16 MP there and back")
@pytest.mark.parametrize("name", ["sain-x2-lite", "sain-x2-paper", "irn-x2"])
def test_networks(benchmark: BenchmarkFixture, name: str) -> None:
    net = SAINet(CONFIGS[name]).eval().requires_grad_(False)
    x, condition = torch.rand(1, 3, 256, 256), torch.tensor([3.0])
    benchmark(lambda: net.upscale(net.downscale(x, condition), condition))


@pytest.mark.benchmark(group="JPEG 1/4 MP")
class TestSimulator:
    def test_simulated(self, benchmark: BenchmarkFixture, megapixel: Pixels) -> None:
        x, steps = to_tensor(megapixel[:500, :500]), torch.from_numpy(scale_tables(STANDARD, 75))[None].float()
        benchmark(simulate, x, steps)

    def test_real(self, benchmark: BenchmarkFixture, megapixel: Pixels) -> None:
        part = np.ascontiguousarray(megapixel[:500, :500])
        benchmark(lambda: np.asarray(Image.open(io.BytesIO(jpeg_bytes(part, quality=75)))))
