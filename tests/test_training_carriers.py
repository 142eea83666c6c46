"""Real encoders in training: they are what the carriers write, and the gradient gets past them."""

import numpy as np
import pytest
import torch

from codec import carriers
from codec.carriers import Options
from codec.errors import CodecError
from codec.models.sain import SAINet
from codec.picture import Pixels
from tests.conftest import to_tensor
from tests.test_training import TINY
from training import carriers as real
from training.carriers import code_really, coded, installed, quality_at
from training.losses import RateDistortion


@pytest.fixture
def lr(one_photo: Pixels) -> torch.Tensor:
    """Four different pictures."""
    x = to_tensor(one_photo)
    return torch.cat([x[..., i : i + 64, i : i + 48] for i in range(0, 64, 16)])


@pytest.mark.parametrize("name", installed())
def test_the_calibration_is_inverted(name: str) -> None:
    for quality in (20, 40, 60):
        assert quality_at(name, carriers.get(name).condition(Options(quality))) == quality
    coarse, fine = quality_at(name, 9.0), quality_at(name, 0.0)
    told = [carriers.get(name).condition(Options(q)) for q in (1, coarse, fine, 100)]
    assert told[0] == told[1] > told[2] == told[3]


@pytest.mark.parametrize("which", range(len(installed())))
def test_pixels_are_the_carriers_own(which: int, lr: torch.Tensor) -> None:
    told, drawn = torch.tensor([2.0, 3.0, 4.0, 5.0]), torch.full((4,), (which + 0.5) / len(installed()))
    shown = real._code_really(lr, told, drawn)
    for before, after, condition in zip(lr, shown, told.tolist(), strict=True):
        pixels = (before * 255).round().byte().permute(1, 2, 0).numpy()
        expected = coded(installed()[which], pixels, condition)
        assert not np.array_equal(expected, pixels)
        assert np.array_equal((after * 255).round().byte().permute(1, 2, 0).numpy(), expected)


def test_the_gradient_passes_and_the_seed_decides(lr: torch.Tensor) -> None:
    x, told = (lr * 1.4 - 0.2).requires_grad_(), torch.full((4,), 4.0)  # values outside 0…1 too
    weights = torch.rand_like(lr)
    torch.manual_seed(3)
    first = code_really(x, told)
    (first * weights).sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert torch.equal(x.grad, weights)
    drawn = []
    for seed in (3, 3, 4, 5, 6, 7):
        torch.manual_seed(seed)
        drawn.append(code_really(x, told))
    assert torch.equal(drawn[0], first)
    assert torch.equal(drawn[1], first)
    assert any(not torch.equal(other, first) for other in drawn[2:])


def test_it_compiles_into_one_graph(lr: torch.Tensor) -> None:
    told = torch.full((4,), 4.0)
    torch.manual_seed(3)
    expected = code_really(lr, told)
    torch.manual_seed(3)
    compiled = torch.compile(code_really, backend="aot_eager", fullgraph=True)
    assert torch.allclose(compiled(lr, told), expected, atol=1e-6)


def test_a_share_of_the_samples_and_only_if_asked(one_photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[torch.Size, float]] = []
    monkeypatch.setattr(
        "training.losses.code_really", lambda lr, told: seen.append((lr.shape, float(told))) or (lr + 0 * told.sum())
    )
    x = to_tensor(one_photo)[..., :96, :96].repeat(8, 1, 1, 1)
    reference = torch.nn.functional.interpolate(x, scale_factor=0.5, mode="bicubic", antialias=True)
    percent = torch.tensor([50.0] * 7 + [200.0])
    for asked in (0.0, 0.125):
        objective = RateDistortion(SAINet(TINY), 4, 0.1, 0.5, carriers=asked)
        objective(x, reference, percent).total.backward()
    assert seen == [((1, 3, 40, 40), 5.0)]  # flat tables of 16, doubled


def test_an_installation_without_encoders_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real, "FORMATS", ())
    monkeypatch.setattr("training.losses.installed", installed.__wrapped__)
    RateDistortion(SAINet(TINY), 4, 0.1, 0.5)
    with pytest.raises(CodecError, match="none is installed"):
        RateDistortion(SAINet(TINY), 4, 0.1, 0.5, carriers=0.5)
