"""Refinement: the encoder improves an LR file with the decoder in the loop. The decoder knows nothing of it.

The idea is HCD's (ICCV 2023, arXiv 2211.10643): a fixed decoder, an LR picture optimised for it. Ours works on what
the file holds, the quantised coefficients q, and minimises D + λ R: squared error of the restored picture, and bits.
Rounds of

1. one gradient g of D with respect to q, through colour conversion, chroma filters and the network;
2. for every coefficient and step s = ±1 the change it promises, g s + κ h / 2 + λ ΔR(s): h is D's mean curvature at
   that frequency, measured once with random probes, ΔR comes from `codec.jpeg.huffman`;
3. the best `MOVES` steps of each block, if they promise less, are taken all at once.

Steps interact: κ starts near 1, and grows for a coefficient that is sent back to where it came from. The state with
the least D + λ R is kept. Large pictures are refined window by window.
"""

from typing import TYPE_CHECKING, NoReturn

import numpy as np
from tqdm import tqdm

from codec.distortion import Array, Distortion, Window, windows
from codec.jpeg.coefficients import Coefficients, Levels
from codec.jpeg.huffman import Costs
from codec.networks.on_torch import TorchNetwork

if TYPE_CHECKING:
    from codec.picture import Pixels

ROUNDS = (0, 1, 2, 4, 8, 12, 18, 27, 40, 64)
"""Gradients per effort 0…9."""
MOVES = 2
"""Coefficients of a block that one round may change: more disturb each other."""
CAUTION, WARIER = 0.9, 1.25
"""κ at first, and its factor where a coefficient goes back and forth."""
Known = tuple[float, list[Array]]
"""D and its gradient."""


class _Descent:
    """Rounds in one window, on levels that it changes in place."""

    def __init__(self, distortion: Distortion, window: Window, levels: tuple[Levels, ...], weight: float) -> None:
        self.distortion, self.window, self.levels, self.weight = distortion, window, levels, weight
        whole = distortion.coefficients.whole
        # blocks that reach beyond the picture are as the encoder pads them, and stay
        self.parts = [
            tuple(
                slice(s.start, min(s.stop, n)) for s, n in zip(distortion.part(i, window.core), whole(i), strict=True)
            )
            for i in range(len(levels))
        ]
        self.cores = [array[part] for array, part in zip(levels, self.parts, strict=True)]
        self.caution = [np.full(core.shape, CAUTION, np.float32) for core in self.cores]
        self.last = [np.zeros(core.shape, np.int8) for core in self.cores]

    def run(self, known: Known, curvature: list[Array], rounds: int, bar: "tqdm[NoReturn]") -> None:
        """Leaves the best state it came by in the levels. `known`: D and its gradient at the start."""
        best, least = [core.copy() for core in self.cores], np.inf
        for done in range(rounds):
            d, gradient = self.distortion.gradient(self.levels, self.window) if done else known
            costs = self._costs()
            if (j := self._j(d, costs)) < least:
                best, least = [core.copy() for core in self.cores], j
            for i, cost in enumerate(costs):
                self._step(i, gradient[i], curvature[i], cost)
            bar.update()
        if self._j(self.distortion.value(self.levels, self.window), self._costs()) > least:
            for core, kept in zip(self.cores, best, strict=True):
                core[...] = kept

    def _costs(self) -> list[Costs]:
        """For each plane; both chroma planes share a table."""
        return [Costs((self.cores[0],))] + [Costs(tuple(self.cores[1:]))] * (len(self.cores) - 1)

    def _j(self, d: float, costs: list[Costs]) -> float:
        return d + self.weight * sum(cost.total(core) for cost, core in zip(costs, self.cores, strict=True))

    def _step(self, plane: int, gradient: Array, curvature: Array, cost: Costs) -> None:
        core, caution, last = self.cores[plane], self.caution[plane], self.last[plane]
        if not core.size:
            return
        gradient = gradient[: core.shape[0], : core.shape[1]]
        promised, steps = np.zeros(core.shape, np.float32), np.zeros(core.shape, np.int8)
        for by in (-1, 1):
            change = by * gradient + caution * curvature / 2 + self.weight * cost.changes(core, by)
            better = change < promised
            promised[better], steps[better] = change[better], by
        back = (steps != 0) & (steps == -last)
        caution[back] *= WARIER
        worst_taken = np.partition(promised, MOVES - 1, -1)[..., MOVES - 1 : MOVES]
        steps[promised > worst_taken] = 0
        last[steps != 0] = steps[steps != 0]
        core += steps


def refine(
    network: TorchNetwork,
    photo: "Pixels",
    start: Coefficients,
    condition: float,
    weight: float,
    rounds: int,
    progress: bool = False,
) -> Coefficients:
    """The coefficients of a better LR file of `photo` `[H, W, 3]` or `[H, W]`, from those that it has.

    `weight` is λ: squared error (0…255 scale, mean of the channels) that a bit may cost, in one pixel. `rounds`:
    gradients per window; each takes some three times as long as restoring the picture does.
    """
    distortion = Distortion(network, photo, start, condition)
    levels = tuple(array.copy() for array in start.levels)
    all_windows = list(windows(start.size, network.net.config.grain))
    curvature: list[Array] | None = None
    total, quiet = rounds * len(all_windows), None if progress else True
    with tqdm(total=total, unit="round", disable=quiet, leave=False) as bar:
        for window in all_windows:
            known = distortion.gradient(levels, window)
            if curvature is None:
                curvature = distortion.curvature(levels, window, known[1])
            _Descent(distortion, window, levels, weight).run(known, curvature, rounds, bar)
    return start.with_levels(levels)
