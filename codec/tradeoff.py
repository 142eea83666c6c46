"""What a bit is worth: the λ of D + λ R, to training, refinement and the choice of a scale alike."""

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

_Number = TypeVar("_Number", float, "Tensor")
EYE = 5.0
"""What one of SSIMULACRA2's raw sum is worth in squared error; at our λ they are about equal where it is 4 to 6."""
SEEN = 0.8
"""Share of what eyes see in the distortion of `tune="eye"`, whose weights are trained with 0.8 to 0.85."""


def rate_weight(condition: _Number, scale: int) -> _Number:
    """λ: the squared error (0…255 scale, mean of the channels, in one full-size pixel) that one bit may cost.

    `condition` is the mean log2 quantisation step of the LR picture, `scale` full-size pixels per LR pixel along a
    side. A uniform quantiser at high rate gives λ ∝ scale² step², for a bit of the LR file is shared by scale² pixels;
    the exponent and factor that fitted short runs are a little lower (the low-rate end is far from that regime).
    """
    weight: _Number = 27.5 * scale**2 * 2.0 ** (1.7 * (condition - 4))  # steps of 16 are those of quality 50
    return weight


def seen(squared: _Number, raw: _Number, share: float = SEEN) -> _Number:
    """D of `tune="eye"`, of a squared error (0…255 scale) and SSIMULACRA2's raw sum."""
    distortion: _Number = (1 - share) * squared + share * EYE * raw
    return distortion
