"""What makes a network: blocks, latent, modulation, as they are written in weight files. Knows no torch."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Way = Literal["downscale", "upscale"]
"""Of a picture through a network."""
Downscaler = Literal["bicubic", "lanczos", "area"]
"""Which LR picture an encoder aims at."""
DOWNSCALER_REACH = 3
"""LR pixels to each side from which Lanczos' window, the widest, takes a value."""


@dataclass(frozen=True)
class SAINConfig:
    """Everything that makes a `SAINet`; plain JSON through `to_json` and `from_json`."""

    levels: tuple[tuple[dict[str, str], ...], ...]
    """For each Haar level the blocks that follow it, each a map from role (E, F, G, H …) to subnet spec."""
    latent: str
    """`"zero"`, `"mixture-5"`, `"conditional:folded-64x8"`, `"crm:folded-64x6"`."""
    modulated: bool = False
    """Whether the subnets are told the quantisation step."""
    dual: bool = False
    """Whether there is a second latent, for what tells one way of downscaling from another (DLV-IRN)."""
    kept: bool = False
    """Whether the high bands are kept and written: the picture to store is as large as the photo (scale 1)."""

    @property
    def scale(self) -> int:
        """HR pixels per LR pixel along one side: 2 for each Haar level whose high bands are not kept."""
        return 1 if self.kept else 1 << len(self.levels)

    @property
    def identity(self) -> bool:
        """Whether the picture to store is the photo itself, and the network works on the way back only."""
        return self.kept and not any(self.levels)

    @property
    def told(self) -> bool:
        """Whether any part of the network is told the quantisation step."""
        return self.modulated or self.latent.startswith("crm:")

    def reach(self, way: Way) -> int:
        """Receptive field to each side, in LR pixels."""
        if self.identity and way == "downscale":
            return 0
        return self.grain * self._reach(way) + self.grain - 1

    def _reach(self, way: Way) -> int:
        """The same in pixels of the last Haar level."""
        coarse = sum(
            -(-sum(receptive_field(spec) for spec in block.values()) // (1 << (len(self.levels) - 1 - i)))
            for i, level in enumerate(self.levels)
            for block in level
        )
        if way == "downscale":
            return coarse + (DOWNSCALER_REACH if self.dual else 0)
        kind, _, spec = self.latent.partition(":")
        latent = receptive_field(spec) if kind in ("conditional", "crm") else 0
        return latent if self.kept else coarse + latent  # what is kept was enhanced for good: nothing undoes it

    def overlap(self, way: Way) -> int:
        """LR pixels by which tiles that overlap join without a seam: the reach, rounded up to `alignment`."""
        return -(-self.reach(way) // self.alignment) * self.alignment

    @property
    def grain(self) -> int:
        """LR pixels a side of a pixel of the last Haar level."""
        return 2 if self.kept else 1

    @property
    def alignment(self) -> int:
        """LR pixels at whose multiples tiles begin, so that their Haar bands and 2x2 folds are the whole picture's."""
        return 4 if self.kept else 2

    def to_json(self) -> dict[str, Any]:
        """Lists, strings and booleans only; what is as usual is left out, so that older files keep their hashes."""
        return {k: v for k, v in asdict(self).items() if k not in ("dual", "kept") or v}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "SAINConfig":
        """The inverse of `to_json`."""
        levels = tuple(tuple(level) for level in data["levels"])
        return cls(levels, data["latent"], data["modulated"], data.get("dual", False), data.get("kept", False))


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
