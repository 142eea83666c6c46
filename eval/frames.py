"""Frames restored on one device, bytes to bytes, in all ways that torch can run a network there."""

import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from codec.models.making import Net
from codec.networks import Precision, fused

Run = Callable[[], Tensor]
"""Restores the same frames again."""
WARM = 3
"""Calls that are not timed: the first ones choose algorithms and take memory."""
FEWEST, MOST = 3, 200
"""Calls that are timed."""


class Variant(NamedTuple):
    """How a network is run."""

    name: str
    precision: Precision = "bfloat16"
    mode: str | None = None
    """Of `torch.compile`; eager without."""
    captured: bool = False
    """Whether all of it is one CUDA graph of our own; the first two modes below make theirs by themselves."""


VARIANTS = (
    Variant("eager, float32", "float32"),
    Variant("eager"),
    Variant("compiled, reduce-overhead", mode="reduce-overhead"),
    Variant("compiled, max-autotune", mode="max-autotune"),
    Variant("eager in a CUDA graph", captured=True),
    Variant("compiled in a CUDA graph", mode="max-autotune-no-cudagraphs", captured=True),
)


class Restorer(nn.Module):
    """LR frames uint8 `[B, h, w, 3]` -> restored ones, uint8 `[B, s h, s w, 3]`, at one condition."""

    def __init__(self, net: Net, condition: Tensor, precision: Precision) -> None:
        """`condition` `[1]`, on the network's device; it is folded into plain convolutions."""
        super().__init__()
        self.condition = condition
        self.net = fused.at(net, condition, getattr(torch, precision), joined=False)

    def forward(self, lr: Tensor) -> Tensor:
        y = self.net.upscale(lr.permute(0, 3, 1, 2).float() / 255, self.condition)
        return (y.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def made(variant: Variant, net: Net, condition: Tensor, lr: Tensor, compiler: str = "inductor") -> Run:
    """What restores the frames `lr` so; `compiler` is `torch.compile`'s backend."""
    restorer: Callable[[Tensor], Tensor] = Restorer(net, condition, variant.precision)
    if variant.mode:
        mode = variant.mode if compiler == "inductor" else None  # the others know none
        restorer = torch.compile(restorer, backend=compiler, mode=mode, dynamic=False, fullgraph=True)
    return captured(restorer, lr) if variant.captured else lambda: restorer(lr)


def captured(restorer: Callable[[Tensor], Tensor], lr: Tensor) -> Run:
    """All kernels of a call as one CUDA graph; each replay overwrites what the one before returned."""
    restorer(lr)  # whatever is compiled or tried out, it is here
    aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):  # not on the stream that is captured, as torch asks for
        for _ in range(WARM):
            restorer(lr)
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        restored = restorer(lr)

    def run() -> Tensor:
        graph.replay()
        return restored

    return run


def timed(run: Callable[[], object], device: torch.device, seconds: float) -> list[float]:
    """Milliseconds of each of several calls, in about so many seconds; on CUDA by its events."""
    for _ in range(WARM if device.type == "cuda" else 1):
        run()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < FEWEST or (time.perf_counter() < end and len(times) < MOST):
        times.append(_by_events(run, device) if device.type == "cuda" else _by_clock(run))
    return times


def _by_events(run: Callable[[], object], device: torch.device) -> float:
    torch.cuda.synchronize(device)
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    first.record()
    run()
    last.record()
    last.synchronize()
    return float(first.elapsed_time(last))


def _by_clock(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return 1000 * (time.perf_counter() - start)
