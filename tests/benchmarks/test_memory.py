"""Peak memory of 50 megapixels: `make bench`. One run, some two minutes on one core."""

from pytest_benchmark.fixture import BenchmarkFixture

from tests.memory import measured

LIMIT = 1536
"""Megabytes above the picture itself."""


def test_fifty_megapixels(benchmark: BenchmarkFixture) -> None:
    width, height = 8192, 6144
    encode, both = benchmark.pedantic(measured, (width, height), rounds=1)
    restored = 3 * width * height / 2**20
    benchmark.extra_info |= {"encode MB": encode, "decode MB above the picture": both - restored}
    assert encode <= LIMIT
    assert both - restored <= LIMIT
