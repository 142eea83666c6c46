"""The law: inverse(forward(x)) == x, for every network, latent, batch and size."""

import pytest
import torch

from codec.models import haar
from codec.models.config import SAINConfig, Way
from codec.models.configs import CONFIGS as ALL
from codec.models.making import Net, make_network
from codec.models.restorer import FullSizeNet
from codec.models.sain import SAINet
from codec.picture import Pixels
from tests.conftest import to_tensor


def random_net(config: SAINConfig, spread: float = 0.03) -> Net:
    """A network whose subnets do something: their last layers start at zero."""
    net = make_network(config)
    for parameter in net.parameters():
        if parameter.ndim == 4:
            torch.nn.init.normal_(parameter, 0, spread)
        elif parameter.ndim == 2:
            torch.nn.init.normal_(parameter, 0, 0.1)
    return net.eval().requires_grad_(False)


def assert_invertible(net: Net, x: torch.Tensor) -> None:
    condition = torch.rand(len(x)) * 5 + 1
    out = net(x, condition)
    assert out.lr.shape == (len(x), 3, x.shape[2] // net.config.scale, x.shape[3] // net.config.scale)
    changed = (out.lr - x[:, :, :: net.config.scale, :: net.config.scale]).abs().max()
    assert changed == 0 if net.config.identity else changed > 1e-3, "the network does nothing"
    assert out.latent.abs().max() > 1e-3
    assert (net.inverse(out.compressed, out.latent, condition) - x).abs().max() < 1e-4
    assert torch.equal(net.downscale(x, condition), out.lr)


CONFIGS = {name: config for name, config in ALL.items() if isinstance(config, SAINConfig)}
SMALL = {
    "zero": SAINConfig((({"F": "dense-8", "G": "dense-8", "H": "dense-8"},) * 2,), "zero"),
    "mixture": SAINConfig((({"E": "dense-8", "F": "dense-8", "G": "dense-8", "H": "dense-8"},) * 2,), "mixture-3"),
    "modulated dense": SAINConfig((({"E": "dense-8", "G": "dense-8", "H": "dense-8"},),), "conditional:dense-8", True),
    "three branches": SAINConfig(
        ((dict.fromkeys("EFKLGIHJ", "dense-8"), {"K": "folded-8x2", "L": "dense-8"}),), "zero"
    ),
    "folded": SAINConfig((({"G": "folded-16x2", "H": "folded-16x2"}, {"E": "folded-16x0"}),), "zero", True),
    "scale 1": SAINConfig(((),), "conditional:folded-8x2", True, kept=True),
    "scale 1, enhanced": SAINConfig(
        (({"E": "folded-8x2"},),),
        "conditional:folded-8x2",
        True,
        kept=True,
    ),
    "x4, blocks on both levels": SAINConfig((({"F": "dense-8"},), ({"E": "folded-8x2"},)), "conditional:folded-8x2"),
}


@pytest.mark.parametrize("config", [*CONFIGS.values(), *SMALL.values()], ids=[*CONFIGS, *SMALL])
@pytest.mark.parametrize("lr_size", [(5, 7), (8, 6), (1, 1)])
def test_random_input(config: SAINConfig, lr_size: tuple[int, int]) -> None:
    h, w = (side * config.scale for side in lr_size)
    net = random_net(config)
    if lr_size == (1, 1):
        x = torch.rand(1, 3, h, w)
        out = net(x, torch.ones(1))
        assert (net.inverse(out.compressed, out.latent, torch.ones(1)) - x).abs().max() < 1e-4
    else:
        assert_invertible(net, torch.rand(3, 3, h, w))


@pytest.mark.parametrize("name", CONFIGS)
def test_photos(name: str, photo: Pixels) -> None:
    assert_invertible(random_net(CONFIGS[name]), to_tensor(photo)[..., :96, :96])


def test_haar_is_orthogonal_up_to_scale_and_ordered_as_published() -> None:
    x = torch.rand(2, 3, 6, 10)
    bands = haar.split(x)
    torch.testing.assert_close(haar.merge(bands), x)
    torch.testing.assert_close(bands[:, :3], torch.nn.functional.avg_pool2d(x, 2))
    ramp = torch.arange(4.0).expand(1, 1, 4, 4)  # grows to the right: horizontal differences only
    assert haar.split(ramp)[0, :, 0, 0].tolist() == [0.5, -0.5, 0, 0]
    with pytest.raises(ValueError, match="even"):
        haar.split(torch.rand(1, 3, 5, 4))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("sain-x2-paper", 2_015_437),
        ("sain-x4-paper", 6_493_763),
        ("irn-x2-paper", 1_667_952),
        ("irn-x4-paper", 4_355_136),
    ],
)
def test_published_sizes(name: str, parameters: int) -> None:
    # the papers: SAIN 2.02 M and 6.49 M, IRN 1.67 M and 4.36 M (SAIN's also counts its 15 mixture parameters)
    assert sum(p.numel() for p in SAINet(CONFIGS[name]).parameters()) == parameters


def test_config_survives_json() -> None:
    for config in CONFIGS.values():
        assert SAINConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize("bad", ["dense", "folded-16", "conv-3", "folded-16x3"])
def test_unknown_subnets_are_refused(bad: str) -> None:
    with pytest.raises(ValueError, match=r"subnet"):
        SAINet(SAINConfig((({"E": bad},),), "zero"))


def test_unknown_latents_and_roles_are_refused() -> None:
    with pytest.raises(ValueError, match="latent"):
        SAINet(SAINConfig((({"E": "dense-8"},),), "sampled"))
    with pytest.raises(ValueError, match="no coupling block"):
        SAINet(SAINConfig((({"X": "dense-8"},),), "zero"))


def test_a_modulated_network_needs_a_condition() -> None:
    with pytest.raises(ValueError, match="condition"):
        SAINet(SMALL["folded"])(torch.rand(1, 3, 8, 8))


def test_modulation_is_felt() -> None:
    net, x = random_net(CONFIGS["sain-x2-lite"]), torch.rand(1, 3, 16, 16)
    fine, coarse = net.downscale(x, torch.tensor([1.0])), net.downscale(x, torch.tensor([6.0]))
    assert (fine - coarse).abs().max() > 1e-3


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("way", ["downscale", "upscale"])
def test_reach_is_no_smaller_than_the_receptive_field(name: str, way: Way) -> None:
    net, reach = random_net(CONFIGS[name], 0.1), CONFIGS[name].reach(way)
    scale, side, told = net.config.scale, reach + 1 + 2 * net.config.grain, torch.tensor([3.0])
    grain, out = (scale, 1) if way == "downscale" else (1, scale)
    felt = 0
    for place in range(2 * net.config.grain):  # where in its fold the pixel lies
        x = torch.rand(1, 3, grain * net.config.grain, side * grain)
        changed = x.clone()
        changed[..., place * grain : (place + 1) * grain] += 1
        with torch.inference_mode():
            difference = (getattr(net, way)(x, told) - getattr(net, way)(changed, told)).abs().amax((0, 1, 2))
        assert difference.isfinite().all()
        columns = difference.reshape(side, out).amax(1).nonzero()[:, 0] - place
        felt = max(felt, int(columns.max()))
    # far below it in deep networks: it adds up subnets that run side by side, and what is farthest is lost in rounding
    assert min(reach, reach // 5 + 1) <= felt <= reach


@pytest.mark.parametrize("size", [(1, 1), (7, 6), (13, 18)])
def test_scale_1_takes_any_size_and_adds_to_the_picture(size: tuple[int, int]) -> None:
    net, x = random_net(SMALL["scale 1"]), torch.rand(1, 3, *size)
    restored = net.upscale(x, torch.tensor([3.0]))
    assert restored.shape == net.downscale(x, torch.tensor([3.0])).shape == x.shape
    assert not torch.equal(restored, x)


def test_scale_1_has_one_level_and_predicts() -> None:
    with pytest.raises(ValueError, match="at most the subnet E"):
        FullSizeNet(SAINConfig((({"G": "folded-8x2"},),), "conditional:folded-8x2", kept=True))
    for bad in (SAINConfig(((), ()), "conditional:folded-8x2", kept=True), SAINConfig(((),), "zero", kept=True)):
        with pytest.raises(ValueError, match="one Haar level and a conditional latent"):
            FullSizeNet(bad)
