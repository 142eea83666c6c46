"""Variants of the default network and its training, each at equal time, as the table of `docs/training.md`.

    python -m training.ablation --minutes 3 --out runs/ablation             # all that are not there yet, then the table
    python -m training.ablation --minutes 3 --out runs/ablation "no latent" # only these

Times are of work on one core, without compiling, so that two runs may share a machine.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch

from codec.models.configs import CONFIGS
from codec.models.making import make_network
from training.config import RECIPES, TrainConfig
from training.train import train
from training.validate import bd

DEFAULT = "sain-x2-lite"
G, E = {"G": "folded-64x2"}, {"E": "folded-64x4"}
_DENSE = {"levels": (({"G": "dense-32"}, {"E": "dense-32"}),), "latent": "conditional:dense-32"}
_BRANCHES = {"E": "folded-32x2", "F": "folded-32x4", "K": "folded-32x2", "L": "folded-64x4"}
_BEHIND = {"levels": ((G, E, {"F": "folded-64x4", "G": "folded-64x4", "H": "folded-64x4"}),), "latent": "zero"}


class Variant(NamedTuple):
    """What differs from the default."""

    network: Mapping[str, Any] = MappingProxyType({})
    training: Mapping[str, Any] = MappingProxyType({})


VARIANTS: dict[str, Variant] = {
    "default": Variant(),
    "another seed": Variant(training={"seed": 1}),
    "zero latent": Variant({"latent": "zero"}),
    "zero latent, a vanilla block behind E instead": Variant(_BEHIND),
    "without the vanilla block": Variant({"levels": ((E,),)}),
    "two enhanced blocks": Variant({"levels": ((G, E, E),)}),
    "luma and chroma in branches (T-InvBlock) instead of E": Variant({"levels": ((G, _BRANCHES),)}),
    "dense subnets": Variant(_DENSE),
    "32 wide": Variant(
        {"levels": (({"G": "folded-32x2"}, {"E": "folded-32x4"}),), "latent": "conditional:folded-32x10"}
    ),
    "latent 6 deep": Variant({"latent": "conditional:folded-64x6"}),
    "latent 128 wide": Variant({"latent": "conditional:folded-128x10"}),
    "not told the quality": Variant({"modulated": False}),
    "λ halved": Variant(training={"rate": 0.5}),
    "λ doubled": Variant(training={"rate": 2.0}),
    "absolute errors for half the time": Variant(training={"l1": 0.5}),
    "crops of 80, 26 of them": Variant(training={"crop": 80, "batch": 26}),
    "crops of 272, 2 of them": Variant(training={"crop": 272, "batch": 2}),
    "learning rate halved": Variant(training={"lr": 0.75e-3}),
    "learning rate doubled": Variant(training={"lr": 3e-3}),
    "Adam": Variant(training={"optimizer": "adam"}),
    # torch 2.13's compiler fails on these losses on a CPU
    "the paper's network and losses": Variant(
        training={**vars(RECIPES["sain-x2-paper"][1]), "batch": 4, "compile": False}
    ),
}
"""By the name that the table gives them."""


def settings(name: str, minutes: float, out: Path) -> TrainConfig:
    """The run of a variant; registers its network."""
    variant = VARIANTS[name]
    budget = {"minutes": minutes, "validate_every": float("inf"), "out": out / name.replace(" ", "-").replace(",", "")}
    config = replace(TrainConfig(), **{**variant.training, **budget})
    if config.model == DEFAULT:
        config = replace(config, model=name)
        CONFIGS[name] = replace(CONFIGS[DEFAULT], **variant.network)
    return config


def result(config: TrainConfig) -> dict[str, Any] | None:
    """The last record of a run that has reached its end."""
    log = config.out / "log.jsonl"
    if not log.exists():
        return None
    last: dict[str, Any] = json.loads(log.read_text().splitlines()[-1])
    return last if "validation" in last and last["minutes"] >= round(config.minutes, 2) else None


def table(names: Sequence[str], minutes: float, out: Path) -> str:
    """Markdown: every variant whose run has ended, by the bits that it takes more than the first at equal PSNR.

    Not by its BD-rate against JPEG: that is a mean over what the two share, which is another range for each variant.
    """
    lines = [
        "| what | parameters | steps | LR PSNR at quality 75 | bits, against the default |",
        "|---|---|---|---|---|",
    ]
    default = result(settings(names[0], minutes, out))
    for name in names:
        config = settings(name, minutes, out)
        if (last := result(config)) is None or default is None:
            continue
        curve = last["validation"]
        faithful = curve["lr_psnr"][curve["quality"].index(75)]
        before = default["validation"]
        bits = bd((before["bpp"], before["psnr"]), (curve["bpp"], curve["psnr"]))
        lines.append(f"| {name} | {_size(config.model):,} | {last['step']} | {faithful:.1f} | {bits:+.1f} % |")
    return "\n".join(lines)


def _size(model: str) -> int:
    """Parameters of a network."""
    return sum(p.numel() for p in make_network(CONFIGS[model]).parameters())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Train variants of the default network at equal time.")
    parser.add_argument("names", nargs="*", default=list(VARIANTS), help="default: all")
    parser.add_argument("--minutes", type=float, default=5.0, help="of training each (default: 5)")
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"), help="folder of their runs")
    args = parser.parse_args()
    for name in args.names:
        config = settings(name, args.minutes, args.out)
        if result(config) is None:
            torch._dynamo.reset()  # or it would take the next network for a change of this one
            train(config)
    print(table(list(VARIANTS), args.minutes, args.out))


if __name__ == "__main__":
    main()
