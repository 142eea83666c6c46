"""Training without a codec: losses, rounding, downscalers in turn, a module trained behind a frozen network."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from codec.models import downscalers
from codec.models.config import SAINConfig
from codec.models.configs import CONFIGS
from codec.models.sain import SAINet
from codec.models.weights import read_weights, write_weights
from tests.conftest import PICTURES
from training.config import RECIPES, TrainConfig
from training.export import load_run
from training.lossless import Lossless, as_stored
from training.run import check, make_objective
from training.train import main, train
from training.validate import LosslessValidation

BLOCKS = {"F": "folded-8x2", "G": "folded-8x2", "H": "folded-8x0"}
TINY = SAINConfig((({**BLOCKS},),), "zero")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainConfig:
    for name, config in {
        "tiny-irn": TINY,
        "tiny-dual": dataclasses.replace(TINY, dual=True),
        "tiny-crm": dataclasses.replace(TINY, latent="crm:folded-8x2"),
    }.items():
        monkeypatch.setitem(CONFIGS, name, config)
    small = {
        "steps": 40,
        "batch": 2,
        "crop": 64,
        "ema": 0.8,
        "warmup": 2,
        "compile": False,
        "lr": 4e-3,
        "validation_pictures": 1,
    }
    recipe = dataclasses.replace(RECIPES["irn-x2"][1], **small)
    return dataclasses.replace(recipe, model="tiny-irn", out=tmp_path / "run", data=(PICTURES,), validation=PICTURES)


@pytest.mark.parametrize(
    ("recipe", "changes", "reason"),
    [
        ("hcflow-x4", {"objective": "rate-distortion"}, "hcflow-x4 has losses of its own"),
        ("hcflow-x4", {"objective": "published"}, "hcflow-x4 has losses of its own"),
        ("hcflow-x4", {"sampled": True}, "ignores --sampled"),
        ("sain-x2-lite", {"objective": "lossless"}, "sain-x2-lite is told the quality"),
        ("irn-crm-x2", {"objective": "published"}, "irn-crm-x2 is told the quality"),
        ("irn-x4", {"downscalers": True}, "irn-x4 has no second latent"),
        ("hcflow-x4", {"downscalers": True}, "hcflow-x4 has no second latent"),
        ("dlv-irn-x4", {"objective": "rate-distortion"}, "rate-distortion ignores --downscalers"),
        ("irn-x2", {"carriers": True}, "lossless ignores --carriers"),
    ],
)
def test_what_does_not_go_together_is_refused_at_once(recipe: str, changes: dict[str, Any], reason: str) -> None:
    config = dataclasses.replace(RECIPES[recipe][1], **changes)
    with pytest.raises(ValueError, match=reason):
        make_objective(config)


def test_all_recipes_go_together() -> None:
    for _, config in RECIPES.values():
        check(config)


def test_the_command_line_refuses_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["train", "irn-x4", "--downscalers"])
    with pytest.raises(SystemExit, match="train: irn-x4 has no second latent for --downscalers"):
        main()


def last(config: TrainConfig) -> dict[str, float]:
    record: dict[str, float] = json.loads((config.out / "log.jsonl").read_text().splitlines()[-1])["validation"]
    return record


def test_it_learns_to_hide_what_the_picture_loses(settings: TrainConfig) -> None:
    untrained = Lossless(SAINet(TINY), 4, 1.0, 0.75)
    before = LosslessValidation(PICTURES, 1)(untrained)
    train(settings)
    assert last(settings)["psnr_y"] > before["psnr_y"] + 0.1
    assert before["lr_psnr"] > 30, "Haar averages are near bicubic ones"


def test_the_picture_is_stored_in_eight_bits_and_the_gradient_passes() -> None:
    lr = torch.tensor([0.1234, -0.2, 1.3], requires_grad=True)
    stored = as_stored(lr)
    assert torch.equal(stored * 255, (stored * 255).round())
    assert stored.min() == 0
    assert stored.max() == 1
    stored.sum().backward()
    assert lr.grad is not None
    assert lr.grad.tolist() == [1, 0, 0], "what is beyond the range is cut off"


def test_losses_are_the_papers_with_their_weights() -> None:
    objective = Lossless(SAINet(TINY), 4, 1.0, 0.75)
    x = torch.rand(2, 3, 64, 64)
    reference = torch.rand(2, 3, 32, 32)
    losses = objective(x, reference, torch.zeros(2))
    average = downscalers.downscale(x, "area", 2)
    pixels, inner, small = (slice(8, -8), slice(8, -8)), (..., slice(4, -4), slice(4, -4)), as_stored(average)
    restored = torch.nn.functional.interpolate(small, scale_factor=2.0, mode="nearest")
    high = objective.model(x).latent[inner]
    expected = ((restored - x)[(..., *pixels)].square() + 1e-6).sqrt().mean()
    expected = expected + (average - reference)[inner].square().mean() + 0.75 * high.square().mean()
    torch.testing.assert_close(losses.total, expected)
    assert losses.bpp == 0


def test_each_sample_aims_at_a_downscaler_of_its_own() -> None:
    torch.manual_seed(0)
    objective = Lossless(SAINet(CONFIGS["dlv-irn-x4"]), 4, 1.0, 0.75, several=True)
    x, bicubic = torch.rand(24, 3, 32, 32), torch.zeros(24, 3, 8, 8)
    aims = objective._aim(x, bicubic)
    every = [downscalers.downscale(x, name, 4) for name in ("bicubic", "lanczos", "area")]
    chosen = {next(i for i, e in enumerate(every) if torch.equal(e[n], aims[n])) for n in range(len(x))}
    assert chosen == {0, 1, 2}
    assert Lossless(objective.model, 4, 1.0, 0.75)._aim(x, bicubic) is bicubic


def test_z_is_drawn_where_that_is_asked_for() -> None:
    net = SAINet(TINY)
    x, reference, percent = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 32, 32), torch.zeros(1)
    zero, drawn = (Lossless(net, 4, 0, 0, sampled=sampled)(x, reference, percent).total for sampled in (False, True))
    assert drawn > 2 * zero, "an untrained network passes all that is drawn on"


def test_a_second_latent_trains(settings: TrainConfig) -> None:
    train(dataclasses.replace(settings, model="tiny-dual", downscalers=True, steps=4))
    assert load_run(settings.out).config.dual


def test_a_restoring_module_trains_behind_a_network_that_stays(settings: TrainConfig, tmp_path: Path) -> None:
    train(dataclasses.replace(settings, steps=6))
    first = write_weights(load_run(settings.out), tmp_path)
    change = {"model": "tiny-crm", "init": first, "out": tmp_path / "crm", "steps": 6, "crop": 64, "batch": 2}
    crm = dataclasses.replace(RECIPES["irn-crm-x2"][1], **change, data=(PICTURES,), compile=False)
    train(dataclasses.replace(crm, validation=PICTURES, validation_pictures=1, warmup=1))
    before, after = read_weights(first).tensors, load_run(crm.out).tensors
    assert set(before) < set(after)
    assert all((abs(after[name] - before[name]) < 1e-3).all() for name in before), "half precision, no more"
    assert any(abs(after[name]).max() > 0 for name in after if name.startswith("latent.restore.tail"))
    assert (load_run(crm.out).tables == read_weights(first).tables).all()
