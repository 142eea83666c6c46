"""Subnets made ready to run: what a picture's quality means to them is folded in, and on CPUs steps are joined.

A picture has one condition, and a modulation scales and shifts what a convolution gives: it may as well scale and
shift the convolution's weights. So may the Haar split before a subnet and the merge behind it. On a CPU, what follows a
convolution (leaky ReLU, a residual's sum) runs within it, where oneDNN has it so. None of it changes a result by more
than rounding does.
"""

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codec.models import haar
from codec.models.config import Way
from codec.models.making import Net
from codec.models.restorer import FullSizeNet
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
        return F.pixel_shuffle(self.run(F.pixel_unshuffle(even(x).to(self.dtype), 2)), 2)[..., :height, :width]

    def run(self, folded: Tensor) -> Tensor:
        """From folded pixels to folded pixels, `[B, C, h, w]` in the subnet's `dtype`."""
        h = self.head.leaky(folded.contiguous(memory_format=torch.channels_last))
        for first, second in zip(self.firsts, self.seconds, strict=True):
            h = cast(_Convolution, second).plus(cast(_Convolution, first).leaky(h), h)
        return self.tail.linear(h)


FOLD = 4
"""Pixels a side of what a `FullSizeNet`'s subnet sees as one: of the Haar split's 2x2 and of folding's."""


def _matrices() -> tuple[Tensor, Tensor]:
    """`[48, 48]` each: 4x4 pixels (rows, columns, colours) to the folded bands of a Haar split, and back."""
    pixels = torch.eye(3 * FOLD**2)
    there = F.pixel_unshuffle(haar.split(pixels.view(-1, FOLD, FOLD, 3).permute(0, 3, 1, 2)), 2)
    back = haar.merge(F.pixel_shuffle(pixels[..., None, None], 2))
    return there.flatten(1), back.permute(0, 2, 3, 1).flatten(1)


def _filled(x: Tensor) -> Tensor:
    """`[B, H, W, 3]` with whole folds: as `even` fills up the pixels, and then the 2x2 pixels of the bands."""
    for axis in (1, 2):
        for side in (1, 2):
            if x.shape[axis] % (2 * side):
                x = torch.cat([x, x.narrow(axis, x.shape[axis] - side, side)], axis)
    return x


def _folds(pixels: Tensor) -> Tensor:
    """`[B, H, W, 3]`, whole folds -> `[B, H / 4, W / 4, 48]`."""
    b, h, w = len(pixels), pixels.shape[1] // FOLD, pixels.shape[2] // FOLD
    words = pixels.reshape(b, h, FOLD, -1).view(torch.int32)  # bytes are copied four at a time
    return words.view(b, h, FOLD, w, -1).transpose(2, 3).reshape(b, h, w, -1).view(pixels.dtype)


def _unfolded(folds: Tensor) -> Tensor:
    """The inverse of `_folds`."""
    b, h, w = folds.shape[:3]
    words = folds.view(torch.int32).view(b, h, w, FOLD, -1).transpose(2, 3).reshape(b, FOLD * h, -1)
    return words.view(folds.dtype).view(b, FOLD * h, FOLD * w, 3)


class _Addition(nn.Module):
    """What a subnet adds to the Haar bands of a picture, at one condition, as what it adds to 4x4 pixels.

    From pixels to pixels without a Haar band: in half precision these would be rounded, and 8 bits are not.
    """

    def __init__(self, subnet: FoldedSubnet, embedding: Tensor | None, dtype: torch.dtype, joined: bool) -> None:
        super().__init__()
        subnet = copy.deepcopy(subnet)
        there, back = (matrix.to(subnet.head.weight) for matrix in _matrices())
        tail, bias = subnet.tail.weight, cast(Tensor, subnet.tail.bias)
        subnet.head.weight = nn.Parameter(torch.einsum("ofyx,rf->oryx", subnet.head.weight, there) / 255)
        subnet.tail.weight = nn.Parameter(255 * torch.einsum("fiyx,fr->riyx", tail, back))
        subnet.tail.bias = nn.Parameter(255 * bias @ back)
        self.subnet = FusedSubnet(subnet, embedding, dtype, joined)

    def forward(self, pixels: Tensor) -> Tensor:
        """Levels 0…255 `[B, H, W, 3]`, uint8 or not -> levels of the same type."""
        folds = _folds(_filled(pixels))
        added = self.subnet.run(folds.to(self.subnet.dtype).permute(0, 3, 1, 2))
        levels = added.permute(0, 2, 3, 1).float().add_(folds)
        if not pixels.is_floating_point():
            levels = levels.round_().clamp_(0, 255).to(pixels.dtype)
        return _unfolded(levels)[:, : pixels.shape[1], : pixels.shape[2]]


class FusedFullSize(nn.Module):
    """A `FullSizeNet` with folded subnets at one condition, which also takes pixels as they are."""

    def __init__(self, net: FullSizeNet, embedding: Tensor | None, dtype: torch.dtype, joined: bool) -> None:
        super().__init__()
        parts = {"downscale": net.enhance, "upscale": net.latent.predict}
        given = {way: cast(FoldedSubnet, part) for way, part in parts.items() if part is not None}
        self.ways = nn.ModuleDict({way: _Addition(part, embedding, dtype, joined) for way, part in given.items()})

    @staticmethod
    def takes(net: Net) -> bool:
        """Whether a network can be had so."""
        if not isinstance(net, FullSizeNet):
            return False
        return isinstance(net.latent.predict, FoldedSubnet) and isinstance(net.enhance, FoldedSubnet | None)

    def levels(self, way: Way, pixels: Tensor) -> Tensor:
        """One way, levels 0…255 `[B, H, W, 3]` -> levels of the same shape and type, uint8 or not."""
        changed: Tensor = self.ways[way](pixels) if way in self.ways else pixels
        return changed

    def _values(self, way: Way, x: Tensor) -> Tensor:
        return self.levels(way, x.permute(0, 2, 3, 1) * 255).permute(0, 3, 1, 2) / 255

    def downscale(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """As `FullSizeNet.downscale`: `[B, 3, H, W]` in [0, 1]."""
        return self._values("downscale", x)

    def upscale(self, lr: Tensor, condition: Tensor | None = None) -> Tensor:
        """As `FullSizeNet.upscale`: `[B, 3, H, W]` in [0, 1]."""
        return self._values("upscale", lr)


@torch.no_grad()
def at(net: Net, condition: Tensor, dtype: torch.dtype, joined: bool) -> Net | FusedFullSize:
    """A network that does at one `condition` `[1]` what `net` does, its folded subnets in `dtype`.

    `joined`: by oneDNN, in steps that are joined, which takes a CPU where it is `available`; else by plain
    convolutions, which any device and compiler takes.
    """
    embedding = net.embedding(condition) if net.embedding else None
    if FusedFullSize.takes(net):
        return FusedFullSize(cast(FullSizeNet, net), embedding, dtype, joined)
    folded = (module for module in net.modules() if isinstance(module, FoldedSubnet))
    others: dict[int, Any] = {id(module): FusedSubnet(module, embedding, dtype, joined) for module in folded}
    return copy.deepcopy(net, others)  # a copy with others in the place of some
