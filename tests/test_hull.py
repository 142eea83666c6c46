"""`scale="auto"` is the lower hull: by the metric of the tuning no scale alone is better. What it costs is counted."""

import subprocess
import sys
from functools import cache
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image, ImageDraw

import codec
from codec import rescaler, sampling, scaling
from codec.carriers.base import Options
from codec.encoding import Job, mean_square
from codec.models import registry
from codec.models.choice import Tune
from codec.models.config import Downscaler
from codec.models.description import describe
from codec.models.weights import read_weights
from codec.networks import Engine
from codec.picture import Picture, Pixels
from codec.rescaler import Rescaler
from codec.ssimulacra2_numpy import Judge
from codec.tradeoff import rate_weight, seen
from codec.wish import Wish
from tests.conftest import PICTURES, pixels_of, psnr

TUNES: tuple[Tune, ...] = get_args(Tune)
TRIED = (3, 6, 10, 15, 20, 30, 40, 50, 60, 70, 78, 84, 90, 94, 97)
"""Qualities of the brute force."""


@cache
def drawn(kind: str) -> Pixels:
    """192x144: a detail of a photo, or what no photo is."""
    if kind.startswith("kodim"):
        return pixels_of(PICTURES / f"{kind}-crop.png")
    random = np.random.default_rng(1)
    if kind == "noisy":
        grain = random.normal(128, 30, (144, 192, 1)) + random.normal(0, 3, (144, 192, 3))  # of colour, little
        return np.clip(grain, 0, 255).astype(np.uint8)
    img = Image.new("RGB", (192, 144), (235, 240, 250))
    draw = ImageDraw.Draw(img)
    if kind == "flat":
        draw.rectangle((40, 30, 130, 90), (40, 120, 60))
    else:
        for row in range(12):
            draw.text(
                (4, 12 * row), "the quick brown fox, " + "".join(map(chr, random.integers(97, 122, 12))), (20, 20, 20)
            )
    return np.array(img)


def weight_of(quality: int) -> float:
    options = Options(quality=quality, tables=describe(registry.DEFAULT).tables)
    return rate_weight(codec.carriers.get("jpeg").condition(options), 2)


class Measure:
    """Of files of a photo, by a tuning."""

    def __init__(self, photo: Pixels, tune: Tune) -> None:
        self.photo, self.tune, self.judge = photo, tune, Judge(photo)

    def distortion(self, data: bytes) -> float:
        restored = codec.decode(data, to="numpy")
        return self.judge.raw(restored) if self.tune == "eye" else mean_square(restored, self.photo)

    def cost(self, data: bytes, weight: float) -> float:
        restored = codec.decode(data, to="numpy")
        error = mean_square(restored, self.photo)
        error = error if self.tune == "psnr" else seen(error, self.judge.raw(restored))
        return error + weight * 8 * len(data) * 3 / self.photo.size


def alone(photo: Pixels, tune: Tune, **asked: Any) -> list[bytes]:
    """The files of all models that can."""
    files = []
    for model in scaling.models_of("auto", None, tune):
        try:
            files.append(codec.encode(photo, model=model, **asked))
        except codec.CodecError:
            continue
    return files


@pytest.mark.parametrize("tune", TUNES)
@pytest.mark.parametrize("kind", ["kodim08", "flat", "noisy", "text"])
class TestSmall:
    """Which are tried as a whole."""

    def test_quality(self, kind: str, tune: Tune) -> None:
        photo = drawn(kind)
        measure = Measure(photo, tune)
        models = scaling.models_of("auto", None, tune)
        files = [codec.encode(photo, quality, model=model) for model in models for quality in TRIED]
        for quality in (40, 90):
            best = min(measure.cost(data, weight_of(quality)) for data in files)
            data = codec.encode(photo, quality, scale="auto", tune=tune)
            assert measure.cost(data, weight_of(quality)) <= 1.01 * best

    @pytest.mark.parametrize("asked", [{"max_bytes": 1900}, {"bpp": 2}])
    def test_bytes(self, kind: str, tune: Tune, asked: dict[str, Any]) -> None:
        measure = Measure(drawn(kind), tune)
        files = alone(drawn(kind), tune, **asked)
        if not files:
            with pytest.raises(codec.CodecError, match="bytes cannot be"):
                codec.encode(drawn(kind), scale="auto", tune=tune, **asked)
            return
        data = codec.encode(drawn(kind), scale="auto", tune=tune, **asked)
        assert len(data) <= asked.get("max_bytes", asked.get("bpp", 0) * 192 * 144 / 8)
        assert measure.distortion(data) <= 1.01 * min(map(measure.distortion, files))

    @pytest.mark.parametrize("target", [25, 30])
    def test_psnr(self, kind: str, tune: Tune, target: float) -> None:
        data = codec.encode(drawn(kind), psnr=target, scale="auto", tune=tune)
        assert psnr(codec.decode(data), drawn(kind)) >= target
        assert len(data) <= 1.01 * min(map(len, alone(drawn(kind), tune, psnr=target)))


def mosaic(down: int, across: int) -> Pixels:
    """A large picture of the small ones, turned about, so that no two parts of it are alike."""
    names, rows = ("kodim04", "kodim08", "kodim23"), []
    for row in range(down):
        tiles = [drawn(names[(row + column) % 3])[:: (-1) ** row, :: (-1) ** column] for column in range(across)]
        rows.append(np.concatenate(tiles, 1))
    return np.ascontiguousarray(np.concatenate(rows))


class TestSampled:
    @pytest.mark.parametrize("tune", TUNES)
    def test_never_worse_than_any_scale(self, tune: Tune) -> None:
        photo = mosaic(3, 4)
        assert sampling.sample_of(photo).size < photo.size / 2
        measure = Measure(photo, tune)
        data = codec.encode(photo, bpp=0.5, scale="auto", tune=tune)
        assert measure.distortion(data) <= 1.01 * min(map(measure.distortion, alone(photo, tune, bpp=0.5)))
        data = codec.encode(photo, psnr=34, scale="auto", tune=tune)
        assert psnr(codec.decode(data), photo) >= 34
        assert len(data) <= 1.01 * min(map(len, alone(photo, tune, psnr=34)))
        best = min(measure.cost(d, weight_of(70)) for q in (30, 50, 60, 70) for d in alone(photo, tune, quality=q))
        assert measure.cost(codec.encode(photo, 70, scale="auto", tune=tune), weight_of(70)) <= 1.01 * best

    def test_where_the_sample_errs_the_next_model_is_taken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        photo = mosaic(3, 4)
        best = psnr(codec.decode(codec.encode(photo, 100)), photo)
        monkeypatch.setattr(sampling, "sample_of", lambda _: np.full((128, 256, 3), 90, np.uint8))
        data = codec.encode(photo, psnr=best + 1, scale="auto")
        assert psnr(codec.decode(data), photo) >= best + 1

    def test_always_the_same(self) -> None:
        photo = mosaic(3, 4)
        one, other = (codec.encode(photo, bpp=0.4, scale="auto") for _ in range(2))
        assert one == other

    @pytest.mark.parametrize("shape", [(600, 800, 3), (1500, 2000), (9, 60_000, 3), (60_000, 9, 3), (3000, 4000, 3)])
    def test_samples(self, shape: tuple[int, ...]) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        sample = sampling.sample_of(pixels)
        area = sample.shape[0] * sample.shape[1]
        assert sample.ndim == len(shape)
        assert 0.7 * sampling.LEAST <= area <= 1.3 * sampling.MOST
        if min(shape[:2]) > sampling.CROP:  # the first crop is of the picture, where a block of a JPEG begins
            crop = sample[:9, :9]
            grid = pixels[: shape[0] - 9 : 16, : shape[1] - 9 : 16]
            alike = np.atleast_3d(grid == crop[0, 0]).all(-1)
            assert any(np.array_equal(pixels[y : y + 9, x : x + 9], crop) for y, x in 16 * np.argwhere(alike))

    def test_metadata_are_not_the_pictures_bytes(self) -> None:
        photo, heavy = Picture(mosaic(3, 4)), Image.fromarray(mosaic(3, 4))
        heavy.info = {"icc_profile": bytes(20_000)}
        sample, job = Picture(sampling.sample_of(photo.pixels)), Job("jpeg", Options())
        light = sampling.wish_of(photo, sample, job, Wish(max_bytes=20_000)).max_bytes
        more = sampling.wish_of(codec.picture.read_picture(heavy), sample, job, Wish(max_bytes=40_000)).max_bytes
        assert light is not None
        assert more == pytest.approx(light, rel=0.02)


class Counting:
    """A network of a scale without weights, that counts the full-size pixels it takes and gives."""

    def __init__(self, scale: int, counts: list[int]) -> None:
        self.scale, self.counts = scale, counts

    def downscale(self, pixels: Pixels, condition: float, downscaler: Downscaler | None = None) -> Pixels:
        self.counts.append(pixels.shape[0] * pixels.shape[1])
        return np.array(Image.fromarray(pixels).reduce(self.scale))

    def upscale(self, lr: Pixels, condition: float) -> Pixels:
        large = np.array(Image.fromarray(lr).resize((lr.shape[1] * self.scale, lr.shape[0] * self.scale)))
        self.counts.append(large.shape[0] * large.shape[1])
        return large


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    passes = list[int]()

    def load(name: str, engine: Engine) -> Rescaler:
        weights = read_weights(registry.path_of(name))
        return Rescaler(Counting(weights.config.scale, passes), weights.config, weights.tables)

    monkeypatch.setattr(rescaler, "_load", cache(load))
    return passes


@pytest.mark.parametrize("tune", TUNES)
@pytest.mark.parametrize(
    ("tiles", "asked"),
    [
        ((7, 6), {"quality": 50}),
        ((7, 6), {"bpp": 0.5}),
        ((7, 6), {"psnr": 27}),
        ((21, 21), {"quality": 50}),
        ((21, 21), {"bpp": 0.5}),
    ],
)  # of 1 MP and of 12 MP
def test_at_most_twice_the_passes(tiles: tuple[int, int], asked: dict[str, Any], tune: Tune, counts: list[int]) -> None:
    photo = mosaic(*tiles)
    data = codec.encode(photo, scale="auto", tune=tune, **asked)
    ours = sum(counts)
    counts.clear()
    codec.encode(photo, model=codec.inspect(data).header.model, **asked)
    assert ours <= 2 * max(sum(counts), photo.shape[0] * photo.shape[1])


def test_a_small_picture_is_encoded_once(counts: list[int]) -> None:
    """The trial's file is the result."""
    tried = dict[str, int]()
    for model in ("sain-x1-lite", "sain-x2-lite", "sain-x4-lite"):
        codec.encode(drawn("kodim04"), psnr=24, model=model)
        tried[model] = len(counts)
        counts.clear()
    codec.encode(drawn("kodim04"), psnr=24, scale="auto")
    assert len(counts) <= sum(tried.values())


class TestMetric:
    @pytest.mark.parametrize("shape", [(144, 192), (97, 131), (64, 40), (33, 9), (8, 8)])
    def test_numpy_and_torch_agree(self, shape: tuple[int, int]) -> None:
        import torch

        from codec.ssimulacra2 import Ssimulacra2

        photo = drawn("kodim08")[: shape[0], : shape[1]]
        restored = codec.decode(codec.encode(photo, 30), to="numpy")
        a, b = (torch.from_numpy(p.copy()).permute(2, 0, 1)[None].float() / 255 for p in (photo, restored))
        assert Judge(photo).raw(restored) == pytest.approx(float(Ssimulacra2()(a, b, "picture")), rel=1e-3)

    def test_equal_and_grey_pictures(self) -> None:
        photo = drawn("kodim04")
        assert Judge(photo).raw(photo) == pytest.approx(0, abs=1e-3)
        grey = photo[..., 1]
        assert Judge(grey).raw(255 - grey) == Judge(np.dstack([grey] * 3)).raw(np.dstack([255 - grey] * 3))

    def test_without_torch(self) -> None:
        program = (
            f"import sys, codec; codec.encode({str(PICTURES / 'kodim04-crop.png')!r}, scale='auto', backend='onnx');"
            "assert 'torch' not in sys.modules"
        )
        subprocess.run([sys.executable, "-c", program], check=True)

    def test_backends_choose_alike(self) -> None:
        photo = mosaic(3, 3)
        made = [codec.encode(photo, 60, scale="auto", backend=backend) for backend in ("torch", "onnx")]  # type: ignore[arg-type]
        assert len({codec.inspect(data).header.model for data in made}) == 1
