"""Peak memory of large pictures, and of a reference: `make bench`. One run each, some two minutes on one core."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from eval.transfer_cost import measure
from tests.conftest import SHARED
from tests.memory import measured


@pytest.mark.parametrize(("size", "limit"), [((4000, 3000), 500), ((8192, 6144), 800)], ids=["12 MP", "50 MP"])
def test_peak(benchmark: BenchmarkFixture, size: tuple[int, int], limit: float) -> None:
    """`limit`: megabytes above the pictures themselves."""
    encode, both = benchmark.pedantic(measured, size, rounds=1)
    decode = both - 3 * size[0] * size[1] / 2**20
    benchmark.extra_info |= {"encode MB": encode, "decode MB above the picture": decode}
    assert encode <= limit
    assert decode <= limit


def test_reference(benchmark: BenchmarkFixture) -> None:
    """A picture and a reference of a megapixel each; the seconds are of a whole process."""
    photo = SHARED / "large/canon-5d.jpg"
    if not photo.exists():
        pytest.skip("needs ../shared/data/large")
    result = benchmark.pedantic(measure, (photo,), rounds=1)
    benchmark.extra_info |= result
    assert result["with a reference"]["megabytes"] <= 1500
