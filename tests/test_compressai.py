"""CompressAI's codecs, entropy models and plots, in the environment that they need: the extra `compressai`."""

import importlib
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from codec.picture import Pixels
from eval.codecs import MissingCodecError, build, learned
from tests.conftest import to_tensor

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("compressai") is None, reason="compressai is not installed"),
    pytest.mark.filterwarnings("ignore"),  # that package's own
]
RESULTS = Path(__file__).parents[1] / "results" / "kodak"


@pytest.fixture(params=["bmshj2018-factorized", "bmshj2018-hyperprior", "mbt2018-mean"])
def architecture(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """One whose weights of quality 1 are at hand: untrained, but with latents to code, and scales to code them by."""
    name: str = request.param
    monkeypatch.setenv("COMPRESSAI_WEIGHTS", str(tmp_path))
    net: Any = learned._import_zoo().image_models[name](quality=1, metric="mse", pretrained=False)
    with torch.no_grad():
        net.g_a[-1].weight *= 10
        if hasattr(net, "h_s"):
            [layer for layer in net.h_s if isinstance(layer, torch.nn.Conv2d)][-1].bias += 2
    torch.save(net.state_dict(), tmp_path / f"{name}-1-00000000.pth.tar")
    return name


def test_it_codes(architecture: str, one_photo: Pixels) -> None:
    coder = build(f"compressai:{architecture}")
    data = coder.encode(one_photo[:141, :187], 1)
    restored = coder.decode(data, (187, 141))
    assert restored.shape == (141, 187, 3)
    assert coder.stored(data) is None
    with pytest.raises(MissingCodecError, match="there are no weights"):
        _ = coder.identity  # of the other seven qualities


def test_bytes_are_what_its_entropy_model_says(architecture: str, one_photo: Pixels) -> None:
    coder = build(f"compressai:{architecture}")
    assert isinstance(coder, learned.CompressAI)
    with torch.no_grad():
        likelihoods = coder._net(1)(to_tensor(one_photo[:128, :192]))["likelihoods"]
    bits = sum(float(-values.log2().sum()) for values in likelihoods.values())
    data = coder.encode(one_photo[:128, :192], 1)
    assert bits > 8000
    assert 8 * len(data) == pytest.approx(bits, rel=0.05, abs=8 * 24)


def test_its_plots_draw_our_results(tmp_path: Path) -> None:
    learned._import_zoo()
    plot = importlib.import_module("compressai.utils.plot.__main__")
    for name in ("jpeg", "webp"):
        shutil.copy(RESULTS / f"{name}.json", tmp_path)
    for metric in ("psnr", "ms-ssim", "ssimulacra2"):
        files = [str(tmp_path / f"{name}.json") for name in ("webp", "jpeg")]
        plot.main(["-f", *files, "-m", metric, "-o", str(tmp_path / f"{metric}.png")])
        assert (tmp_path / f"{metric}.png").stat().st_size > 10_000
