"""Networks run by torch, on a CPU or on CUDA."""

import os
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from codec.errors import CodecError, one_line
from codec.models import downscalers
from codec.models.conditional_flow import InvertibleConvolution
from codec.models.config import Downscaler, Way
from codec.models.making import Net, make_network
from codec.models.weights import Weights
from codec.networks import Engine, Precision, fused
from codec.picture import Pixels

# OpenMP's threads do not survive a fork, and a child that waits for them waits for ever
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


def network_of(weights: Weights) -> Net:
    """The network of a weight file, ready for inference, in single precision on the CPU.

    Raises `CodecError` for a configuration that is none, and for tensors that do not fit it.
    """
    try:
        net = make_network(weights.config)
        net.load_state_dict({name: torch.from_numpy(value).float() for name, value in weights.tensors.items()})
        for module in net.modules():
            if isinstance(module, InvertibleConvolution):
                module.settle()
    except Exception as error:
        raise CodecError(f"the weights of {weights.name!r} make no network: {one_line(error)}") from None
    return net.eval().requires_grad_(False)


def arrays_of(net: Net) -> dict[str, npt.NDArray[np.float32]]:
    """The tensors of a network, as weight files take them."""
    return {name: value.float().cpu().numpy() for name, value in net.state_dict().items()}


class TorchNetwork:
    """A `codec.networks.Network`."""

    def __init__(self, net: Net, device: torch.device, precision: Precision = "float32") -> None:
        # channels last: a quarter faster on a CPU for these widths, and no slower elsewhere
        self.net: Net = net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.device = device
        self.precision: torch.dtype = getattr(torch, precision)
        self._ready = lru_cache(maxsize=16)(self._made_ready)

    @torch.inference_mode()
    def downscale(self, pixels: Pixels, condition: float, downscaler: Downscaler | None = None) -> Pixels:
        if downscaler is None:
            return self._sent("downscale", pixels, condition)
        x = self._tensor(pixels)
        return self._run("downscale", condition, x, aim=downscalers.downscale(x, downscaler, self.net.config.scale))

    @torch.inference_mode()
    def upscale(self, lr: Pixels, condition: float) -> Pixels:
        return self._sent("upscale", lr, condition)

    def _sent(self, way: Way, pixels: Pixels, condition: float) -> Pixels:
        net = self._at(condition)
        if isinstance(net, fused.FusedFullSize):
            return _array(net.levels(way, self._pixels(pixels)[None])[0])
        return self._run(way, condition, self._tensor(pixels))

    def _at(self, condition: float) -> "Net | fused.FusedFullSize":
        """One serves all conditions of a network to which they mean nothing."""
        return self._ready(condition if self.net.embedding else 0.0)

    def _run(self, way: Way, condition: float, x: Tensor, **more: Tensor) -> Pixels:
        told = torch.tensor([condition], dtype=torch.float32, device=self.device)
        net = self._at(condition)  # not within autocast, which would round what the quality means
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            return _bytes(getattr(net, way)(x, told, **more))

    def _made_ready(self, condition: float) -> "Net | fused.FusedFullSize":
        """The network for one condition: pictures of a kind share it, and so do a picture's tiles."""
        joined = self.device.type == "cpu" and fused.available()
        return fused.at(self.net, torch.tensor([condition], device=self.device), self.precision, joined)

    def _pixels(self, pixels: Pixels) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(pixels)).to(self.device)

    def _tensor(self, pixels: Pixels) -> Tensor:
        return self._pixels(pixels).permute(2, 0, 1)[None].float().contiguous(memory_format=torch.channels_last) / 255


def _bytes(x: Tensor) -> Pixels:
    return _array(x[0].clamp_(0, 1).mul_(255).round_().byte().permute(1, 2, 0))


def _array(x: Tensor) -> Pixels:
    array: Pixels = x.contiguous().cpu().numpy()  # on the device: planes, from a GPU's Haar
    return array


def load(weights: Weights, engine: Engine) -> TorchNetwork:
    """On CUDA where there is one, unless told otherwise.

    Raises `CodecError` for weights that make no network, and for a device that cannot be used.
    """
    device, net = engine.device or ("cuda" if torch.cuda.is_available() else "cpu"), network_of(weights)
    try:
        return TorchNetwork(net, torch.device(device), engine.precision or "float32")
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built with CUDA
        raise CodecError(f"device {device!r} cannot be used: {one_line(error)}") from None
