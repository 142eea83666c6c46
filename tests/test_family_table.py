"""The table of systems: what it measures, and that it measures each model once."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import codec
from codec.models import registry
from eval import family, metrics
from eval.family import QUALITIES, measure, table
from eval.runner import load_picture
from tests.conftest import PICTURES


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    shutil.copy(sorted(PICTURES.glob("*.png"))[0], folder)
    return folder


def test_a_record_is_what_the_public_functions_give(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(family, "QUALITIES", (20, 75))
    paths = sorted(pictures.iterdir())
    record = measure("sain-x2-lite", paths, paths)
    photo = load_picture(paths[0])
    data = codec.encode(photo, 75)
    restored = codec.decode(data, to="numpy")
    point = record["jpeg"][1]
    assert point["bpp"] == pytest.approx(8 * len(data) / (photo.shape[0] * photo.shape[1]), abs=1e-4)
    assert point["psnr"] == pytest.approx(metrics.psnr(photo, restored), abs=1e-3)
    assert point["psnr_y"] == pytest.approx(metrics.psnr_y(photo, restored, 2), abs=1e-3)
    lossless = codec.decode(codec.encode(photo, format="png"), to="numpy")
    assert record["psnr_y_png"] == pytest.approx(metrics.psnr_y(photo, lossless, 2), abs=1e-3)
    assert record["model"] == registry.resolve("sain-x2-lite")
    assert record["parameters"] == 728_576
    assert min(record["seconds"]) > 0


def _record(name: str, bits: float, shift: float = 0, scale: int = 2) -> dict[str, object]:
    points = [
        {"quality": q, "bpp": bits * (i + 1), "psnr": 25 + 2 * i + shift, "psnr_y": 9} for i, q in enumerate(QUALITIES)
    ]
    record = {"model": name, "scale": scale, "parameters": 1234, "minutes": 5, "seconds": [1, 2]}
    return {**record, "jpeg": points, "psnr_y_png": 38.125}


def test_bits_are_those_at_equal_psnr_against_the_first_of_the_scale() -> None:
    records = [
        _record("a", 0.1),
        _record("x4", 0.01, scale=4),
        _record("b", 0.15),
        _record("c", 0.1, shift=30),
        _record("d", 0.1, shift=-30),
        _record("x4 too", 0.02, scale=4),
    ]
    rows = [[cell.strip() for cell in line.split("|")] for line in table(records).splitlines()[2:]]
    assert [row[1] for row in rows] == ["a", "b", "c", "d", "x4", "x4 too"]
    said = ["–", "+50 %", "never below 35.0 dB", "never reaches 25.0 dB", "–", "+100 %"]
    assert [row[7] for row in rows] == said
    assert rows[0][2] == "1,234"
    assert rows[0][5] == "0.200, 27.00, 9.00"
    assert rows[0][8] == "38.12"


def test_a_curve_that_does_not_rise_is_named() -> None:
    flat = _record("flat", 0.1)
    for point in flat["jpeg"]:  # type: ignore[attr-defined]
        point["psnr"] = 28
    assert "fewer than four rising points" in table([_record("a", 0.1), flat])


def test_what_is_measured_is_kept(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, measured = tmp_path / "family.json", []

    def counted(model: str, *_: object) -> dict[str, object]:
        measured.append(model)
        return _record(model, 0.1)

    monkeypatch.setattr(family, "measure", counted)
    for names in (["sain-x2-lite"], ["sain-x2-lite", "sain-x4-lite"]):
        folders = ["--kodak", str(pictures), "--set14", str(pictures)]
        monkeypatch.setattr("sys.argv", ["family", *names, *folders, "--out", str(out)])
        family.main()
    assert measured == [registry.resolve("sain-x2-lite"), registry.resolve("sain-x4-lite")]
    results = json.loads(out.read_text())["results"]
    assert len(results) == 2
    assert np.isclose(results[0]["jpeg"][0]["bpp"], 0.1)
    assert "sain-x4-lite" in capsys.readouterr().out
    monkeypatch.setattr(family, "QUALITIES", (20, 75))
    with pytest.raises(SystemExit, match="name another --out"):
        family.main()
