"""Networks run by torch, on a CPU or on CUDA."""

import os

import numpy as np
import torch
from torch import Tensor

from codec.errors import CodecError
from codec.models.sain import SAINet
from codec.models.weights import Weights
from codec.picture import Pixels

# OpenMP's threads do not survive a fork, and a child that waits for them waits for ever
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


def network_of(weights: Weights) -> SAINet:
    """The network of a weight file, ready for inference, in single precision on the CPU."""
    net = SAINet(weights.config)
    net.load_state_dict({name: torch.from_numpy(value).float() for name, value in weights.tensors.items()})
    return net.eval().requires_grad_(False)


class TorchNetwork:
    """A `codec.networks.Network`."""

    def __init__(self, net: SAINet, device: torch.device) -> None:
        # channels last: a quarter faster on a CPU for these widths, and no slower elsewhere
        self.net = net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.device = device

    @torch.inference_mode()
    def downscale(self, pixels: Pixels, condition: float) -> Pixels:
        return _bytes(self.net.downscale(self._tensor(pixels), self._condition(condition)))

    @torch.inference_mode()
    def upscale(self, lr: Pixels, condition: float) -> Pixels:
        return _bytes(self.net.upscale(self._tensor(lr), self._condition(condition)))

    def _condition(self, condition: float) -> Tensor:
        return torch.tensor([condition], dtype=torch.float32, device=self.device)

    def _tensor(self, pixels: Pixels) -> Tensor:
        x = torch.from_numpy(np.ascontiguousarray(pixels)).to(self.device)
        return x.permute(2, 0, 1)[None].float().contiguous(memory_format=torch.channels_last) / 255


def _bytes(x: Tensor) -> Pixels:
    array: Pixels = (x[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    return array


def load(weights: Weights, device: str | None) -> TorchNetwork:
    """On CUDA where there is one, unless told otherwise; raises `CodecError` for a device that cannot be used."""
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return TorchNetwork(network_of(weights), torch.device(device))
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built with CUDA
        reason = (str(error).splitlines() or ["unknown"])[0]
        raise CodecError(f"device {device!r} cannot be used: {reason}") from None
