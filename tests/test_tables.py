"""Bars and tables of known curves: what is printed is what the curves say, of PSNR and SSIMULACRA2 alike."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from eval.bars import BARS, BEST, Difference, difference, differences
from eval.metrics import LABELS, SPANS
from eval.runner import Job, key_of, load_picture
from eval.speed import RATIOS, table
from eval.tables import against, at_our_bytes, by_peer, main
from tests.conftest import PICTURES

SHAPES = {"psnr": (24, 41), "ssimulacra2": (10, 90), "ms_ssim_db": (8, 22), "gmsd_db": (15, 55)}


def curve(factor: float, highest: float = 1.0) -> list[dict[str, float]]:
    """Ten points with `factor` times the bits; `highest`: how much of each metric's range it covers."""
    points = []
    for step in range(10):
        at = step / 9 * highest
        point = {"quality": 10 * step + 5, "bpp": factor * math.exp(3 * at) / 10, "encode_s": 0.1, "decode_s": 0.2}
        points.append(point | {key: low + (high - low) * at for key, (low, high) in SHAPES.items()})
    return points


def curves() -> dict[str, Any]:
    return {BEST: curve(0.6), "JPEG": curve(1.0), "WebP": curve(0.8, highest=0.7), "mozjpeg": curve(0.9)}


def test_every_bar_names_a_metric_and_its_curves() -> None:
    assert {metric for _, _, metric, _, _ in BARS} <= set(SPANS) <= set(LABELS)
    assert len({(ours, other, metric, span) for ours, other, metric, span, _ in BARS}) == len(BARS)
    assert list(LABELS)[:2] == ["psnr", "ssimulacra2"]


def test_differences_are_those_of_the_curves() -> None:
    found = {(d.curves, d.span): d for d in differences(curves())}
    jpeg = found[(BEST, "JPEG", "ssimulacra2"), (30, 85)]
    assert jpeg.percent == pytest.approx(-40, abs=0.01)
    assert (jpeg.low, jpeg.high, jpeg.bar) == (30, 85, -36)
    assert str(jpeg) == f"{BEST} against JPEG, ssimulacra2 30.0-85.0: BD-rate -40.00 %, asked -36: held"
    webp = found[(BEST, "WebP", "ssimulacra2"), (30, 80)]
    assert webp.percent == pytest.approx(-25, abs=0.01)
    assert webp.high == pytest.approx(66)  # where WebP's curve ends
    assert not any("AVIF" in d.curves for d in found.values())


def test_a_bar_that_cannot_be_compared_is_not_held() -> None:
    none = difference(curves() | {"low": curve(1.0, highest=0.3)}, BEST, "low", "psnr", (31, 40))
    assert math.isnan(none.percent)
    assert str(none._replace(bar=5.0)).endswith("missed")
    assert str(Difference(("a", "b", "psnr"), (0, 1), 0, 1, -3.0, -3.0)).endswith("held")


def test_tables_give_both_metrics_at_our_bytes() -> None:
    head, _, *rows = at_our_bytes(curves(), BEST).splitlines()
    assert head == f"| quality | bits per pixel | **{BEST}** | JPEG | WebP | mozjpeg |"
    assert len(rows) == 10
    assert rows[0] == "| 5 | 0.060 | **24.00, 10.0** | –, – | –, – | –, – |"
    cells = [cell.strip() for cell in rows[-1].split("|")[1:-1]]
    assert cells[:3] == ["95", "1.205", "**41.00, 90.0**"]
    at = 1 + math.log(0.6) / 3  # of JPEG's curve, at as many bytes
    assert cells[3] == f"{24 + 17 * at:.2f}, {10 + 80 * at:.1f}"
    assert cells[4] == "–, –"


def test_tables_give_bits_over_every_range() -> None:
    head, _, row = against(curves(), "JPEG").splitlines()
    assert "PSNR RGB 26…31 | PSNR RGB 31…40 | SSIMULACRA2 30…85 | MS-SSIM | GMSD" in head
    assert row == f"| {BEST} | −40.0 % | −40.0 % | −40.0 % | −40.0 % | −40.0 % | 0.10, 0.20 |"
    webp = by_peer(curves(), BEST).splitlines()[3]
    assert webp == "| WebP | −25.0 % | −25.0 % (31…36) | −25.0 % (30…66) | −25.0 % | −25.0 % |"
    old = {name: [{k: v for k, v in p.items() if k != "gmsd_db"} for p in points] for name, points in curves().items()}
    assert against(old, "JPEG").splitlines()[2].split(" | ")[5] == "–"


def test_tables_of_a_run_without_ours_say_what_it_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "summary.json").write_text(json.dumps({"curves": curves()}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["tables", str(tmp_path)])
        main()
        assert capsys.readouterr().out.count("\n|---|") == 3
        patch.setattr("sys.argv", ["tables", str(tmp_path), "--ours", "sain-x9"])
        with pytest.raises(SystemExit):
            main()
    assert "it has: sain, scale auto; JPEG; WebP; mozjpeg" in capsys.readouterr().err


def test_speeds_are_those_of_the_precision_that_is_named() -> None:
    names = [f"{test}[{common}-{which}]" for test, common, *both, _ in RATIOS.values() for which in both]
    times = dict.fromkeys(names, 2.0) | {"test_encode[12 MP-float32]": 0.1, "test_encode[12 MP-bfloat16]": 6.0}
    row = next(line for line in table(times).splitlines() if "encode 12 MP at scale 2" in line)
    assert row.endswith("| 6.000, 2.000 | 3.0 | ≤ 20 |")


def test_larger_pictures_are_reduced_on_demand(tmp_path: Path) -> None:
    path = PICTURES / "kodim08-crop.png"
    assert load_picture(path, longest=96).shape == (72, 96, 3)
    assert np.array_equal(load_picture(path, longest=192), load_picture(path))
    whole, reduced = (Job("jpeg", path, 50, 0, 1, longest) for longest in (None, 96))
    assert reduced.original().shape == (72, 96, 3)
    assert key_of(whole) != key_of(reduced)
    Image.new("RGB", (64, 300)).save(tmp_path / "tall.png")
    assert load_picture(tmp_path / "tall.png", 4, 150).shape == (148, 32, 3)
