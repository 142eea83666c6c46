"""A training step recorded once and replayed: a GPU runs small networks faster than Python can ask it to."""

from collections.abc import Callable

import torch
from torch import Tensor


class Captured:
    """Call it for what `step` does, as one CUDA graph.

    `step` takes nothing and returns a tensor on the GPU. It must read all that changes (learning rate, photos, random
    numbers) on the device and never wait for it. It runs a few times first, for compiling and for the optimisers'
    buffers. At most one replay is under way when the next begins, so that a clock on the host tells how far it is.
    """

    WARM = 3

    def __init__(self, step: Callable[[], Tensor]) -> None:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(self.WARM):
                step()
        torch.cuda.current_stream().wait_stream(side)
        self.step = step  # the graph reads its tensors, so they must stay
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.result = step()
        self.done = torch.cuda.Event()

    def __call__(self) -> Tensor:
        self.done.synchronize()
        self.graph.replay()
        result = self.result.clone()
        self.done.record()
        return result
