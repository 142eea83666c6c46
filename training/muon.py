"""Muon for convolutions: momentum with orthogonalised steps (Jordan, 2024: kellerjordan.github.io/posts/muon).

`torch.optim.Muon` takes matrices only; a convolution is one of `[out, in * 3 * 3]`. Matrices of one shape go through
the iteration together, for a GPU spends longer on starting small products than on computing them.
"""

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim import Optimizer


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """The nearest semi-orthogonal matrices to `[…, M, N]`, roughly: Newton-Schulz with the post's coefficients."""
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrices.shape[-2] > matrices.shape[-1]
    x: Tensor = matrices.mT if tall else matrices
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class Muon(Optimizer):
    """Nesterov momentum, orthogonalised per weight and scaled to AdamW's usual step size (arXiv 2502.16982, eq. 4).

    `lr` may be a tensor on the parameters' device, which a captured step reads anew each time.
    """

    def __init__(self, params: Iterable[Tensor], lr: float | Tensor, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            alike: defaultdict[torch.Size, list[Tensor]] = defaultdict(list)
            for p in group["params"]:
                if p.grad is not None:
                    alike[p.flatten(1).shape].append(p)
            for shape, params in alike.items():
                self._move(params, shape, group["lr"], group["momentum"])

    def _move(self, params: list[Tensor], shape: torch.Size, lr: float | Tensor, momentum: float) -> None:
        """Step all parameters of one matrix shape."""
        gradients = [p.grad for p in params if p.grad is not None]
        velocities = [self.state[p].setdefault("momentum_buffer", torch.zeros_like(p)) for p in params]
        torch._foreach_lerp_(velocities, gradients, 1 - momentum)
        ahead = torch._foreach_lerp(gradients, velocities, momentum)
        moves = orthogonalise(torch.stack([move.flatten(1) for move in ahead])) * (-0.2 * max(shape) ** 0.5 * lr)
        torch._foreach_add_(params, [move.view_as(p) for move, p in zip(moves, params, strict=True)])
