"""Peak memory of large pictures: `make bench`. One run each, some two minutes on one core."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.memory import measured


@pytest.mark.parametrize(("size", "limit"), [((4000, 3000), 500), ((8192, 6144), 800)], ids=["12 MP", "50 MP"])
def test_peak(benchmark: BenchmarkFixture, size: tuple[int, int], limit: float) -> None:
    """`limit`: megabytes above the pictures themselves."""
    encode, both = benchmark.pedantic(measured, size, rounds=1)
    decode = both - 3 * size[0] * size[1] / 2**20
    benchmark.extra_info |= {"encode MB": encode, "decode MB above the picture": decode}
    assert encode <= limit
    assert decode <= limit
