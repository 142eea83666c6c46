"""Lets CompressAI be imported where torchvision is a CUDA build and torch is not.

    python -m eval.torchvision_shim compressai.utils.plot -f results/kodak/jpeg.json -m psnr -o rd.png

runs a module of a package that imports torchvision. PyPI has no other torchvision; its operators do not load beside
`constraints.txt`'s CPU build of torch, and its import fails on two names that nobody calls: declaring them is enough.
"""

import runpy
import sys
from typing import Any

import torch

_DECLARED: list[Any] = []


def declare() -> None:
    """Declare `torchvision::nms` and `torchvision::qnms`, once, where no torchvision has."""
    if _DECLARED or hasattr(torch.ops.torchvision, "nms"):
        return
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
    _DECLARED.append(library)  # the declarations live as long as the library object


def main() -> None:
    """Command line: a module and its arguments."""
    if len(sys.argv) < 2:
        sys.exit("usage: python -m eval.torchvision_shim MODULE [ARGUMENT …]")
    declare()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
