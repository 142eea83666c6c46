"""What a training run is made of, and the runs that this project keeps."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class TrainConfig:
    """One training run. Every field is a flag of `python -m training.train`."""

    model: str = "sain-x2-lite"
    """Network, by its name in `codec.models.configs`."""
    out: Path = Path("runs/sain-x2-lite")
    """Folder for checkpoint, log and settings; a run continues from the checkpoint it finds there."""
    data: tuple[Path, ...] = (Path("../shared/data/train"),)
    """Folders of photos, searched recursively."""
    validation: Path = Path("../shared/data/kodak")
    """Folder of pictures for the validation curve."""
    validation_pictures: int = 6
    """How many of them, in the order of their names; 0: no curves."""
    init: Path | None = None
    """Exported weights (.safetensors) to start from instead of random ones."""

    minutes: float = 60.0
    """Budget in minutes of training, without compiling (on a CPU: of its work); the learning rate reaches its end with
    whichever budget ends first."""
    within: float = math.inf
    """Minutes from the start, photos and compiling included, into which the budget is cut."""
    steps: int = 10_000_000
    """Budget in optimiser steps."""
    batch: int = 8
    """Crops per step and process."""
    crop: int = 144
    """Side of a crop in HR pixels, including a border of 4 LR pixels that the losses do not see."""
    optimizer: Literal["muon", "adam"] = "muon"
    """What moves the convolutions; all else is Adam's."""
    lr: float = 1.5e-3
    """Peak learning rate."""
    warmup: int = 200
    """Steps over which the learning rate rises from zero."""
    lr_end: float = 0.005
    """Last learning rate as a fraction of the peak."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    ema: float = 0.998
    """Decay per step of the averaged weights, which are what is validated and exported."""

    objective: Literal["rate-distortion", "published", "lossless"] = "rate-distortion"
    """Ours (D + λR + guidance), SAIN's losses at quality 75, or IRN's, which know of no compression."""
    freeze: tuple[str, ...] = ()
    """Parameters that stay as they are: those whose name begins so (`model.levels`: the coupling blocks)."""
    quality: tuple[float, float] = (8.0, 95.0)
    """Range from which each sample's JPEG quality is drawn (rate-distortion only)."""
    rate: float = 1.0
    """Factor on λ, what a bit is worth in squared error."""
    bits: int = 0
    """Of weights, which are trained on a grid of so many (for files that a browser fetches); 0: no grid."""
    eye: float = 0.0
    """Share of SSIMULACRA2 in what is fitted, 0…1; the rest is squared error (rate-distortion only)."""
    shown: float = 0.0
    """Weight of the same of the file as viewers show it, for networks of scale 1 (rate-distortion only)."""
    flat: bool = True
    """Begin with quantisation tables of 16 everywhere; else with those of Annex K (without --init)."""
    l1: float = 0.0
    """Share of the budget, from its start, that minimises absolute instead of squared errors."""
    guidance: float = 0.05
    """Weight of the squared luma distance between the LR picture and the bicubic one (lossless: of all distance)."""
    latent: float = 0.75
    """Weight of the squared latent (lossless only)."""
    chroma_guidance: float = 0.7
    """The same for chroma, where patterns show as coloured dots."""
    sampled: bool = False
    """Draw z from N(0, 1) on the way back, as IRN does, instead of 0 (lossless only)."""
    downscalers: bool = False
    """Aim at each of the usual downscalers in turn, not at bicubic alone (networks with a second latent)."""
    carriers: float = 0.0
    """Share of the samples, 0…1, that go through a real encoder of another format instead of the JPEG simulator."""

    device: str = "cpu"
    """"cpu" or "cuda"; under torchrun each process takes the GPU of its local rank."""
    capture: bool = True
    """Record the step as a CUDA graph and replay it, on one GPU."""
    compile: bool = True
    """Use torch.compile: halves the step, costs about 1.5 minutes at the start."""
    threads: int = 1
    """CPU threads of a CPU run: one, pinned, is faster than two that wait for each other on a busy machine."""
    workers: int = 0
    """Processes that cut crops; 0 does it in the training process (enough on a CPU)."""
    validate_every: float = 20.0
    """Minutes between validation curves."""
    seed: int = 0
    """Seed of initial weights, crops and qualities."""


_DIV2K_PAPER = {"objective": "published", "optimizer": "adam", "lr": 2e-4, "clip": 10.0, "batch": 16}

_LOSSLESS = {"objective": "lossless", "guidance": 1.0, "lr": 2e-3, "validation": Path("../shared/data/set14")}
_LOSSLESS |= {"validation_pictures": 14}
_LOSSLESS_X4 = _LOSSLESS | {"crop": 144, "latent": 1 - 1 / 16}
_HCFLOW = _LOSSLESS | {"guidance": 0.05, "latent": 1e-5, "lr": 2.5e-3, "compile": False}

RECIPES: dict[str, tuple[str, TrainConfig]] = {
    "sain-x1-modern": (
        "the decoder of full-size AVIF, HEIF, WebP and JPEG XL files, from sain-x1-lite with --init",
        TrainConfig(
            model="sain-x1-modern",
            out=Path("runs/sain-x1-modern"),
            carriers=1.0,
            eye=0.5,
            freeze=("tables",),
            lr=1e-3,
            compile=False,
        ),
    ),
    "sain-x1-lite": (
        "an ordinary full-size picture, of which the decoder restores more than viewers show",
        # scale 1 is not compiled: torch 2.13's compiler fails on it on a CPU
        TrainConfig(
            model="sain-x1-lite",
            out=Path("runs/sain-x1-lite"),
            quality=(12.0, 97.0),
            eye=0.8,
            shown=0.15,
            flat=False,
            compile=False,
        ),
    ),
    "sain-x2-lite": ("our default network, on one CPU core", TrainConfig()),
    "sain-x2-lite-gpu": (
        "the same on a GPU, larger batches and crops",
        TrainConfig(device="cuda", batch=48, crop=208, workers=8, lr=2e-3, minutes=25),
    ),
    "sain-x2-base": (
        "as large as the paper's, grown from lite weights with --init",
        TrainConfig(model="sain-x2-base", out=Path("runs/sain-x2-base"), minutes=150),
    ),
    "sain-x4-lite": (
        "a quarter of the width and height, for very small files",
        TrainConfig(model="sain-x4-lite", out=Path("runs/sain-x4-lite"), crop=224, quality=(15.0, 97.0)),
    ),
    "sain-x2-paper": (
        "the paper's network, its losses",
        TrainConfig(model="sain-x2-paper", out=Path("runs/sain-x2-paper"), **_DIV2K_PAPER),  # type: ignore[arg-type]
    ),
    "irn-x2": (
        "IRN, for LR pictures without loss",
        TrainConfig(model="irn-x2", out=Path("runs/irn-x2"), crop=112, **_LOSSLESS),  # type: ignore[arg-type]
    ),
    "irn-x4": (
        "IRN, a quarter of the width and height",
        TrainConfig(model="irn-x4", out=Path("runs/irn-x4"), **_LOSSLESS_X4),  # type: ignore[arg-type]
    ),
    "irn-crm-x2": (
        "IRN's compression restore module, behind an IRN given with --init, which stays as it is",
        # not compiled: torch 2.13's compiler fails on it on a CPU
        TrainConfig(model="irn-crm-x2", out=Path("runs/irn-crm-x2"), freeze=("model.levels", "tables"), compile=False),
    ),
    "hcflow-x4": (
        "HCFlow, its own losses",
        TrainConfig(model="hcflow-x4", out=Path("runs/hcflow-x4"), crop=160, **_HCFLOW),  # type: ignore[arg-type]
    ),
    "dlv-irn-x4": (
        "IRN with a second latent, aimed at bicubic, Lanczos and area in turn",
        TrainConfig(model="dlv-irn-x4", out=Path("runs/dlv-irn-x4"), downscalers=True, **_LOSSLESS_X4),  # type: ignore[arg-type]
    ),
}
"""Name -> (what it is, settings); the first argument of `python -m training.train`."""
