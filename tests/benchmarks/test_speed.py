"""Speed, as ratios within one run: `make bench`, which ends with the ratios that we watch (`eval.speed`).

Every benchmark stands beside the reference of its group, so that a noisy machine moves both.
"""

import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture

import codec
from codec import rescaler
from codec.jpeg.simulator import simulate
from codec.jpeg.tables import STANDARD, scale_tables
from codec.models import registry
from codec.models.configs import CONFIGS
from codec.models.sain import SAINet
from codec.networks import Engine
from codec.networks.on_torch import TorchNetwork
from codec.picture import Pixels
from codec.ssimulacra2 import ssimulacra2
from eval.agreement import of_package
from tests.conftest import PICTURES, jpeg_bytes, pixels_of, to_tensor

ENGINES = {
    "float32": Engine("cpu", "torch"),
    "bfloat16": Engine("cpu", "torch", "bfloat16"),
    "onnx": Engine("cpu", "onnx"),
}
SIZES = {"1 MP": (1000, 1000), "12 MP": (3000, 4000), "50 MP": (6144, 8192)}
MANY = 24


def photo_of(height: int, width: int) -> Pixels:
    tile = pixels_of(PICTURES / "kodim08-crop.png")
    times = -(-height // tile.shape[0]), -(-width // tile.shape[1]), 1
    return np.ascontiguousarray(np.tile(tile, times)[:height, :width])


def measured(benchmark: BenchmarkFixture, work: Any, *args: Any, size: str = "1 MP") -> None:
    """Once without a clock; then as often as is bearable."""
    benchmark.pedantic(work, args, rounds=5 if size == "1 MP" else 1, warmup_rounds=size == "1 MP")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("how", [*ENGINES, "pillow"])
def test_encode(benchmark: BenchmarkFixture, size: str, how: str) -> None:
    benchmark.group = f"encode {size}"
    photo = photo_of(*SIZES[size])
    if how == "pillow":
        measured(benchmark, lambda: jpeg_bytes(photo, quality=75, optimize=True, progressive=True), size=size)
        return
    options = ENGINES[how]._asdict()
    codec.encode(photo[:64, :64], **options)  # loads the network
    measured(benchmark, lambda: codec.encode(photo, **options), size=size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("how", [*ENGINES, "pillow"])
def test_decode(benchmark: BenchmarkFixture, size: str, how: str) -> None:
    benchmark.group = f"decode {size}"
    photo = photo_of(*SIZES[size])
    if how == "pillow":
        data = jpeg_bytes(photo, quality=75, optimize=True, progressive=True)
        measured(benchmark, lambda: np.asarray(Image.open(io.BytesIO(data))), size=size)
        return
    options = ENGINES[how]._asdict()
    codec.decode(codec.encode(photo[:64, :64], **options), to="numpy", **options)
    measured(benchmark, lambda d: codec.decode(d, to="numpy", **options), codec.encode(photo), size=size)


@pytest.mark.parametrize("way", ["encode", "decode"])
@pytest.mark.parametrize("how", ["ours", "pillow"])
def test_full_size(benchmark: BenchmarkFixture, way: str, how: str) -> None:
    """Scale 1."""
    benchmark.group = f"{way} 12 MP at scale 1"
    photo, options = photo_of(*SIZES["12 MP"]), ENGINES["bfloat16"]._asdict()
    codec.decode(codec.encode(photo[:64, :64], scale=1), **options)
    encode: Any = lambda: codec.encode(photo, scale=1, **options)  # noqa: E731
    decode: Any = lambda d: codec.decode(d, to="numpy", **options)  # noqa: E731
    if how == "pillow":
        encode = lambda: jpeg_bytes(photo, quality=75, optimize=True, progressive=True)  # noqa: E731
        decode = lambda d: np.asarray(Image.open(io.BytesIO(d)))  # noqa: E731
    benchmark.pedantic(encode if way == "encode" else decode, () if way == "encode" else (encode(),), rounds=3)


@pytest.mark.benchmark(group="threads, decode 1 MP")
@pytest.mark.parametrize("threads", ["one", "all"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_threads(benchmark: BenchmarkFixture, threads: str, precision: Any) -> None:
    before, data = torch.get_num_threads(), codec.encode(photo_of(1000, 1000))
    torch.set_num_threads(1 if threads == "one" else before)
    try:
        measured(benchmark, lambda: codec.decode(data, to="numpy", precision=precision))
    finally:
        torch.set_num_threads(before)


@pytest.mark.benchmark(group="tiles, upscale to 4 MP")
@pytest.mark.parametrize("tile", [128, 256, 512, 1024])
def test_tiles(benchmark: BenchmarkFixture, tile: int) -> None:
    resc, lr = rescaler.load(registry.DEFAULT, ENGINES["bfloat16"]), photo_of(1000, 1000)
    measured(benchmark, lambda: resc.upscale(lr, 3.0, (2000, 2000), tile=tile))


@pytest.mark.benchmark(group=f"{MANY} photos of 1 MP")
@pytest.mark.parametrize("way", ["encode", "decode"])
@pytest.mark.parametrize("how", ["single calls", "batch"])
def test_many(benchmark: BenchmarkFixture, way: str, how: str) -> None:
    benchmark.group = f"{way} {MANY} photos of 1 MP"
    photo = photo_of(1000, 1000)
    source: list[Any] = [io.BytesIO(jpeg_bytes(photo, quality=92)).getvalue()] * MANY
    work: Any = codec.encode
    many: Any = codec.encode_batch
    if way == "decode":
        source, work, many = [codec.encode(photo)] * MANY, codec.decode, codec.decode_batch
    work(source[0])

    def single() -> None:
        for item in source:
            work(item)

    benchmark.pedantic(single if how == "single calls" else lambda: list(many(source)), rounds=2)


@pytest.mark.benchmark(group="SSIMULACRA2, 0.39 MP, one thread")
@pytest.mark.parametrize("how", ["ours", "package"])
def test_ssimulacra2(benchmark: BenchmarkFixture, how: str) -> None:
    original, threads = photo_of(512, 768), torch.get_num_threads()
    picture = np.asarray(Image.open(io.BytesIO(jpeg_bytes(original, quality=50))))
    torch.set_num_threads(1)
    try:
        benchmark.pedantic(ssimulacra2 if how == "ours" else of_package, (original, picture), rounds=3, warmup_rounds=1)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("name", ["sain-x2-lite", "sain-x2-paper"])
@pytest.mark.parametrize("way", ["downscale", "upscale"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_networks(benchmark: BenchmarkFixture, name: str, way: str, precision: Any) -> None:
    benchmark.group = f"network, {way}, 0.25 MP"
    network = TorchNetwork(SAINet(CONFIGS[name]).eval().requires_grad_(False), torch.device("cpu"), precision)
    pixels = photo_of(512, 512) if way == "downscale" else photo_of(256, 256)
    benchmark.pedantic(getattr(network, way), (pixels, 3.0), rounds=3, warmup_rounds=1)


@pytest.mark.benchmark(group="JPEG 1/4 MP")
class TestSimulator:
    def test_simulated(self, benchmark: BenchmarkFixture) -> None:
        x, steps = to_tensor(photo_of(500, 500)), torch.from_numpy(scale_tables(STANDARD, 75))[None].float()
        benchmark(simulate, x, steps)

    def test_real(self, benchmark: BenchmarkFixture) -> None:
        part = photo_of(500, 500)
        benchmark(lambda: np.asarray(Image.open(io.BytesIO(jpeg_bytes(part, quality=75)))))
