"""The training of texture transfer: its data, both stages, going on, export."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from codec.models import choice
from codec.transfer import weights
from codec.transfer.network import TransferConfig, TransferNet
from tests.conftest import PICTURES, pixels_of, psnr, to_tensor
from training import transfer, transfer_data
from training.texture import texture_distance
from training.transfer import Settings, contrastive, fused
from training.transfer_export import load_run


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(transfer_data, "SIDE", 144)
    monkeypatch.setattr(transfer, "LOG_EVERY", 1)
    small = {"regions": 1, "batch": 2, "crop": 64, "part": 96, "pool": 5}
    return Settings(tmp_path / "run", (PICTURES,), tmp_path / "prepared", minutes=0.02, **small)  # type: ignore[arg-type]


def test_the_homography_is_that_of_the_other_photo() -> None:
    photo, random = pixels_of(PICTURES / "kodim08-crop.png")[:144, :144], np.random.default_rng(3)
    homography, side = transfer_data.drawn(transfer_data.Warp(), 144, random)
    there = transfer_data.moved(photo, homography, (side, side))
    back = transfer_data.moved(there, np.linalg.inv(homography), (144, 144))
    middle = np.s_[52:92, 52:92]
    assert psnr(back[middle], photo[middle]) > 26
    assert psnr(there[:40, :40], photo[:40, :40]) < 20


def test_another_object_changes_a_part() -> None:
    photo, other = (pixels_of(PICTURES / f"kodim{n}-crop.png") for n in ("08", "23"))
    for seed in range(6):
        changed = transfer_data.with_another_object(photo, other, np.random.default_rng(seed))
        share = (changed != photo).any(2).mean()
        assert 0.02 < share < 0.98


def test_trains_both_stages_goes_on_and_is_exported(settings: Settings, tmp_path: Path) -> None:
    transfer.train(settings)
    lines = [json.loads(line) for line in (settings.out / "log.jsonl").read_text().splitlines()]
    assert {line["stage"] for line in lines} == {"features", "fusion"}
    assert all(np.isfinite(line["loss"]) for line in lines)
    steps = torch.load(settings.out / "checkpoint.pt", weights_only=True)["step"]
    transfer.train(Settings(**{**vars(settings), "minutes": 0.025}))
    net, told = load_run(settings.out)
    assert told["steps"] > steps
    path = weights.write(net, told, tmp_path)
    again = weights.read(path)
    assert torch.allclose(again.features.head.weight, net.features.head.weight, atol=1e-3)


def test_what_is_kept_serves_the_same_photos_and_models_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    photos, folder = tmp_path / "photos", settings.prepared
    photos.mkdir()

    def kept() -> tuple[int, int]:
        """Photos in what is given, and files in the folder."""
        return len(transfer_data.prepared((photos,), folder, 1).pairs), len(list(folder.iterdir()))

    shutil.copy(PICTURES / "kodim08-crop.png", photos)
    assert kept() == kept() == (1, 2)
    shutil.copy(PICTURES / "kodim04-crop.png", photos)
    assert kept() == (2, 4)
    monkeypatch.setattr(choice, "TABLE", (choice.Row(2, "sain-x2-lite-42dba329"), *choice.TABLE))
    assert kept() == (2, 6)


def test_an_untrained_fusion_can_learn_to_leave_all_as_it_is(settings: Settings) -> None:
    """The loss of a closed network is 1, and the hinge adds to what is worse."""
    source = transfer.Source(settings, 0)
    net = TransferNet(TransferConfig())
    pair = source.pair(net)
    with torch.no_grad():
        net.fusion.tail.bias.fill_(-30.0)  # type: ignore[union-attr]
        closed, _ = fused(net, [pair], settings)
        net.fusion.tail.bias[:2] = 30.0  # type: ignore[union-attr,index]
        net.fusion.tail.bias[2:] = 0.5  # type: ignore[union-attr,index]
        wild, _ = fused(net, [pair], settings)
    assert closed.item() == pytest.approx(1, abs=0.05)
    assert wild.item() > closed.item()


def test_the_distance_of_textures_sees_blur_and_not_place() -> None:
    """A texture elsewhere is the same texture, a washed-out one is not; what is not similar does not count."""
    photo, features = (
        to_tensor(pixels_of(PICTURES / "kodim08-crop.png"))[..., :128, :128],
        TransferNet(TransferConfig()).features,
    )
    similar = torch.ones(1, 1, 128, 128)
    moved, blurred = (
        photo.roll((8, 16), (2, 3)),
        torch.nn.functional.avg_pool2d(photo, 3, 1, 1, count_include_pad=False),
    )
    same, elsewhere, washed = (texture_distance(features, p, photo, similar).item() for p in (photo, moved, blurred))
    assert same == 0
    assert elsewhere < 0.3 * washed
    halves, none = (texture_distance(features, blurred, photo, share * similar).item() for share in (0.5, 0))
    assert halves < 0.1 * washed
    assert none == 0


def test_texture_adds_to_the_loss_and_teaches_the_fusion(settings: Settings) -> None:
    source, net = transfer.Source(settings, 0), TransferNet(TransferConfig())
    net.features.requires_grad_(False)
    pair = source.pair(net)
    with_texture = Settings(**{**vars(settings), "texture": 1.0, "crop": settings.part})
    plain = Settings(**{**vars(settings), "crop": settings.part})
    (without, _), (loss, _) = (fused(net, [pair], each) for each in (plain, with_texture))
    assert loss.item() > without.item()
    loss.backward()  # type: ignore[no-untyped-call]
    assert net.fusion.tail.bias.grad is not None  # type: ignore[union-attr]
    assert net.features.head.weight.grad is None


@pytest.mark.parametrize("stage", [0, 1])
def test_a_gradient_that_is_not_finite_changes_nothing(settings: Settings, stage: int) -> None:
    run = transfer.Run(settings)
    run.seconds = 60 * settings.minutes * stage
    before = {name: value.clone() for name, value in run.net.state_dict().items()}
    run.update(sum(p.sum() for p in run.net.parameters()) * torch.tensor(float("nan")))
    for net in (run.net, run.average):
        assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    run.net.zero_grad()
    run.update(sum(p.sum() for p in run.net.parameters()))
    assert any(not torch.equal(value, before[name]) for name, value in run.net.state_dict().items())


def test_matching_is_learned(settings: Settings) -> None:
    source, net = transfer.Source(settings, 0), TransferNet(TransferConfig())
    optimizer = torch.optim.Adam(net.features.parameters(), 2e-3)
    losses = []
    for _ in range(24):
        loss = contrastive(net, source, pairs=1, queries=64)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
