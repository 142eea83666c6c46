"""Every variant of the ablations is a network that works, and the table shows the runs that ended."""

import json
from pathlib import Path

import pytest
import torch

from codec.models.configs import CONFIGS
from codec.models.sain import SAINet
from training.ablation import DEFAULT, VARIANTS, result, settings, table


@pytest.fixture(autouse=True)
def _networks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIANTS:
        monkeypatch.setitem(CONFIGS, name, CONFIGS[DEFAULT])  # restores what settings() registers


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_rescale_and_restore(name: str, tmp_path: Path) -> None:
    config = settings(name, 1, tmp_path)
    model = SAINet(CONFIGS[config.model]).eval()
    x, told = torch.rand(1, 3, 16, 24), torch.tensor([4.0])
    with torch.no_grad():
        out = model(x, told)
        assert out.lr.shape == (1, 3, 8, 12)
        assert torch.allclose(model.inverse(out.compressed, out.latent, told), x, atol=1e-4)


def test_variants_differ_and_have_folders_of_their_own(tmp_path: Path) -> None:
    runs = [settings(name, 1, tmp_path) for name in VARIANTS]
    assert len({run.out for run in runs}) == len(runs)
    default = runs[0]
    for run in runs[1:]:
        same = CONFIGS[run.model] == CONFIGS[default.model]
        kept = {k: v for k, v in vars(run).items() if k not in ("model", "out")}
        assert not same or kept != {k: v for k, v in vars(default).items() if k not in ("model", "out")}


def test_the_table_holds_the_runs_that_ended(tmp_path: Path) -> None:
    curve = {"quality": [24, 50, 75, 90], "lr_psnr": [36.0, 37.0, 38.04, 39.0], "psnr": [28.0, 30.0, 32.0, 33.0]}
    for name, minutes, bits in (("default", 3.0, 1.0), ("λ halved", 1.5, 1.0), ("32 wide", 3.0, 1.25)):
        run = settings(name, 3, tmp_path)
        run.out.mkdir()
        bpp = [bits * value for value in (0.2, 0.4, 0.7, 1.2)]
        record = {"step": 900, "minutes": minutes, "validation": {**curve, "bpp": bpp}}
        (run.out / "log.jsonl").write_text('{"step": 1}\n' + json.dumps(record) + "\n")
    assert result(settings("λ halved", 3, tmp_path)) is None
    default, narrow = table(list(VARIANTS), 3, tmp_path).splitlines()[2:]
    assert default == "| default | 728,576 | 900 | 38.0 | +0.0 % |"
    assert narrow.startswith("| 32 wide | ")
    assert narrow.endswith(" | 900 | 38.0 | +25.0 % |")
