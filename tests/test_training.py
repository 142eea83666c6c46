"""Training does what it says: crops, losses, learning, resuming, exporting."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from codec.jpeg.tables import STANDARD, scale_percent, scale_tables
from codec.models.config import SAINConfig
from codec.models.configs import CONFIGS
from codec.models.sain import SAINet
from codec.models.weights import read_weights, write_weights
from codec.picture import Pixels
from tests.conftest import PICTURES, to_tensor
from training import config as configs
from training.config import RECIPES, TrainConfig
from training.data import Crops, find_pictures, load_pictures
from training.export import average, load_run
from training.losses import Published, RateDistortion, as_absolute, percent_of, rate_weight
from training.muon import Muon, orthogonalise
from training.quantise import quantised
from training.train import learning_rate, progress, train

TINY = SAINConfig((({"G": "folded-8x2"}, {"E": "folded-8x2"}),), "conditional:folded-8x2", True)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainConfig:
    monkeypatch.setitem(CONFIGS, "tiny", TINY)
    return TrainConfig(
        model="tiny",
        out=tmp_path / "run",
        data=(PICTURES,),
        validation=PICTURES,
        validation_pictures=1,
        steps=12,
        batch=2,
        crop=64,
        warmup=2,
        compile=False,
    )


def test_crops_are_cut_from_the_photos_in_every_orientation() -> None:
    pictures = load_pictures([PICTURES], 100)
    assert len(pictures) == len(find_pictures([PICTURES]))
    gradient = torch.arange(100, dtype=torch.uint8).expand(3, 120, 100)
    corners = set()
    crops = iter(Crops([gradient], 32, seed=1))
    for _ in range(60):
        crop = next(crops)
        assert crop.shape == (3, 32, 32)
        steps = crop[0].long()
        corners.add((int((steps[0, 1] - steps[0, 0]).sign()), int((steps[1, 0] - steps[0, 0]).sign())))
    assert corners == {(1, 0), (-1, 0), (0, 1), (0, -1)}


def test_missing_photos_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no pictures"):
        find_pictures([tmp_path])


def test_percent_is_libjpegs() -> None:
    for quality in (5, 25, 50, 75, 95):
        assert float(percent_of(torch.tensor(float(quality)))) == pytest.approx(scale_percent(quality), abs=1)
    assert rate_weight(torch.tensor(200.0), 2) > rate_weight(torch.tensor(50.0), 2)


def losses_of(objective: RateDistortion | Published, photo: Pixels) -> torch.Tensor:
    x = to_tensor(photo)[..., :96, :96]
    reference = torch.nn.functional.interpolate(x, scale_factor=0.5, mode="bicubic", antialias=True)
    total: torch.Tensor = objective(x, reference, torch.tensor([50.0])).total
    return total


def test_gradients_reach_every_weight_and_the_tables(one_photo: Pixels) -> None:
    objective = RateDistortion(SAINet(TINY), 4, 0.1, 0.5)
    for parameter in objective.model.parameters():
        torch.nn.init.normal_(parameter, 0, 0.05)
    losses_of(objective, one_photo).backward()
    for name, parameter in objective.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_absolute_errors_pull_as_hard_as_squared_ones() -> None:
    error = torch.randn(2, 3, 8, 8, requires_grad=True)
    squared = error.square().mean((1, 2, 3)) * 255**2
    (by_square,) = torch.autograd.grad(squared.sum(), error)
    (by_absolute,) = torch.autograd.grad(as_absolute(error).sum(), error)
    torch.testing.assert_close((error * by_absolute).sum((1, 2, 3)), (error * by_square).sum((1, 2, 3)))
    assert torch.allclose(by_absolute[0].abs(), by_absolute[0, 0, 0, 0].abs().expand(3, 8, 8))


def test_absolute_errors_are_switched_on_for_their_share(one_photo: Pixels) -> None:
    objective = RateDistortion(SAINet(TINY), 4, 0.1, 0.5)
    torch.manual_seed(0)
    squared = losses_of(objective, one_photo)
    objective.absolute.fill_(True)
    torch.manual_seed(0)
    assert losses_of(objective, one_photo) > squared  # by what the errors' distortion adds a second time
    assert progress(TrainConfig(steps=100, minutes=10), 30, 240.0) == pytest.approx(0.4)


@pytest.mark.parametrize("model", ["sain-x2-paper", "irn-x2-paper"])
def test_published_losses_train_the_published_networks(one_photo: Pixels, model: str) -> None:
    objective = Published(SAINet(CONFIGS[model]), 4)
    assert np.array_equal(objective.base_tables().numpy(), STANDARD)
    assert np.array_equal(objective.steps[0].numpy(), scale_tables(STANDARD, 75))
    optimizer = torch.optim.Adam([p for p in objective.parameters() if p.requires_grad], lr=2e-5)
    before = losses_of(objective, one_photo)
    for _ in range(4):
        optimizer.zero_grad()
        losses_of(objective, one_photo).backward()
        optimizer.step()
    assert losses_of(objective, one_photo) < before


def test_a_grid_has_few_values_that_half_precision_holds() -> None:
    weight = torch.randn(5, 7, 3, 3) * torch.logspace(-3, 1, 5)[:, None, None, None]
    on_grid = quantised(weight, 6)
    assert torch.equal(on_grid, on_grid.half().float())
    assert all(len(channel.unique()) <= 63 for channel in on_grid)
    step = weight.abs().amax((1, 2, 3)) / 31
    assert ((on_grid - weight).abs().amax((1, 2, 3)) <= 0.52 * step).all()
    assert torch.equal(quantised(weight[0, 0, 0], 6), weight[0, 0, 0])


def test_weights_off_the_grid_learn_and_those_on_it_are_exported(settings: TrainConfig) -> None:
    train(dataclasses.replace(settings, bits=6))
    exported = load_run(settings.out)
    for name, value in exported.tensors.items():
        assert value.ndim < 2 or all(len(np.unique(channel)) <= 63 for channel in value), name
        assert np.array_equal(value.astype(np.float16), value) or value.ndim < 2, name
    kept = torch.load(settings.out / "checkpoint.pt", weights_only=True)["objective"]
    assert max(len(kept[f"model.{name}"].unique()) for name in exported.tensors) > 63


def test_muon_orthogonalises() -> None:
    for shape in ((8, 32), (32, 8)):
        values = torch.linalg.svdvals(orthogonalise(torch.randn(shape)))
        assert values.min() > 0.5
        assert values.max() < 1.3


def test_muon_descends() -> None:
    weight = torch.nn.Parameter(torch.randn(4, 3, 3, 3))
    optimizer = Muon([weight], lr=0.05)
    before = weight.square().sum().item()
    for _ in range(60):
        optimizer.zero_grad()
        weight.square().sum().backward()
        optimizer.step()
    assert weight.square().sum().item() < 0.5 * before


def test_schedule_ends_with_the_first_budget() -> None:
    settings = TrainConfig(steps=1000, minutes=10, lr=1.0, warmup=100, lr_end=0.01)
    assert learning_rate(settings, 0, 0) == pytest.approx(0.01)
    assert learning_rate(settings, 100, 0) > 0.95
    assert learning_rate(settings, 1000, 0) == pytest.approx(0.01)
    assert learning_rate(settings, 200, 600) == pytest.approx(0.01)


def test_recipes_name_networks_that_exist() -> None:
    for _, settings in RECIPES.values():
        assert settings.model in CONFIGS
    assert configs.TrainConfig().model in RECIPES


def read_log(settings: TrainConfig) -> list[dict[str, object]]:
    return [json.loads(line) for line in (settings.out / "log.jsonl").read_text().splitlines()]


def test_a_run_leaves_what_it_promises_and_can_be_exported(settings: TrainConfig, tmp_path: Path) -> None:
    train(settings)
    assert {p.name for p in settings.out.iterdir()} == {"checkpoint.pt", "config.json", "log.jsonl"}
    curve = read_log(settings)[-1]["validation"]
    assert isinstance(curve, dict)
    assert len(curve["bpp"]) == len(curve["psnr"]) == len(curve["quality"])
    weights = load_run(settings.out)
    assert weights.training["steps"] == 12
    again = read_weights(write_weights(weights, tmp_path))
    assert again.config == TINY


def test_a_stopped_run_goes_on_where_it_was(settings: TrainConfig) -> None:
    train(dataclasses.replace(settings, steps=5))
    state = torch.load(settings.out / "checkpoint.pt", weights_only=True)
    train(settings)
    after = torch.load(settings.out / "checkpoint.pt", weights_only=True)
    assert (state["step"], after["step"]) == (5, 12)
    assert after["seconds"] > state["seconds"]
    assert not torch.equal(after["objective"]["tables"], state["objective"]["tables"])


def test_a_run_can_start_from_exported_weights(settings: TrainConfig, tmp_path: Path) -> None:
    train(settings)
    exported = write_weights(load_run(settings.out), tmp_path)
    warm = dataclasses.replace(settings, out=tmp_path / "warm", init=exported, steps=0)
    train(warm)
    for key, value in load_run(warm.out).tensors.items():
        assert np.array_equal(value, read_weights(exported).tensors[key]), key


def test_a_weight_file_tells_of_all_training_behind_it_and_names_no_folder(
    settings: TrainConfig, tmp_path: Path
) -> None:
    init, minutes = None, 0.0
    for number in range(3):
        run = dataclasses.replace(settings, out=tmp_path / str(number), init=init, steps=number)
        train(run)
        state = torch.load(run.out / "checkpoint.pt", weights_only=True)
        torch.save({**state, "seconds": 120.0}, run.out / "checkpoint.pt")
        weights, minutes = load_run(run.out), minutes + 2
        assert weights.minutes == minutes
        assert str(tmp_path) not in json.dumps(weights.training)
        assert weights.training["settings"]["init"] == (init and init.stem)
        init = write_weights(weights, tmp_path)
    assert dataclasses.replace(weights, training={}).minutes is None


def test_runs_that_parted_can_be_averaged(settings: TrainConfig, tmp_path: Path) -> None:
    train(settings)
    one = load_run(settings.out)
    other = dataclasses.replace(one, tensors={k: v + 2 for k, v in one.tensors.items()}, tables=one.tables + 2)
    mean = average([one, other])
    assert np.array_equal(mean.tables, one.tables + 1)
    for key, value in one.tensors.items():
        assert np.allclose(mean.tensors[key], value + 1), key
    assert mean.training["averaged"] == 2
    with pytest.raises(ValueError, match="different networks"):
        average([one, dataclasses.replace(one, name="other")])
