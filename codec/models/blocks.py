"""Which kind of coupling block a configuration means."""

from codec.models.coupling import EnhancedBlock, VanillaBlock
from codec.models.three_branch import ThreeBranchBlock

KINDS: tuple[type[VanillaBlock], ...] = (VanillaBlock, EnhancedBlock, ThreeBranchBlock)


def make_block(low: int, high: int, specs: dict[str, str], modulated: bool) -> VanillaBlock:
    """The first kind that has every subnet that `specs` names (role -> subnet spec); raises `ValueError`."""
    for kind in KINDS:
        if set(specs) <= set(kind.subnets):
            return kind(low, high, specs, modulated)
    raise ValueError(f"no coupling block has the subnets {sorted(specs)}; there are {[list(k.subnets) for k in KINDS]}")
