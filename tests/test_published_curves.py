"""Published figures are whole, carry their source, and say what others computed from them."""

import json
from collections import Counter

import numpy as np
import pytest

from eval import published
from eval.curves import compare, quality_at
from eval.published import DATASETS, FOLDER, Rescaling

# BD-rate to JPEG in percent, PSNR-RGB and MS-SSIM in dB: computed once from the same files with another program
# (piecewise cubic through log-rate, mean over the range that both curves cover)
STATED: dict[str, dict[str, tuple[float, float | None]]] = {
    "kodak": {
        "JPEG2000": (-35.9, -13.3),
        "WebP": (-36.2, -23.4),
        "BPG444": (-58.9, -47.8),
        "HM": (-60.1, -50.3),
        "AV1": (-62.4, -52.7),
        "VTM": (-67.6, -58.3),
        "mbt2018-mean": (-58.0, -52.1),
        "cheng2020-anchor": (-65.4, -59.2),
        "ELIC": (-67.9, None),
    },
    "clic-pro": {
        "JPEG2000": (-41.1, 0.5),
        "WebP": (-37.4, -26.2),
        "BPG444": (-65.0, -53.6),
        "HM": (-67.9, -58.3),
        "AV1": (-71.1, -61.7),
        "VTM": (-74.6, -65.7),
        "mbt2018-mean": (-64.9, -59.1),
        "cheng2020-anchor": (-72.5, -67.1),
    },
}
CASES = [(dataset, name) for dataset, rows in STATED.items() for name in rows]


def row(dataset: str, scale: int, method: str, codec: str) -> Rescaling:
    found = [
        r
        for r in published.rescaling_tables()
        if (r.dataset, r.scale, r.method, r.codec) == (dataset, scale, method, codec)
    ]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("dataset", DATASETS)
def test_curves_are_well_formed(dataset: str) -> None:
    curves = published.curves(dataset)
    assert set(STATED[dataset]) | {"JPEG"} <= set(curves)
    for name, curve in curves.items():
        assert curve.name == name
        assert curve.source
        assert len(curve.bpp) >= 5
        for metric in ("psnr",) if curve.ms_ssim is None else ("psnr", "ms_ssim_db"):
            points = curve.points(metric)
            assert points.shape == (2, len(curve.bpp))
            assert np.all(np.diff(points) > 0), (name, metric)
        assert 0 < curve.bpp[0] < curve.bpp[-1] < 5
        assert 20 < curve.psnr[0] < curve.psnr[-1] < 50


@pytest.mark.parametrize(("dataset", "name"), CASES)
def test_bd_rates_are_those_stated(dataset: str, name: str) -> None:
    curves = published.curves(dataset)
    for metric, percent in zip(("psnr", "ms_ssim_db"), STATED[dataset][name], strict=True):
        if percent is not None:
            found = compare(curves["JPEG"].points(metric), curves[name].points(metric)).percent
            assert found == pytest.approx(percent, abs=0.1), metric


def test_quality_at_a_rate() -> None:
    curves = published.curves("kodak")
    stated = {"JPEG": 28.95, "AV1": 33.66, "VTM": 34.36, "mbt2018-mean": 33.38, "ELIC": 34.67}
    for name, decibels in stated.items():
        assert quality_at(curves[name].points(), 0.5) == pytest.approx(decibels, abs=0.03), name


def test_what_is_missing_is_said() -> None:
    with pytest.raises(ValueError, match="choose kodak or clic-pro"):
        published.curves("tecnick")
    elic = published.curves("kodak")["ELIC"]
    with pytest.raises(ValueError, match="no MS-SSIM is published for ELIC"):
        elic.points("ms_ssim_db")
    with pytest.raises(ValueError, match="choose psnr or ms_ssim_db"):
        elic.points("ssim")


def test_rescaling_tables_are_well_formed() -> None:
    rows = published.rescaling_tables()
    assert {r.dataset for r in rows} == {"DIV2K", "Set5", "Set14", "BSD100", "Urban100"}
    assert {r.scale for r in rows} == {2, 4}
    assert max(Counter((r.dataset, r.scale, r.method, r.codec) for r in rows).values()) == 1
    for r in rows:
        assert r.source
        assert r.how
        assert "Y of BT.601" in r.protocol
        assert "`scale` border pixels cropped" in r.protocol
        assert len(r.psnr_y) == len(r.quality) == len(r.ssim_y or r.psnr_y)
        assert (r.quality == (None,)) == (r.codec == "PNG")
        assert all(20 < value < 50 for value in r.psnr_y)
        assert all(0.5 < value < 1 for value in r.ssim_y or ())
        if r.codec == "JPEG":
            assert r.quality == (30, 50, 70, 80, 90)
            assert np.all(np.diff(r.psnr_y) > 0)
            assert np.all(np.diff(r.ssim_y or [0, 1]) > 0)


def test_rescaling_tables_say_what_the_papers_say() -> None:
    sain, bicubic = (row("DIV2K", 2, method, "JPEG") for method in ("SAIN", "Bicubic & Bicubic"))
    gains = np.subtract(sain.psnr_y, bicubic.psnr_y).round(2).tolist()
    assert (gains[0], gains[3]) == (2.09, 4.08)
    assert sain.ssim_y is not None
    assert sain.ssim_y[-1] == 0.9419
    assert row("DIV2K", 2, "IRN", "PNG").psnr_y == (44.32,)
    for r in published.rescaling_tables():  # storing the LR picture without loss is an upper bound
        if r.codec == "JPEG" and r.method == "IRN":
            assert r.psnr_y[-1] < row(r.dataset, r.scale, "IRN", "PNG").psnr_y[0]


def test_data_files_name_no_codec_twice() -> None:
    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        assert len({key for key, _ in pairs}) == len(pairs)
        return dict(pairs)

    for path in FOLDER.glob("*.json"):
        json.loads(path.read_text("utf-8"), object_pairs_hook=unique)
