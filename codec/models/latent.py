"""What the inverse puts in the place of what the LR file does not hold.

A latent is the network's last step: `encode` turns the state behind the blocks into the latent, `decode` turns a
latent back, and `mode` is the latent that a decoder assumes. All are `[B, C, H, W]` on the LR grid.
"""

import torch
from torch import Tensor, nn

from codec.models.subnets import make_subnet


class ZeroLatent(nn.Module):
    """z is the high band itself and is taken for zero (IRN with z = 0; T-InvBlocks, arXiv 2412.13508)."""

    def encode(self, low: Tensor, high: Tensor, embedding: Tensor | None) -> Tensor:
        return high

    def decode(self, low: Tensor, z: Tensor, embedding: Tensor | None) -> tuple[Tensor, Tensor]:
        return low, z

    def mode(self, low: Tensor, channels: int) -> Tensor:
        return low.new_zeros(low.shape[0], channels, *low.shape[2:])


class MixtureLatent(ZeroLatent):
    """z follows a learned one-dimensional Gaussian mixture (SAIN, arXiv 2303.02353, section 3.3).

    The paper samples z in decoding; we take its mean, so that a file always decodes to the same picture. `sample`
    is for training as published (Gumbel-softmax over components, reparameterised normals).
    """

    def __init__(self, components: int = 5) -> None:
        super().__init__()
        self.gmm_para = nn.Parameter(1e-4 * torch.randn(3, components))  # rows: logits, means, log-variances

    def sample(self, low: Tensor, channels: int) -> Tensor:
        logits, means, log_variances = self.gmm_para
        shape = (low.shape[0], channels, *low.shape[2:])
        weights = logits.log_softmax(0).expand(*shape, -1)
        choice = nn.functional.gumbel_softmax(weights, hard=True)
        noise = torch.randn_like(choice) * (0.5 * log_variances.clamp(-20, 20)).exp()
        z: Tensor = (choice * (means + noise)).sum(-1)
        return z

    def mode(self, low: Tensor, channels: int) -> Tensor:
        logits, means, _ = self.gmm_para
        mean: Tensor = (logits.softmax(0) * means).sum()
        return super().mode(low, channels) + mean


class ConditionalLatent(nn.Module):
    """z is what is left when a network has predicted, from the LR picture as decoded, the high band *and* what the
    codec took from the LR picture.

    The second part is a latent of its own, three channels that are zero before the codec: state = (0, high). With
    it the decoder may mend the LR picture freely, where SAIN's compression blocks can only move on what the high
    band spans. z = state - prediction(low), so the inverse is exact; decoding assumes z = 0. Ours.
    """

    def __init__(self, low: int, high: int, spec: str, modulated: bool) -> None:
        super().__init__()
        self.low = low
        self.predict = make_subnet(spec, low, low + high, modulated)

    def _prediction(self, low: Tensor, embedding: Tensor | None) -> Tensor:
        prediction: Tensor = self.predict(low, embedding).float()
        return prediction

    def encode(self, low: Tensor, high: Tensor, embedding: Tensor | None) -> Tensor:
        return torch.cat([torch.zeros_like(low), high], 1) - self._prediction(low, embedding)

    def decode(self, low: Tensor, z: Tensor, embedding: Tensor | None) -> tuple[Tensor, Tensor]:
        state = z + self._prediction(low, embedding)
        return low + state[:, : self.low], state[:, self.low :]

    def mode(self, low: Tensor, channels: int) -> Tensor:
        return low.new_zeros(low.shape[0], self.low + channels, *low.shape[2:])


class RestoringLatent(ZeroLatent):
    """z is the high band, taken for zero; the LR picture is mended before the inverse (IRN's CRM).

    CRM is the compression restore module of IRN's journal form (Xiao et al., IJCV 2022, arXiv 2210.04188, section 4):
    a small network that brings the decoded LR picture back to what it was, so that a rescaler which knows of no
    compression survives one. It is told the quality, whatever the blocks are. What it mends is a latent's part too,
    which is why the law holds: z = (what was mended, high).
    """

    def __init__(self, low: int, spec: str) -> None:
        super().__init__()
        self.low = low
        self.restore = make_subnet(spec, low, low, modulated=True)

    def _mended(self, low: Tensor, embedding: Tensor | None) -> Tensor:
        mended: Tensor = self.restore(low, embedding).float()
        return mended

    def encode(self, low: Tensor, high: Tensor, embedding: Tensor | None) -> Tensor:
        return torch.cat([-self._mended(low, embedding), high], 1)

    def decode(self, low: Tensor, z: Tensor, embedding: Tensor | None) -> tuple[Tensor, Tensor]:
        return low + self._mended(low, embedding) + z[:, : self.low], z[:, self.low :]

    def mode(self, low: Tensor, channels: int) -> Tensor:
        return super().mode(low, self.low + channels)


def make_latent(spec: str, low: int, high: int, modulated: bool) -> ZeroLatent | ConditionalLatent:
    """`"zero"`, `"mixture-5"` (components), `"conditional:SUBNET"` or `"crm:SUBNET"`."""
    kind, _, rest = spec.partition(":")
    if kind == "zero":
        return ZeroLatent()
    if kind.startswith("mixture-") and kind[8:].isdigit():
        return MixtureLatent(int(kind[8:]))
    if kind == "conditional" and rest:
        return ConditionalLatent(low, high, rest, modulated)
    if kind == "crm" and rest:
        return RestoringLatent(low, rest)
    choices = "zero, mixture-COMPONENTS, conditional:SUBNET or crm:SUBNET"
    raise ValueError(f"unknown latent {spec!r}: choose {choices}")
