"""What makes a network: blocks, latent, modulation, as they are written in weight files. Knows no torch."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Way = Literal["downscale", "upscale"]
"""Of a picture through a network."""


@dataclass(frozen=True)
class SAINConfig:
    """Everything that makes a `SAINet`; plain JSON through `to_json` and `from_json`."""

    levels: tuple[tuple[dict[str, str], ...], ...]
    """For each Haar level the blocks that follow it, each a map from role (E, F, G, H …) to subnet spec."""
    latent: str
    """`"zero"`, `"mixture-5"`, `"conditional:folded-64x8"`."""
    modulated: bool = False
    """Whether the subnets are told the quantisation step."""

    @property
    def scale(self) -> int:
        """HR pixels per LR pixel along one side: 2 for each Haar level."""
        return 1 << len(self.levels)

    def reach(self, way: Way) -> int:
        """Receptive field to each side, in LR pixels."""
        coarse = sum(
            -(-sum(receptive_field(spec) for spec in block.values()) // (1 << (len(self.levels) - 1 - i)))
            for i, level in enumerate(self.levels)
            for block in level
        )
        kind, _, spec = self.latent.partition(":")
        return coarse + (receptive_field(spec) if kind == "conditional" and way == "upscale" else 0)

    def overlap(self, way: Way) -> int:
        """LR pixels by which tiles that overlap join without a seam: the reach.

        Rounded up to even, for the 2x2 folds of every tile must be those of the whole picture.
        """
        return self.reach(way) + self.reach(way) % 2

    def to_json(self) -> dict[str, Any]:
        """Lists, strings and booleans only."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "SAINConfig":
        """The inverse of `to_json`."""
        return cls(tuple(tuple(level) for level in data["levels"]), data["latent"], data["modulated"])


def receptive_field(spec: str) -> int:
    """How many pixels away, to each side, an input pixel of a subnet can still change an output pixel."""
    if spec == "none":
        return 0
    if spec.startswith("dense-"):
        return 5
    if spec.startswith("pointwise-"):
        return 2
    depth = int(spec.rpartition("x")[2])
    return 2 * (depth + 2) + 1  # one more: a pixel may sit on either side of its 2x2 fold
