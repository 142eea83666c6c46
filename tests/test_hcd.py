"""HCD: LR pixels that the same decoder restores better, as the effort of the formats other than JPEG."""

import io
from functools import partial
from math import sqrt
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from PIL import Image
from tqdm import tqdm

import codec
from codec import distortion, hcd, networks, rescaler
from codec.carriers.base import Options
from codec.cli import main
from codec.coded import CodedPatch
from codec.distortion import Window, windows
from codec.encoding import Encoder, Job
from codec.errors import CodecError
from codec.hcd import Iterations, Patch, Start, collaborative
from codec.networks import Engine
from codec.networks.on_torch import TorchNetwork
from codec.picture import Pixels
from codec.tradeoff import rate_weight
from tests.conftest import PICTURES, psnr

TOLD = 0.88
"""What the network is told of a PNG."""


@pytest.fixture
def resc() -> rescaler.Rescaler:
    return rescaler.load("sain-x2-lite", Engine(backend="torch"))


def network(resc: rescaler.Rescaler) -> TorchNetwork:
    return cast(TorchNetwork, resc.network)


def restored(resc: rescaler.Rescaler, lr: Pixels, photo: Pixels) -> float:
    """PSNR of what is restored."""
    return psnr(resc.upscale(lr, TOLD, (photo.shape[1], photo.shape[0])), photo)


def test_each_step_gains_and_both_gain_most(photo: Pixels, resc: rescaler.Rescaler) -> None:
    lr = resc.downscale(photo, TOLD)
    first, second, both = (
        restored(resc, collaborative(Start(network(resc), photo, lr, TOLD), Iterations(*each)), photo)
        for each in ((4, 0), (0, 4), (4, 4))
    )
    plain = restored(resc, lr, photo)
    assert first > plain + 1
    assert second > plain + 1
    assert both > max(first, second) + 0.2


@pytest.mark.parametrize("size", [(1, 1), (7, 30), (33, 17), (131, 95)])
@pytest.mark.parametrize("grey", [False, True])
def test_any_size_and_grey_never_worse(one_photo: Pixels, size: tuple[int, int], grey: bool) -> None:
    photo = one_photo[: size[1], : size[0]]
    photo = photo[..., 1] if grey else photo
    plain, better = (codec.decode(codec.encode(photo, format="png", effort=e), to="numpy") for e in (0, 2))
    assert better.shape == photo.shape
    assert psnr(better, photo) >= psnr(plain, photo)


def test_noise_is_never_worse() -> None:
    photo = np.random.default_rng(0).integers(0, 2, (40, 40, 3), np.uint8) * 255
    plain, better = (codec.decode(codec.encode(photo, format="png", effort=e), to="numpy") for e in (0, 1))
    assert psnr(better, photo) >= psnr(plain, photo)


def test_a_window_that_does_not_gain_stays(one_photo: Pixels, resc: rescaler.Rescaler) -> None:
    class Blind(Patch):
        def distortion(self, lr: torch.Tensor) -> torch.Tensor:
            return 0 * lr.sum()

    lr = resc.downscale(one_photo, TOLD)
    start = Start(network(resc), one_photo, lr, TOLD)
    assert np.array_equal(collaborative(start, Iterations(1, 1), patch=Blind), lr)


def test_stays_in_the_ball_and_among_pixels() -> None:
    start = torch.rand(1, 3, 20, 30) * 255
    start[..., :4, :] = 0
    far = torch.randn(1, 3, 20, 30) * 50
    for radius in (0.5, 3.0):
        there = hcd.within(far, start, radius)
        assert float((there - start).norm()) / sqrt(start.numel()) <= radius * 1.0001
        assert float(there.min()) >= 0
        assert float(there.max()) <= 255
    near = 0.1 * torch.ones_like(start)
    assert torch.equal(hcd.within(near, start, 3.0), (start + near).clamp(0, 255))


def test_descent_keeps_the_best_and_to_the_ball() -> None:
    start, aim, seen = torch.full((1, 3, 8, 8), 100.0), 130.0, []

    def error(x: torch.Tensor) -> torch.Tensor:
        value = (x - aim).square().sum()
        seen.append(float(value.detach()))
        return value

    with torch.no_grad(), tqdm(disable=True) as bar:
        found = hcd.descend(error, start, 2.0, 20, bar)
        assert float(error(found)) == min(seen)
        assert torch.equal(hcd.descend(error, start, 2.0, 0, bar), start)
    assert float((found - start).norm()) / sqrt(start.numel()) == pytest.approx(2.0, rel=1e-3)


def test_the_lr_picture_remains_one(photo: Pixels) -> None:
    plain, better = (
        np.asarray(Image.open(io.BytesIO(codec.encode(photo, format="png", effort=e))).convert("RGB")) for e in (0, 5)
    )
    # two balls, one of them seen through the downscaling
    assert sqrt(np.mean((plain.astype(float) - better) ** 2)) < hcd.RADIUS_HR + hcd.RADIUS_LR


def test_windows_cover_all_and_gain_what_the_whole_does(one_photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    resc = rescaler.load("sain-x2-lite", Engine(backend="torch"))
    lr = resc.downscale(one_photo, TOLD)

    def made() -> Pixels:
        return collaborative(Start(network(resc), one_photo, lr, TOLD), Iterations(3, 3))

    whole = made()
    monkeypatch.setattr(distortion, "CORE", 48)
    parts = list(windows((lr.shape[1], lr.shape[0])))
    assert len(parts) == 4
    cut = made()
    for part in parts:
        assert (cut[part.core] != lr[part.core]).any()
    assert restored(resc, cut, one_photo) == pytest.approx(restored(resc, whole, one_photo), abs=0.15)


def test_a_window_starts_from_the_networks_own_pixels(one_photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    resc = rescaler.load("sain-x2-lite", Engine(backend="torch"))
    photo = one_photo[:141, :189]
    lr = resc.downscale(photo, TOLD)
    monkeypatch.setattr(distortion, "CORE", 48)
    for window in windows((lr.shape[1], lr.shape[0])):
        patch = Patch(Start(network(resc), photo, lr, TOLD), window, precise=True)
        with torch.no_grad():
            own = hcd.to_pixels(patch.downscaled(patch.given))
        assert np.abs(own.astype(int) - lr[patch.core]).max() <= 1


def test_is_deterministic(one_photo: Pixels) -> None:
    assert codec.encode(one_photo, format="png", effort=2) == codec.encode(one_photo, format="png", effort=2)


def test_more_effort_gains_more(one_photo: Pixels) -> None:
    reached = [psnr(codec.decode(codec.encode(one_photo, format="png", effort=e)), one_photo) for e in (0, 1, 2, 4)]
    assert reached == sorted(reached)
    assert reached[-1] > reached[0] + 2


def test_transparency_comes_back_exact(one_photo: Pixels) -> None:
    alpha = np.linspace(0, 255, one_photo.shape[1]).astype(np.uint8)
    photo = np.dstack([one_photo, np.broadcast_to(alpha, one_photo.shape[:2])])[:60, :80]
    plain, better = (codec.decode(codec.encode(photo, format="png", effort=e), to="numpy") for e in (0, 2))
    assert np.array_equal(better[..., 3], photo[..., 3])
    assert psnr(better[..., :3], photo[..., :3]) > psnr(plain[..., :3], photo[..., :3])


def test_on_the_command_line(tmp_path: Path) -> None:
    photo, small = str(PICTURES / "kodim23-crop.png"), tmp_path / "small.png"
    assert main(["encode", photo, str(small), "--effort", "1"]) == 0
    assert small.read_bytes() == codec.encode(photo, format="png", effort=1) != codec.encode(photo, format="png")
    assert codec.inspect(small).untouched


LOSSY = [("webp", 50), ("avif", 50), ("heif", 40)]


@pytest.mark.parametrize(("name", "quality"), LOSSY)
@pytest.mark.parametrize("grey", [False, True])
def test_lossy_formats_are_never_worse(one_photo: Pixels, name: str, quality: int, grey: bool) -> None:
    photo = one_photo[:61, :83, 1] if grey else one_photo[:61, :83]
    encoder = Encoder(photo, Job(name, Options(), effort=1))
    weight = 8 * rate_weight(encoder.condition(quality), 2) / (photo.shape[0] * photo.shape[1])

    def cost(data: bytes) -> float:
        error = np.mean((codec.decode(data, to="numpy").astype(float) - photo) ** 2)
        return float(error + weight * len(data))

    plain, better = (codec.encode(photo, quality, format=name, effort=e) for e in (0, 1))
    assert cost(better) <= cost(plain)


def test_webp_gains_at_equal_bytes() -> None:
    photo = np.array(Image.open(PICTURES / "kodim08-crop.png").convert("RGB"))
    plain, better = (codec.encode(photo, 40, format="webp", effort=e) for e in (0, 3))
    same = codec.encode(photo, format="webp", max_bytes=len(better))
    assert psnr(codec.decode(better), photo) > psnr(codec.decode(plain), photo)
    assert psnr(codec.decode(better), photo) > psnr(codec.decode(same), photo)


def test_a_coded_patch_sees_what_the_decoder_does(one_photo: Pixels, resc: rescaler.Rescaler) -> None:
    encoder = Encoder(one_photo, Job("webp", Options()))
    told = encoder.condition(50)
    lr = encoder.downscaled(50)
    (window,) = windows((lr.shape[1], lr.shape[0]))
    assert isinstance(window, Window)
    patch = CodedPatch(Start(network(resc), one_photo, lr, told), window, True, code=partial(encoder.coded, 50))
    with torch.no_grad():
        error = float(patch.error(patch.tensor(lr)))
    file = encoder.written(lr, 50)
    assert np.array_equal(encoder.carrier.reopened(file.data).picture().pixels, encoder.coded(50, lr)[0])
    size = encoder.coded(50, lr)[1]
    real = np.mean((encoder.restored(file).astype(float) - one_photo) ** 2, 2).sum()
    # the decoder rounds what it restores
    assert error == pytest.approx(real + rate_weight(told, 2) * 8 * size, rel=0.01)


def test_says_what_it_cannot_do(one_photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CodecError, match=r"effort refines .*there is none with format='jxl'"):
        codec.encode(one_photo, effort=1, format="jxl")
    monkeypatch.setattr(networks, "find_spec", lambda name: None if name == "torch" else object())
    with pytest.raises(CodecError, match=r"needs torch: pip install 'sain-codec\[torch\]'"):
        codec.encode(one_photo, effort=1, format="png")
