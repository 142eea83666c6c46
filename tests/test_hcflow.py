"""HCFlow: it is invertible, its determinant is exact, its reach is honest, its losses train it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from codec.jpeg.tables import STANDARD
from codec.models.conditional_flow import ActNorm
from codec.models.config import Way, receptive_field
from codec.models.hcflow import HCFlow
from codec.models.hcflow_config import LITE, PAPER, FlowLevel, HCFlowConfig, features_receptive_field
from codec.models.rrdb import make_features
from codec.models.subnets import FoldedSubnet, make_subnet
from codec.networks.on_torch import TorchNetwork
from codec.picture import Pixels
from codec.rescaler import Rescaler
from tests.conftest import levels_apart, psnr, to_tensor
from training.config import TrainConfig
from training.flow_losses import HCFlowObjective
from training.run import Run, set_rate

TINY = HCFlowConfig(
    (
        FlowLevel(5, 2, "folded-8x0", 1, "folded-8x0", "folded-8x0-4"),
        FlowLevel(3, 3, "dense-4", 2, "pointwise-8", "rrdb-8x1-4"),
    )
)
"""All kinds of parts, an odd number of steps, five channels kept."""
CONFIGS = {"lite": LITE, "paper": PAPER, "tiny": TINY}


def random_net(config: HCFlowConfig, spread: float = 0.03) -> HCFlow:
    """A network whose subnets do something: their last layers start at zero."""
    net = HCFlow(config)
    for parameter in net.parameters():
        if parameter.ndim == 4:
            torch.nn.init.normal_(parameter, 0, spread)
        elif parameter.ndim == 1:
            torch.nn.init.normal_(parameter, 0, 0.1)
    return net.eval().requires_grad_(False)


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("lr_size", [(1, 1), (5, 7), (8, 6)])
def test_inverse_undoes_forward(name: str, lr_size: tuple[int, int]) -> None:
    net = random_net(CONFIGS[name])
    x = torch.rand(2, 3, 4 * lr_size[0], 4 * lr_size[1])
    out = net(x)
    assert out.lr.shape == (2, 3, *lr_size)
    assert sum(z[0].numel() for z in out.latents) + out.lr[0].numel() == x[0].numel()
    assert (net.inverse(*out) - x).abs().max() < 1e-4
    assert torch.equal(net.downscale(x, torch.rand(2)), out.lr)
    flat = tuple(torch.zeros_like(z) for z in out.latents)
    torch.testing.assert_close(net.upscale(out.lr, torch.rand(2)), net.inverse(out.lr, flat))
    assert (net.upscale(out.lr) - x).abs().max() > 1e-3, "the latents hold nothing"


def test_only_subnets_run_in_half_precision(one_photo: Pixels) -> None:
    x, net = to_tensor(one_photo), random_net(LITE)
    with torch.autocast("cpu", torch.bfloat16):
        out = net(x)
    assert {t.dtype for t in (out.lr, *out.latents, net.log_det(x), net.upscale(out.lr))} == {torch.float32}
    assert (out.lr - net.downscale(x)).abs().max() > 1e-5, "nothing ran in half precision"
    # subnets that say the same both ways, for a value that rounds otherwise in half precision is heard a hundredfold
    for subnet in (module for module in net.modules() if isinstance(module, FoldedSubnet)):
        subnet.tail.weight.zero_()
    with torch.autocast("cpu", torch.bfloat16):
        assert (net.inverse(*net(x)) - x).abs().max() < 1e-5


def test_log_det_is_that_of_the_jacobian() -> None:
    net, x = random_net(TINY).double(), torch.rand(1, 3, 8, 8, dtype=torch.float64)

    def flat(values: Tensor) -> Tensor:
        out = net(values.view_as(x))
        return torch.cat([out.lr.flatten(), *(z.flatten() for z in out.latents)])

    jacobian = torch.autograd.functional.jacobian(flat, x.flatten())
    assert jacobian.shape == (192, 192)
    log_det = net.log_det(x)
    torch.testing.assert_close(torch.linalg.slogdet(jacobian)[1], log_det[0], rtol=1e-9, atol=1e-9)
    assert torch.allclose(net.log_det(torch.cat([x, x.flip(3)]))[0], log_det[0])  # each sample has its own
    haar_alone = -(192 + 5 * 16) * np.log(2)  # all values, then the five channels that are kept
    assert abs(float(log_det) - haar_alone) > 1


@pytest.mark.parametrize("name", ["lite", "tiny"])
@pytest.mark.parametrize("way", ["downscale", "upscale"])
def test_reach_is_no_smaller_than_the_receptive_field(name: str, way: Way) -> None:
    net, reach = random_net(CONFIGS[name], 0.2), CONFIGS[name].reach(way)
    middle, scale = 2 * (reach // 2) + 4, net.config.scale
    grain, out = (scale, 1) if way == "downscale" else (1, scale)
    felt = 0
    for parity in (0, 1):  # where in its 2x2 fold the pixel lies
        x = torch.rand(1, 3, 4 * grain, (2 * middle + 1) * grain)
        changed = x.clone()
        changed[..., (middle + parity) * grain : (middle + parity + 1) * grain] += 1
        with torch.inference_mode():
            difference = (getattr(net, way)(x) - getattr(net, way)(changed)).abs().amax((0, 1, 2))
        columns = difference[: 2 * middle * out].reshape(2 * middle, out).amax(1).nonzero()[:, 0] - middle - parity
        felt = max(felt, int(columns.abs().max()))
    assert reach // 2 < felt <= reach
    assert CONFIGS[name].overlap(way) in (reach, reach + 1)
    assert CONFIGS[name].overlap(way) % 2 == 0


@pytest.mark.parametrize(
    "spec", ["dense-4", "folded-8x2", "pointwise-8", "rrdb-8x1-4", "rrdb-8x2-4", "folded-8x2-4"], ids=str
)
def test_receptive_fields(spec: str) -> None:
    is_subnet = spec.count("-") == 1
    net = make_subnet(spec, 3, 3, modulated=False) if is_subnet else make_features(spec, 3)[0]
    stated = receptive_field(spec) if is_subnet else features_receptive_field(spec)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, 0, 0.3)
    felt = 0
    for place in (50, 51):
        x = torch.rand(1, 3, 4, 101)
        changed = x.clone()
        changed[..., place] += 1
        columns = (net(x) - net(changed)).abs().amax((0, 1, 2)).nonzero()[:, 0] - place
        felt = max(felt, int(columns.abs().max()))
    assert felt == stated


@pytest.mark.parametrize("tile", [34, 50])
def test_tiles_leave_no_seam(one_photo: Pixels, tile: int) -> None:
    resc = Rescaler(TorchNetwork(random_net(TINY, 0.03), torch.device("cpu")), TINY, STANDARD)
    photo = np.tile(one_photo, (3, 4, 1))[:399, :541]
    whole = resc.downscale(photo, 3.0, tile=10_000)
    assert whole.shape == (100, 136, 3)
    assert levels_apart(resc.downscale(photo, 3.0, tile=tile), whole) <= 1
    restored = resc.upscale(whole, 3.0, (541, 399), tile=10_000)
    assert restored.shape == photo.shape
    assert levels_apart(resc.upscale(whole, 3.0, (541, 399), tile=tile), restored) <= 1
    resc.overlap = {"downscale": 2, "upscale": 2}
    assert levels_apart(resc.upscale(whole, 3.0, (541, 399), tile=tile), restored) > 1, "seams cannot show here"


def test_sizes() -> None:
    assert round(sum(p.numel() for p in HCFlow(PAPER).parameters()) / 1e6, 1) == 4.4
    assert sum(p.numel() for p in HCFlow(LITE).parameters()) < 1_000_000


@pytest.mark.parametrize("name", CONFIGS)
def test_config_survives_json(name: str) -> None:
    data = json.loads(json.dumps(CONFIGS[name].to_json()))
    assert data["system"] == "hcflow"
    assert len(data["levels"]) == 2
    assert HCFlowConfig.from_json(data) == CONFIGS[name]
    with pytest.raises(ValueError, match="not a configuration of hcflow"):
        HCFlowConfig.from_json({**data, "system": "sain"})


def test_impossible_configurations_are_refused() -> None:
    with pytest.raises(ValueError, match="keeps the LR picture's 3"):
        HCFlow(HCFlowConfig(TINY.levels[:1]))
    with pytest.raises(ValueError, match="unknown features"):
        make_features("rrdb-8", 3)
    with pytest.raises(ValueError, match="unknown subnet"):
        make_subnet("pointwise-8", 3, 3, modulated=True)


def test_what_tells_a_conditional_flow_is_about_zero(one_photo: Pixels) -> None:
    net, seen = HCFlow(TINY), []
    net.levels[0].conditional.extract.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    net.flow(to_tensor(one_photo))
    of_y = seen[0][:, : TINY.levels[0].kept]
    assert of_y[:, :3].mean().abs() < 1
    assert of_y[:, 3:].mean((0, 2, 3)).abs().max() < 0.1


def norms_of(net: HCFlow) -> list[ActNorm]:
    return [module for module in net.modules() if isinstance(module, ActNorm)]


def test_actnorm_is_set_by_the_first_data_and_never_again(one_photo: Pixels) -> None:
    x = to_tensor(one_photo)[..., :96, :96]
    net, given = HCFlow(TINY), []
    with torch.no_grad():
        net.eval()(x)
        assert not net.normalised, "evaluation must not set anything"
        for norm in norms_of(net):
            norm.register_forward_hook(lambda *event: given.append(event[2]))
        net.train()(x)
        first = {k: v.clone() for k, v in net.state_dict().items()}
        for out in given[-len(norms_of(net)) :]:
            assert out.mean((0, 2, 3)).abs().max() < 1e-3
            assert (out.std((0, 2, 3)) - 1).abs().max() < 1e-2
        other = HCFlow(TINY)  # as exported: through half precision, as floats
        other.load_state_dict({k: v.half().float() for k, v in first.items()})
        for trained in (net, other.train()):
            before = [norm.mean.clone() for norm in norms_of(trained)]
            trained(torch.rand(1, 3, 32, 32))
            assert all(torch.equal(a, norm.mean) for a, norm in zip(before, norms_of(trained), strict=True))


def test_processes_that_train_together_agree_on_actnorms(monkeypatch: pytest.MonkeyPatch) -> None:
    def broadcast(tensor: Tensor, source: int) -> None:
        assert source == 0
        tensor.fill_(0.5)  # what the first process has

    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "broadcast", broadcast)
    net = HCFlow(TINY).train()
    net.normalise(torch.rand(1, 3, 32, 32))
    assert all((p == 0.5).all() for norm in norms_of(net) for p in norm.parameters())


def test_losses_train_the_network(one_photo: Pixels) -> None:
    objective = HCFlowObjective(HCFlow(TINY), 4)
    x = to_tensor(one_photo)[..., :96, :128]
    reference = torch.nn.functional.interpolate(x, scale_factor=0.25, mode="bicubic", antialias=True)
    optimizer = torch.optim.Adam([p for p in objective.parameters() if p.requires_grad], lr=3e-4)
    seen = []
    for _ in range(20):
        losses = objective(x, reference, torch.full((1,), 50.0))
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        seen.append(losses)
    without = [n for n, p in objective.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    assert not without, "no gradient reaches these"
    assert seen[-1].total < 0.98 * seen[0].total
    with torch.no_grad():  # what the objective says is what comes out of a codec's own two calls
        lr = objective.crop(objective.model.downscale(x))
        restored = objective.model.upscale((lr.clamp(0, 1) * 255).round() / 255)
        said = objective(x, reference, torch.full((1,), 50.0))
    inner = objective.crop_hr(x)
    assert psnr(255 * restored, 255 * inner) == pytest.approx(10 * np.log10(255**2 / float(said.distortion)), abs=0.01)
    pieces = (restored - inner).abs().mean() + 0.05 * (lr - objective.crop(reference)).square().mean()
    assert 0 < float(said.total - pieces) < 1e-3  # the latents' share
    assert said.bpp == 0


def test_a_step_that_is_not_finite_changes_no_weight(tmp_path: Path) -> None:
    run = Run(TrainConfig(out=tmp_path, compile=False))
    parameter = next(run.objective.model.parameters())
    before = parameter.detach().clone()
    for p in run.objective.parameters():
        p.grad = torch.zeros_like(p)
    assert parameter.grad is not None
    parameter.grad.fill_(torch.nan)
    set_rate(run.optimizers, 1e-3)
    run.update()
    assert torch.equal(parameter, before)
    assert parameter.grad is None
    parameter.grad = torch.ones_like(parameter)
    run.update()
    assert not torch.equal(parameter, before)
