"""Make a weight file of a published checkpoint, so that the codec runs it by name.

    python -m training.published IRN_x4.pth irn-x4-published --out weights
    SAIN_CODEC_WEIGHTS=weights codec encode photo.png photo.jpg --model irn-x4-published

SAIN's and IRN's checkpoints are known by the names of their tensors (`codec.models.published`). They were trained for
ordinary JPEGs, so their files have the standard quantisation tables.
"""

import argparse
import re
import sys
from pathlib import Path

from codec.errors import CodecError
from codec.jpeg.tables import STANDARD
from codec.models import registry
from codec.models.published import load_published
from codec.models.weights import Weights, write_weights
from codec.networks.on_torch import arrays_of


def convert(checkpoint: Path, name: str, folder: Path) -> Path:
    """Write `folder/NAME-HASH.safetensors`, in half precision; raises `CodecError`."""
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise CodecError(f"a model's name is of small letters, digits and single hyphens, not {name[:80]!r}")
    if name in {registry.PLAIN, *registry.released(), *map(registry.short, registry.released())}:
        raise CodecError(f"{name!r} is a model of the package: take another name")
    net = load_published(checkpoint)
    folder.mkdir(parents=True, exist_ok=True)
    origin = {"published": checkpoint.name}
    return write_weights(Weights(name, net.config, STANDARD, arrays_of(net), origin), folder)


def main() -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Make a weight file of a published checkpoint of SAIN or IRN.")
    parser.add_argument("checkpoint", type=Path, help="the .pth file")
    parser.add_argument("name", help="what the model is to be called, such as irn-x4-published")
    parser.add_argument("--out", type=Path, default=Path("weights"), help="folder to write to (default: weights)")
    args = parser.parse_args()
    try:
        print(convert(args.checkpoint, args.name, args.out))
    except CodecError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
