"""What a network with a second latent makes of its choice of downscaler, as a table of `docs/family.md`.

    python -m eval.aims dlv-irn-x4

For each downscaler that is aimed at: how near the LR picture (a PNG) comes to those of all three, in dB of RGB, and
PSNR-Y of the restored photo as the papers give it; means over Set14.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import torch

import codec
from codec.models import downscalers, registry
from codec.models.config import Downscaler
from codec.models.description import describe
from codec.picture import Pixels, read_picture
from eval import metrics
from eval.runner import load_picture
from training.data import find_pictures

AIMS: tuple[Downscaler, ...] = get_args(Downscaler)


def reduced(photo: Pixels, downscaler: Downscaler, scale: int) -> Pixels:
    """uint8 `[h, w, 3]` by a downscaler."""
    x = torch.from_numpy(photo).permute(2, 0, 1)[None].float()
    small = downscalers.downscale(x, downscaler, scale)[0].permute(1, 2, 0)
    pixels: Pixels = small.round().clamp(0, 255).byte().numpy()
    return pixels


def row(photo: Pixels, model: str, aim: Downscaler) -> list[float]:
    """DB of the LR picture to each of `AIMS`, and PSNR-Y of the restored one."""
    scale = describe(registry.resolve(model)).scale
    data = codec.encode(photo, format="png", model=model, downscaler=aim)
    lr, restored = read_picture(data).rgb, codec.decode(data, to="numpy")
    near = [metrics.psnr(reduced(photo, name, scale), lr) for name in AIMS]
    return [*near, metrics.psnr_y(photo, restored, scale)]


def table(photos: Sequence[Pixels], model: str) -> str:
    """Markdown, a row per aim."""
    lines = [
        "| aimed at | " + " | ".join(f"to {name}" for name in AIMS) + " | PSNR-Y |",
        "|---" * (len(AIMS) + 2) + "|",
    ]
    for aim in AIMS:
        means = np.mean([row(photo, model, aim) for photo in photos], 0)
        lines.append(f"| {aim} | " + " | ".join(f"{value:.2f}" for value in means) + " |")
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="What aiming at each downscaler does.")
    parser.add_argument("model", help="one with a second latent, such as dlv-irn-x4")
    parser.add_argument("--pictures", type=Path, default=Path("../shared/data/set14"))
    args = parser.parse_args()
    scale = describe(registry.resolve(args.model)).scale
    print(table([load_picture(path, scale) for path in find_pictures([args.pictures])], args.model))


if __name__ == "__main__":
    main()
