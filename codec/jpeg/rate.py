"""How many bits a JPEG needs, estimated from its unrounded coefficients so that training can pay for them.

    bits = a / 2 * sum(log2(1 + (3 * c / step)^2))        a = 1.79 for luma, 1.20 for chroma

The logarithm of a square leaves coefficients far below half a step free, as an entropy coder does; the plain
`log2(1 + |c / step|)` charges for them and is twice as far off at low quality. The constants are fitted to
Pillow's files (optimised Huffman tables, progressive) by `python -m eval.fit_rate`, with an rms error of 6.7 %.
"""

from torch import Tensor

SHARPNESS = 3.0
LUMA_BITS, CHROMA_BITS = 1.79, 1.20
FILE_BITS = 4112
"""What a file costs before its first coefficient: markers, quantisation and Huffman tables."""


def log_square_sum(levels: Tensor) -> Tensor:
    """`sum(log2(1 + (3 u)^2)) / 2` over each sample's coefficients-by-step `u`, `[B, N, 64]` -> `[B]`."""
    return (1 + (SHARPNESS * levels).square()).log2().sum((1, 2)) / 2


def estimate_bits(levels: Tensor, chroma: bool) -> Tensor:
    """Bits `[B]` that the coefficients take, given divided by their step: `levels` `[B, N, 64]`."""
    return (CHROMA_BITS if chroma else LUMA_BITS) * log_square_sum(levels)
