"""Quality modulation: one network for all qualities, told how coarsely the picture is quantised."""

import torch
from torch import Tensor, nn

CENTRE, SPREAD = 3.5, 2.5
"""Training draws log2 steps of about 1…6 (quality 95…10): mapped to -1…1."""
WIDTH = 32


class ConditionEmbedding(nn.Module):
    """Condition `[B]` (mean log2 quantisation step, 0…8; see `codec.jpeg.tables.condition`) -> features `[B, 32]`."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(1, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU())

    def forward(self, condition: Tensor) -> Tensor:
        features: Tensor = self.net(((condition - CENTRE) / SPREAD)[:, None])
        return features


def embedded(embedding: ConditionEmbedding | None, condition: Tensor | None) -> Tensor | None:
    """Features `[B, 32]` of a network's condition `[B]`; None for one that is not told. Raises `ValueError`."""
    if embedding is None:
        return None
    if condition is None:
        raise ValueError("this network is modulated by quality: give it a condition")
    features: Tensor = embedding(condition)
    return features


class Modulation(nn.Module):
    """Scales and shifts each channel by what the embedding says: `h * (1 + gain) + bias`; the identity at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.head = nn.Linear(WIDTH, 2 * channels)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, h: Tensor, embedding: Tensor) -> Tensor:
        gain, bias = self.head(embedding).to(h.dtype)[:, :, None, None].chunk(2, 1)
        return torch.addcmul(h + bias, h, gain)
