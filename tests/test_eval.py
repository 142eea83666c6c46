"""Evaluation: metrics against their definitions, comparisons of known curves, runs that resume and never stop."""

import csv
import json
import math
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.signal import convolve2d
from skimage.color import rgb2ycbcr

import codec
from codec.demo import busiest
from codec.picture import Pixels
from eval import metrics
from eval.__main__ import folder_of, main
from eval.codecs import Codec, MissingCodecError, build, choices, ordinary
from eval.codecs.ordinary import ORDINARY, load
from eval.curves import compare, interval, quality_at
from eval.gallery import at_bytes
from eval.output import file_name
from eval.runner import Cache, Job, key_of, mean_curve, measure, run
from eval.summary import summarise
from tests.conftest import PICTURES

PHOTO = PICTURES / "kodim08-crop.png"


def curve(factor: float = 1.0, offset: float = 0.0) -> np.ndarray[Any, np.dtype[np.float64]]:
    decibels = np.linspace(25, 40, 8)
    return np.stack([np.exp(decibels / 6) / 100 * factor, decibels + offset])


def test_metrics_agree_with_their_definitions(one_photo: Pixels) -> None:
    noisy = (one_photo.astype(int) + np.random.default_rng(0).integers(-9, 10, one_photo.shape)).clip(0, 255)
    noisy = noisy.astype(np.uint8)
    values = metrics.all_of(one_photo, noisy, border=2)
    error = np.mean((one_photo.astype(float) - noisy) ** 2)
    assert values["psnr"] == pytest.approx(10 * math.log10(255**2 / error))
    y = [rgb2ycbcr(p)[2:-2, 2:-2, 0] for p in (one_photo, noisy)]
    assert values["psnr_y"] == pytest.approx(10 * math.log10(255**2 / np.mean((y[0] - y[1]) ** 2)), abs=1e-3)
    assert 0.5 < values["ssim"] < 1
    assert math.isnan(values["ms_ssim_db"])  # 144 pixels are too few for five scales
    assert 20 < values["ssimulacra2"] < 95
    assert values["gmsd_db"] == pytest.approx(-20 * math.log10(gmsd_by_convolutions(one_photo, noisy)))


def gmsd_by_convolutions(original: Pixels, restored: Pixels) -> float:
    """As the authors' MATLAB code writes it down."""
    gradients = []
    for pixels in (original, restored):
        y = pixels.astype(float) @ np.array([0.2989, 0.5870, 0.1140])
        y = convolve2d(y, np.full((2, 2), 0.25))[1:, 1:][::2, ::2]  # MATLAB's 'same' keeps the later half of even sizes
        across = np.array([[1, 0, -1]] * 3) / 3
        gradients.append(np.sqrt(sum(convolve2d(y, filter_, "same") ** 2 for filter_ in (across, across.T))))
    one, other = gradients
    return float(((2 * one * other + 170) / (one**2 + other**2 + 170)).std(ddof=1))


@pytest.mark.parametrize("shape", [(64, 80), (63, 81), (5, 4)])
def test_gmsd_of_any_size(shape: tuple[int, int], one_photo: Pixels) -> None:
    original = one_photo[: shape[0], : shape[1]]
    restored = original // 16 * 16
    assert metrics.gmsd(original, restored) == pytest.approx(gmsd_by_convolutions(original, restored))
    assert math.isnan(metrics.gmsd_db(original[:3], restored[:3]))


def test_equal_pictures_are_perfect(one_photo: Pixels) -> None:
    values = metrics.all_of(np.tile(one_photo, (2, 2, 1)), np.tile(one_photo, (2, 2, 1)))
    assert values["psnr"] == values["psnr_y"] == 100
    assert values["ssim"] == pytest.approx(1)
    assert values["ms_ssim_db"] > 60
    assert values["ssimulacra2"] == values["gmsd_db"] == 100


@pytest.mark.parametrize("factor", [0.7, 1.0, 1.6])
def test_bd_rate_of_known_curves(factor: float) -> None:
    result = compare(curve(), curve(factor))
    assert result.percent == pytest.approx(100 * (factor - 1), abs=0.1)
    assert (result.low, result.high) == (25, 40)
    assert result.quality == pytest.approx(-6 * math.log(factor), abs=0.1)


def test_bd_rate_never_extrapolates() -> None:
    result = compare(curve(), curve(0.7, offset=5), 33, 99)
    assert (result.low, result.high) == (33, 40)
    with pytest.raises(ValueError, match="no range"):
        compare(curve(), curve(offset=20))
    with pytest.raises(ValueError, match="fewer than four"):
        compare(curve(), curve()[:, :3])


def test_points_that_a_cheaper_one_beats_are_left_out() -> None:
    dented = np.insert(curve(0.7), 4, [[curve(0.7)[0, 4] * 0.99], [20.0]], axis=1)
    assert compare(curve(), dented).percent == pytest.approx(-30, abs=0.1)


def test_interval_covers_and_narrows() -> None:
    random = np.random.default_rng(1)
    factors = 0.7 * np.exp(random.normal(0, 0.2, 24))
    anchor = np.stack([curve()] * 24)
    ours = np.stack([curve(f) for f in factors])
    low, high = interval(anchor, ours, 25, 40)
    assert low < compare(anchor.mean(0), ours.mean(0)).percent < high
    few = interval(anchor[:5], ours[:5], 25, 40)
    assert high - low < few[1] - few[0]


def test_quality_at_a_rate() -> None:
    assert quality_at(curve(), float(curve()[0, 3])) == pytest.approx(float(curve()[1, 3]))
    assert math.isnan(quality_at(curve(), 100.0))


@pytest.mark.parametrize(
    "name",
    [
        *("ours", "ours+scale1", "ours+scaleauto", "ours+scale4+shown", "plain", "sr-only", "box-chroma"),
        *("jpeg", "jpeg-flat", "mozjpeg", "jpegli", "jxl", "webp", "avif", "heif", "lanczos-x4-webp"),
    ],
)
def test_codecs_keep_their_contract(name: str, one_photo: Pixels) -> None:
    codec: Codec = build(name)
    try:
        _ = codec.identity
    except MissingCodecError as error:
        pytest.skip(str(error))
    photo = one_photo[:141, :187]
    size = (187, 141)
    qualities = list(codec.qualities)
    assert qualities == sorted(qualities)
    assert len(qualities) >= 8
    sizes = []
    for quality in (qualities[2], qualities[-2]):
        data = codec.encode(photo, quality)
        sizes.append(len(data))
        assert codec.decode(data, size).shape == photo.shape
        stored = codec.stored(data)
        assert (stored is None) == ((name in ORDINARY and "lanczos" not in name) or name == "plain")
    assert sizes[0] < sizes[1]
    assert codec.name in codec.identity
    assert codec.description


def test_identities_and_names_differ() -> None:
    names = [name for name in choices() if name.islower()]
    names += ["ours+effort3", "ours+compact", "ours+effort3+compact", "sain-x4-lite+effort3"]
    names += [
        "ours+scale1",
        "ours+scale2",
        "ours+scaleauto",
        "ours+scaleauto+effort3",
        "ours+scale1+shown",
        "ours+shown",
    ]
    names += ["ours-avif+scale1", "ours-heif+scaleauto+compact"]
    names += ["resaved-90", "resaved-75", "resaved-90-75", "resaved-plus20", "resaved-minus20"]
    names.remove("ours")  # the same as its model's name
    codecs = [build(name) for name in names]
    assert len({c.identity for c in codecs}) == len({c.name for c in codecs}) == len(names)
    assert len({file_name(c.name) for c in codecs}) == len(names)


def test_unknown_codecs_are_named() -> None:
    for name in (
        "gif",
        "jpeg+effort3",
        "sr-only+effort3",
        "ours+effort",
        "ours+scale3",
        "sain-x2-base+scale1",
        "sr-only+shown",
        "plain+psnr",
        "resaved-",
        "resaved-101",
        "resaved-85-0",
        "resaved-plus",
    ):
        with pytest.raises(ValueError, match=re.escape(f"unknown codec '{name}': choose from ours")):
            build(name)


def test_variants_are_what_they_say(one_photo: Pixels) -> None:
    plain, compact, refined = (build(name).encode(one_photo, 50) for name in ("ours", "ours+compact", "ours+effort2"))
    assert len(plain) - len(compact) > 150
    assert refined != plain
    assert codec.inspect(compact).header == codec.inspect(plain).header


def test_missing_codecs_say_what_would_help(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COMPRESSAI_WEIGHTS", str(tmp_path))
    for name, package in (("jxl", "pillow-jxl-plugin"), ("jpegli", "pyjpegli"), ("mozjpeg", "pyvips-binary")):
        monkeypatch.setattr(ordinary, "version", lambda name: version(f"no-{name}"))
        with pytest.raises(MissingCodecError, match=f"{package} is not installed"):
            _ = build(name).identity
    with pytest.raises(MissingCodecError, match=r"compressai|weights"):
        _ = build("compressai:mbt2018-mean").identity


def test_a_choice_that_the_library_does_not_have_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def encode(image: Any, quality: int | None = None, *, scale: Any = None) -> bytes:
        return b""

    monkeypatch.setattr(codec, "encode", encode)
    with pytest.raises(MissingCodecError, match="no choice of tune"):
        _ = build("ours+scale4+psnr").identity


def test_what_viewers_show_is_not_what_we_restore(one_photo: Pixels) -> None:
    photo = one_photo[:141, :187]
    plain, restored, shown = (build(name) for name in ("plain", "ours", "ours+shown"))
    data = plain.encode(photo, 50)
    assert np.array_equal(plain.decode(data, (187, 141)), load(data))
    data = restored.encode(photo, 50)
    assert data == shown.encode(photo, 50)
    pictures = [each.decode(data, (187, 141)) for each in (restored, shown)]
    assert pictures[0].shape == pictures[1].shape
    assert metrics.psnr(photo, pictures[0]) > metrics.psnr(photo, pictures[1]) + 0.5


def test_box_upsampling_is_another_picture(one_photo: Pixels) -> None:
    data = build("ours").encode(one_photo, 75)
    fancy, box = (build(name).stored(data) for name in ("ours", "box-chroma"))
    assert fancy is not None
    assert box is not None
    assert 0 < np.abs(fancy.astype(int) - box).mean() < 4


def test_a_file_saved_again_loses_but_is_restored(one_photo: Pixels) -> None:
    values = []
    for name in ("ours", "resaved-95", "resaved-minus20", "resaved-50-30"):
        data = build(name).encode(one_photo, 75)
        values.append(metrics.psnr(one_photo, build(name).decode(data, (192, 144))))
    assert values == sorted(values, reverse=True)


def job(**changes: Any) -> Job:
    return Job(**{"codec": "jpeg", "picture": PHOTO, "quality": 50, "border": 0, "modulo": 1, **changes})


def test_the_cache_key_knows_all_that_matters() -> None:
    keys = {key_of(j) for j in (job(), job(codec="webp"), job(quality=51), job(border=2), job(modulo=12))}
    keys.add(key_of(job(picture=PICTURES / "kodim04-crop.png")))
    assert len(keys) == 6
    assert key_of(job()) == key_of(job())


def test_a_run_resumes_and_does_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cache.jsonl"
    jobs = [job(quality=quality) for quality in (20, 50)]
    first = run(jobs[:1], Cache(path), 1)
    path.write_text(path.read_text() + '{"key": "cut sho')  # the machine went down in the middle of a line
    cache = Cache(path)
    assert run(jobs[:1], cache, 1) == first
    monkeypatch.setattr("eval.runner.ProcessPoolExecutor", None)  # a second run needs no worker
    assert run(jobs[:1], cache, 1) == first


def test_a_bad_picture_does_not_end_a_run(tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    cache = Cache(tmp_path / "cache.jsonl")
    records = run([job(picture=bad), job()], cache, 1)
    assert "not a picture" in records[0]["error"]
    assert "psnr" in records[1]
    assert len(Cache(cache.path).records) == 1  # tried again next time


def test_mean_curves_and_incomplete_pictures() -> None:
    records = [
        {"codec": "jpeg", "picture": p, "quality": q, "width": 8, "height": 8, "bpp": q / 10 + s, "psnr": 20.0 + q}
        for p, s in (("a", 0.0), ("b", 1.0))
        for q in (1, 2)
    ]
    assert mean_curve(records)[0] == pytest.approx({"quality": 1, "bpp": 0.6, "psnr": 21.0})
    summary = summarise(
        [*records, {"codec": "jpeg", "picture": "c", "quality": 1, "error": "broke"}], [build("jpeg")], ["jpeg"], "x"
    )
    assert list(summary["per_picture"]["JPEG"]) == ["a", "b"]
    assert summary["missing"] == [{"codec": "jpeg", "picture": "c", "quality": 1, "reason": "broke"}]


def test_measure_reports_what_is_stored() -> None:
    record = measure(job(codec="ours"))
    assert record["lr_psnr"] > 20
    assert record["bytes"] * 8 / (192 * 144) == record["bpp"]
    assert "lr_psnr" not in measure(job())


def test_gallery_gives_the_others_no_fewer_bytes(one_photo: Pixels) -> None:
    for name in ("jpeg", "avif"):
        assert len(at_bytes(build(name), one_photo, 3000)) >= 3000
    top, left = busiest(np.pad(one_photo, ((100, 0), (0, 0), (0, 0))), 96)
    assert top > 0
    assert left % 48 == 0


def test_the_whole_way(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = tmp_path / "photos"
    pictures.mkdir()
    for name in ("kodim04-crop", "kodim23-crop"):
        Image.open(PICTURES / f"{name}.png").resize((384, 288)).save(pictures / f"{name}.png")
    out = tmp_path / "results"
    command = ["run", "--dataset", str(pictures), "--out", str(out), "--codec", "ours", "jpeg", "--workers", "1"]
    qualities = ["--qualities", "15", "35", "50", "75"]
    assert main([*command, *qualities]) == 0
    assert "against JPEG, psnr: " in capsys.readouterr().out
    summary = json.loads((out / "summary.json").read_text())
    assert [len(summary["curves"][name]) for name in ("sain-x2-lite", "JPEG")] == [4, 4]
    spans = {(e["metric"], tuple(e["span"] or ())) for e in summary["bd"]}
    assert spans == {(m, s) for m, own in metrics.SPANS.items() for s in ((), *own)}
    drawn = json.loads((out / "jpeg.json").read_text())
    assert set(drawn["results"]) >= {"psnr-rgb", "ms-ssim-rgb", "bpp", "encoding_time", "decoding_time"}
    with (out / "results.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 16
    with Image.open(out / "curves.png") as img:
        assert img.width > 1000
    # a second run only reads
    with monkeypatch.context() as patch:
        patch.setattr("eval.evaluate.run", None)
        assert main([*command, *qualities]) == 0
    assert main(["report", str(out)]) == 0
    assert "sain-x2-lite" in (out / "report.html").read_text()
    # a broken picture and a codec that is not there: the rest is reported, the exit code says so
    (pictures / "broken.png").write_bytes(b"no picture")
    assert main([*command, *qualities]) == 1
    assert "missing: jpeg broken" in capsys.readouterr().err


def test_our_figures_stand_beside_the_papers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = tmp_path / "set14"
    pictures.mkdir()
    Image.open(PHOTO).save(pictures / "photo.png")
    main(
        ["run", "--protocol", "rescaling", "--dataset", str(pictures), "--out", str(tmp_path / "out"), "--workers", "1"]
    )
    printed = capsys.readouterr().out
    assert "QF30" in printed
    assert "29.57" in printed  # SAIN's published figure on Set14 at quality factor 30
    assert [line for line in printed.splitlines() if line.startswith("sain-x2-lite  ") and "(" in line]


def test_datasets_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.setenv("EVAL_DATA", str(tmp_path))
    assert folder_of("mine") == tmp_path / "mine"
    assert folder_of(str(PICTURES)) == PICTURES


def test_usage_errors(tmp_path: Path) -> None:
    for arguments in (["run", "--dataset", str(tmp_path), "--out", "x"], ["report", str(tmp_path)]):
        with pytest.raises(SystemExit) as error:
            main(arguments)
        assert error.value.code
    with pytest.raises(SystemExit):
        main(["run", "--dataset", str(PICTURES), "--out", str(tmp_path), "--codec", "gif"])
