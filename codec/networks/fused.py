"""Subnets made ready to run on a CPU: what a picture's quality means to them is folded in, steps are joined.

A picture has one condition, and a modulation scales and shifts what a convolution gives: it may as well scale and
shift the convolution's weights. What follows a convolution (leaky ReLU, a residual's sum) runs within it, where
oneDNN has it so. None of it changes a result by more than rounding does.
"""

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codec.models.sain import SAINet
from codec.models.subnets import SLOPE, FoldedSubnet, even

POINTWISE = "_convolution_pointwise"
"""Torch's name for oneDNN's convolution with what follows it; torch's own compiler emits it."""


def available() -> bool:
    """Whether this torch has oneDNN, and its convolutions by that name."""
    has_onednn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return has_onednn and hasattr(torch.ops.mkldnn, POINTWISE)


class _Convolution:
    """3x3, with what follows it; weights as they are run."""

    def __init__(self, conv: nn.Module, dtype: torch.dtype, gain: Tensor | None, bias: Tensor | None) -> None:
        weight, shift = cast(Tensor, conv.weight), cast(Tensor, conv.bias)
        if gain is not None and bias is not None:
            weight, shift = weight * (1 + gain)[:, None, None, None], torch.addcmul(shift + bias, shift, gain)
        self.weight = weight.to(dtype, memory_format=torch.channels_last)
        self.bias = shift.to(dtype)

    def leaky(self, x: Tensor) -> Tensor:
        """Followed by a leaky ReLU."""
        return self._run(x, "leaky_relu", [SLOPE])

    def linear(self, x: Tensor) -> Tensor:
        """Followed by nothing."""
        return self._run(x, "none", [])

    def plus(self, x: Tensor, residual: Tensor) -> Tensor:
        """Added to `residual`, in its place."""
        y: Tensor = torch.ops.mkldnn._convolution_pointwise_.binary(
            residual, x, self.weight, self.bias, [1, 1], [1, 1], [1, 1], 1, "add", 1.0, None, [], None
        )
        return y

    def _run(self, x: Tensor, follows: str, scalars: list[float]) -> Tensor:
        y: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self.weight, self.bias, [1, 1], [1, 1], [1, 1], 1, follows, scalars, ""
        )
        return y


class FusedSubnet(nn.Module):
    """A `FoldedSubnet` at one condition; called as that is, whatever embedding it is given."""

    def __init__(self, subnet: FoldedSubnet, embedding: Tensor | None, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

        def fused(conv: nn.Module, place: int) -> _Convolution:
            if subnet.modulations is None or embedding is None:
                return _Convolution(conv, dtype, None, None)
            said: Tensor = subnet.modulations[place].head(embedding)  # type: ignore[operator]
            return _Convolution(conv, dtype, *said[0].chunk(2))

        self.head = fused(subnet.head, 0)
        pairs = [cast(nn.ModuleList, pair) for pair in subnet.pairs]
        self.pairs = [(fused(a, i), _Convolution(b, dtype, None, None)) for i, (a, b) in enumerate(pairs, 1)]
        self.tail = _Convolution(subnet.tail, dtype, None, None)

    def forward(self, x: Tensor, embedding: Tensor | None = None) -> Tensor:
        height, width = x.shape[-2:]
        folded = F.pixel_unshuffle(even(x).to(self.dtype), 2).contiguous(memory_format=torch.channels_last)
        h = self.head.leaky(folded)
        for first, second in self.pairs:
            h = second.plus(first.leaky(h), h)
        return F.pixel_shuffle(self.tail.linear(h), 2)[..., :height, :width]


def at(net: SAINet, condition: Tensor, dtype: torch.dtype) -> SAINet:
    """A network that does at one `condition` `[1]` what `net` does, its folded subnets in `dtype`."""
    embedding = net.embedding(condition) if net.embedding else None
    folded = (module for module in net.modules() if isinstance(module, FoldedSubnet))
    others: dict[int, Any] = {id(module): FusedSubnet(module, embedding, dtype) for module in folded}
    return copy.deepcopy(net, others)  # a copy with others in the place of some
