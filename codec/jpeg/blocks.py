"""8x8 blocks and their discrete cosine transform, as matrix products that autograd knows."""

import math
from functools import lru_cache

import torch
from torch import Tensor


@lru_cache
def _basis(device: torch.device) -> Tensor:
    """Orthonormal 2-D DCT-II as a `[64, 64]` matrix: row = coefficient, column = pixel, both row-major."""
    with torch.inference_mode(False):  # kept, and used where there are gradients too
        return _made_basis(device)


def _made_basis(device: torch.device) -> Tensor:
    k = torch.arange(8, dtype=torch.float64, device=device)
    rows = torch.cos((2 * k[None, :] + 1) * k[:, None] * math.pi / 16) / 2
    rows[0] /= math.sqrt(2)
    return torch.kron(rows, rows).float()


def to_blocks(plane: Tensor) -> Tensor:
    """`[B, H, W]` with H and W multiples of 8 -> `[B, H/8 * W/8, 64]`, blocks and their pixels row-major."""
    b, h, w = plane.shape
    return plane.reshape(b, h // 8, 8, w // 8, 8).transpose(2, 3).reshape(b, -1, 64)


def from_blocks(blocks: Tensor, height: int, width: int) -> Tensor:
    """The inverse of `to_blocks`: `[B, N, 64]` -> `[B, height, width]`."""
    b = blocks.shape[0]
    return blocks.reshape(b, height // 8, width // 8, 8, 8).transpose(2, 3).reshape(b, height, width)


def dct(blocks: Tensor) -> Tensor:
    """Coefficients `[..., 64]` of pixel blocks `[..., 64]`, scaled as in T.81 A.3.3 (orthonormal)."""
    return blocks @ _basis(blocks.device).to(blocks.dtype).T


def idct(coefficients: Tensor) -> Tensor:
    """Pixel blocks `[..., 64]` of coefficients `[..., 64]`."""
    return coefficients @ _basis(coefficients.device).to(coefficients.dtype)
