"""Subnets made ready to run: what a picture's quality means to them is folded in, and on CPUs steps are joined.

A picture has one condition, and a modulation scales and shifts what a convolution gives: it may as well scale and
shift the convolution's weights. On a CPU, what follows a convolution (leaky ReLU, a residual's sum) runs within it,
where oneDNN has it so. None of it changes a result by more than rounding does.
"""

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codec.models.making import Net
from codec.models.subnets import SLOPE, FoldedSubnet, even

POINTWISE = "_convolution_pointwise"
"""Torch's name for oneDNN's convolution with what follows it; torch's own compiler emits it."""


def available() -> bool:
    """Whether this torch has oneDNN, and its convolutions by that name."""
    has_onednn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return has_onednn and hasattr(torch.ops.mkldnn, POINTWISE)


class _Convolution(nn.Module):
    """3x3, with what follows it; weights as they are run."""

    weight: Tensor
    bias: Tensor

    def __init__(self, conv: nn.Module, dtype: torch.dtype, gain: Tensor | None, bias: Tensor | None) -> None:
        super().__init__()
        weight, shift = cast(Tensor, conv.weight), cast(Tensor, conv.bias)
        if gain is not None and bias is not None:
            weight, shift = weight * (1 + gain)[:, None, None, None], torch.addcmul(shift + bias, shift, gain)
        self.register_buffer("weight", weight.to(dtype, memory_format=torch.channels_last))
        self.register_buffer("bias", shift.to(dtype))

    def linear(self, x: Tensor) -> Tensor:
        """Followed by nothing."""
        return F.conv2d(x, self.weight, self.bias, padding=1)

    def leaky(self, x: Tensor) -> Tensor:
        """Followed by a leaky ReLU."""
        return F.leaky_relu_(self.linear(x), SLOPE)

    def plus(self, x: Tensor, residual: Tensor) -> Tensor:
        """Added to `residual`, in its place."""
        return residual.add_(self.linear(x))


class _Joined(_Convolution):
    """The same by oneDNN, in one step with what follows."""

    def linear(self, x: Tensor) -> Tensor:
        return self._run(x, "none", [])

    def leaky(self, x: Tensor) -> Tensor:
        return self._run(x, "leaky_relu", [SLOPE])

    def plus(self, x: Tensor, residual: Tensor) -> Tensor:
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

    def __init__(self, subnet: FoldedSubnet, embedding: Tensor | None, dtype: torch.dtype, joined: bool) -> None:
        super().__init__()
        self.dtype = dtype
        kind = _Joined if joined else _Convolution

        def folded(conv: nn.Module, place: int) -> _Convolution:
            if subnet.modulations is None or embedding is None:
                return kind(conv, dtype, None, None)
            said: Tensor = subnet.modulations[place].head(embedding)  # type: ignore[operator]
            return kind(conv, dtype, *said[0].chunk(2))

        pairs = [cast(nn.ModuleList, pair) for pair in subnet.pairs]
        self.head = folded(subnet.head, 0)
        self.firsts = nn.ModuleList(folded(first, i) for i, (first, _) in enumerate(pairs, 1))
        self.seconds = nn.ModuleList(kind(second, dtype, None, None) for _, second in pairs)
        self.tail = kind(subnet.tail, dtype, None, None)

    def forward(self, x: Tensor, embedding: Tensor | None = None) -> Tensor:
        height, width = x.shape[-2:]
        folded = F.pixel_unshuffle(even(x).to(self.dtype), 2).contiguous(memory_format=torch.channels_last)
        h = self.head.leaky(folded)
        for first, second in zip(self.firsts, self.seconds, strict=True):
            h = cast(_Convolution, second).plus(cast(_Convolution, first).leaky(h), h)
        return F.pixel_shuffle(self.tail.linear(h), 2)[..., :height, :width]


@torch.no_grad()
def at(net: Net, condition: Tensor, dtype: torch.dtype, joined: bool) -> Net:
    """A network that does at one `condition` `[1]` what `net` does, its folded subnets in `dtype`.

    `joined`: by oneDNN, in steps that are joined, which takes a CPU where it is `available`; else by plain
    convolutions, which any device and compiler takes.
    """
    embedding = net.embedding(condition) if net.embedding else None
    folded = (module for module in net.modules() if isinstance(module, FoldedSubnet))
    others: dict[int, Any] = {id(module): FusedSubnet(module, embedding, dtype, joined) for module in folded}
    return copy.deepcopy(net, others)  # a copy with others in the place of some
