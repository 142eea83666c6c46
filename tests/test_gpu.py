"""The measurement of GPUs, on a CPU: all of it runs, what it runs restores the right pictures, failures are named."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from codec import rescaler
from codec.models import registry
from codec.models.weights import read_weights
from codec.networks import Engine
from codec.networks.on_torch import network_of
from codec.picture import Pixels
from eval import frames, gpu
from eval.frames import VARIANTS, Restorer, made
from tests.conftest import levels_apart

TINY = ["--device", "cpu", "--size", "64x48", "--photo", "32x16", "--photos", "3", "--seconds", "0", "--out"]


def test_all_of_it_runs(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    # compiling takes minutes: here, what is compiled is traced only
    assert gpu.main([*TINY, str(out), "--compiler", "eager"]) == 0
    result = json.loads(out.read_text())
    assert result["command"].startswith("python -m eval.gpu --device cpu --size 64x48")
    assert (result["size"], result["bar"], result["machine"]["device"]) == ([64, 48], 60, "cpu")
    assert result["teraflops_a_frame"] > 0
    for section in ("frames", "photos_in_batches"):
        assert list(result[section]) == [variant.name for variant in VARIANTS if not variant.captured]
        assert all(row["levels_apart"] <= 12 for row in result[section].values())
        assert result[section]["eager, float32"]["psnr"] is None
        assert result[section]["eager"]["psnr"] > 45
    assert len(result["codec"]) == 6
    for rows in (result["frames"], result["codec"]):
        assert all(row["frames_per_second"] == pytest.approx(1000 / row["ms"], rel=0.01) for row in rows.values())
    batches = result["photos_in_batches"].values()
    assert all(row["frames_per_second"] == pytest.approx(3000 / row["ms"], rel=0.01) for row in batches)


@pytest.mark.parametrize("model", registry.latest())
def test_frames_are_restored_as_the_codec_does(model: str, one_photo: Pixels) -> None:
    net = network_of(read_weights(registry.path_of(model)))
    lr = np.stack([one_photo[:48, :64], one_photo[48:96, 64:128]])
    with torch.no_grad():
        restored = Restorer(net, torch.tensor([2.7]), "float32")(torch.from_numpy(lr)).numpy()
    network = rescaler.load(model, Engine("cpu", "torch")).network
    assert all(levels_apart(ours, network.upscale(x, 2.7)) <= 1 for ours, x in zip(restored, lr, strict=True))


def test_without_cuda_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(SystemExit):
        gpu.main(["--out", str(tmp_path / "gpu.json")])
    assert "no CUDA device here: run it where there is one, or give --device cpu" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_variant_that_fails_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(variant: frames.Variant, *args: Any) -> frames.Run:
        if variant.mode:
            raise RuntimeError("no compiler\nat all")
        return made(variant, *args)

    monkeypatch.setattr(gpu, "made", failing)
    out = tmp_path / "gpu.json"
    assert gpu.main([*TINY, str(out)]) == 1
    result = json.loads(out.read_text())
    failed = {name for name, row in result["frames"].items() if row == {"error": "RuntimeError: no compiler"}}
    assert failed == {variant.name for variant in VARIANTS if variant.mode and not variant.captured}
    assert result["codec"]["codec.decode, bfloat16"]["runs"] >= 3


@pytest.mark.parametrize("size", ["64", "64x", "62x48", "8x8", "axb"])
def test_sizes_that_cannot_be(size: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        gpu.main(["--device", "cpu", "--size", size, "--out", str(tmp_path / "gpu.json")])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_captured_network_restores_the_same() -> None:
    net = network_of(read_weights(registry.path_of(registry.DEFAULT))).cuda()
    condition, lr = torch.tensor([2.7], device="cuda"), torch.randint(256, (1, 48, 64, 3), dtype=torch.uint8).cuda()
    with torch.no_grad():
        eager, graph = (made(frames.Variant("", captured=captured), net, condition, lr) for captured in (False, True))
        assert levels_apart(eager().cpu().numpy(), graph().cpu().numpy()) <= 1
