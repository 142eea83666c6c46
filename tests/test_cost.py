"""The cost sheet: what is measured is of the files that are compared, and the sums are those of the prices."""

from dataclasses import replace
from pathlib import Path

import pytest

from eval.cost import Measured, Prices, Use, measure, per_photo, sheet, yearly
from tests.conftest import PICTURES

ROW = Measured("a.jpg", 6_000_000, 75, 35.0, 1_000_000, 250_000, 400_000, 2, 1.5, 3.0)


def test_a_photo_is_measured_at_the_psnr_of_the_jpeg() -> None:
    row = measure(PICTURES / "kodim23-crop.png", 60)
    assert row.pixels == 192 * 144
    assert 25 < row.psnr < 45
    assert row.preview_bytes < row.jpeg_bytes
    assert row.our_bytes < 1.1 * row.jpeg_bytes
    assert row.encode_seconds > 0


def test_figures_are_scaled_to_the_size_of_the_photos() -> None:
    photo = per_photo([ROW, replace(ROW, pixels=12_000_000)], 12)
    assert photo["jpeg_bytes"] == pytest.approx(1_500_000)
    assert photo["decode_seconds"] == pytest.approx(4.5)


def test_sums_are_those_of_the_prices() -> None:
    prices = Prices(photos=1000, megapixels=6, storage=1e6, egress=1e5, cpu=3600, hits=0.25)
    photo = per_photo([ROW], prices.megapixels)
    costs = yearly(photo, prices, Use("gallery", 10, 2, "server"))
    assert costs["storage"] == pytest.approx((1.25e6 * 12, 0.4e6 * 12))
    assert costs["traffic"] == pytest.approx((1e5 * (2.5 + 2), 1e5 * (4 + 2)))
    assert costs["processors"] == pytest.approx((0, 1500 + 1000 * 2 * 0.75 * 3))
    costs = yearly(photo, prices, Use.parse("pages:10:2:browser"))
    assert costs["traffic"] == pytest.approx((1e5 * (2.5 + 2), 1e5 * (4 + 0.8)))
    assert costs["processors"] == pytest.approx((0, 1500))


def test_the_sheet_says_what_it_assumes(tmp_path: Path) -> None:
    rows = [ROW, replace(ROW, jpeg_quality=85, our_bytes=900_000)]
    page = sheet(rows, Prices(), [Use("a shop", 3, 0.5, "server")], "sain-x2-lite-00000000")
    assert "sain-x2-lite-00000000" in page
    assert "$0.023 for a gigabyte" in page
    assert "| 75 | 35.0 | 2,000 kB | 500 kB | 800 kB | -60% | -68% |" in page
    assert page.count("| a shop: 3 small, 0.5 full, restored by the server |") == 2
