"""A network grown from a smaller one computes what that computed."""

import pytest
import torch

from codec.models.config import SAINConfig
from codec.models.sain import SAINet
from training.grow import grow


def _config(width: int, depth: int) -> SAINConfig:
    blocks = ({"G": f"folded-{width}x2"}, {"E": f"folded-{width}x{depth}"})
    return SAINConfig(levels=(blocks,), latent=f"conditional:folded-{width}x{depth}", modulated=True)


def _lively(config: SAINConfig) -> SAINet:
    torch.manual_seed(1)
    net = SAINet(config)
    with torch.no_grad():  # last layers start at zero: nothing would depend on the rest
        for parameter in net.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return net


@pytest.mark.parametrize(("width", "depth"), [(24, 4), (16, 8), (24, 6)])
def test_keeps_the_function(width: int, depth: int) -> None:
    small, large = _lively(_config(16, 4)), SAINet(_config(width, depth))
    x, condition = torch.rand(2, 3, 40, 32), torch.tensor([1.5, 4.0])
    with torch.no_grad():
        assert not torch.allclose(large.downscale(x, condition), small.downscale(x, condition), atol=1e-3)
        grow(large, small.state_dict())
        assert torch.allclose(large.downscale(x, condition), small.downscale(x, condition), atol=1e-5)
        assert torch.allclose(large.upscale(x, condition), small.upscale(x, condition), atol=1e-5)


def test_new_channels_learn() -> None:
    small, large = _lively(_config(16, 4)), SAINet(_config(24, 4))
    grow(large, small.state_dict())
    large.upscale(torch.rand(1, 3, 16, 16), torch.tensor([3.0])).square().sum().backward()
    gradient = large.latent.predict.tail.weight.grad
    assert gradient is not None
    assert gradient[:, 16:].abs().max() > 0


def test_refuses_another_network() -> None:
    with pytest.raises(ValueError, match="cannot grow"):
        grow(SAINet(_config(16, 4)), SAINet(_config(24, 4)).state_dict())
    with pytest.raises(ValueError, match="another network"):
        grow(SAINet(_config(16, 4)), SAINet(SAINConfig(levels=(({"G": "folded-16x4"},),), latent="zero")).state_dict())
