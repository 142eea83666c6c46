"""What makes an HCFlow network, as it is written in weight files. Knows no torch."""

import re
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from codec.models.config import Way, receptive_field


@dataclass(frozen=True)
class FlowLevel:
    """What follows one Haar split."""

    kept: int
    """Channels that go on to the next level: y; the others become the latent. At the last level the LR picture's 3."""
    steps: int
    """Flow steps before y is split off: affine ones of all but the first 3 channels and shifts of these, in turn."""
    subnet: str
    """Of a flow step; see `codec.models.subnets`."""
    conditional_steps: int
    """Steps of the conditional flow, from the channels that are not kept to the latent."""
    conditional_subnet: str
    """Of a conditional step."""
    features: str
    """Network whose features of y the conditional flow sees; see `codec.models.rrdb`."""

    def reach(self, way: Way) -> int:
        """Receptive field to each side, in pixels of this level."""
        flow = self.steps * receptive_field(self.subnet)
        if way == "downscale":
            return flow
        conditional = self.conditional_steps * receptive_field(self.conditional_subnet)
        return flow + conditional + 1 + features_receptive_field(self.features)  # 1: of mean and log-scale


@dataclass(frozen=True)
class HCFlowConfig:
    """Everything that makes an `HCFlow`; plain JSON through `to_json` and `from_json`."""

    levels: tuple[FlowLevel, ...]
    """The finest first."""
    identity: ClassVar = False
    grain: ClassVar = 1
    alignment: ClassVar = 2
    """As `SAINConfig`'s."""

    @property
    def scale(self) -> int:
        """HR pixels per LR pixel along one side: 2 for each Haar level."""
        return 1 << len(self.levels)

    def reach(self, way: Way) -> int:
        """Receptive field to each side, in LR pixels."""
        last = len(self.levels) - 1
        return sum(-(-level.reach(way) // (1 << (last - i))) for i, level in enumerate(self.levels))

    def overlap(self, way: Way) -> int:
        """LR pixels by which tiles that overlap join without a seam: the reach, rounded up to `alignment`."""
        return -(-self.reach(way) // self.alignment) * self.alignment

    def to_json(self) -> dict[str, Any]:
        """Lists, dictionaries, strings and numbers only."""
        return {"system": "hcflow", "levels": [asdict(level) for level in self.levels]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "HCFlowConfig":
        """The inverse of `to_json`; raises `ValueError` for another system's."""
        if data["system"] != "hcflow":
            raise ValueError(f"not a configuration of hcflow, but of {data['system']!r}")
        return cls(tuple(FlowLevel(**level) for level in data["levels"]))


def features_receptive_field(spec: str) -> int:
    """As `receptive_field`, of a network of `codec.models.rrdb`."""
    if match := re.fullmatch(r"rrdb-\d+x(\d+)-\d+", spec):
        return 3 * receptive_field("dense-") * int(match[1]) + 2
    return receptive_field(spec.rpartition("-")[0])


PAPER = HCFlowConfig(
    (
        FlowLevel(6, 8, "dense-32", 6, "pointwise-64", "rrdb-64x3-16"),
        FlowLevel(3, 8, "dense-32", 6, "pointwise-64", "rrdb-64x3-16"),
    )
)
"""x4, as the settings published with the paper's code have it; half of the first level's 12 channels go on."""
LITE = HCFlowConfig(
    (
        FlowLevel(3, 2, "folded-32x2", 1, "folded-32x0", "folded-48x2-12"),
        FlowLevel(3, 2, "folded-64x2", 1, "folded-48x0", "folded-80x4-24"),
    )
)
"""x4, ours: a fifth of the parameters, in few wide layers on 2x2-folded pixels, which cost a CPU little."""
