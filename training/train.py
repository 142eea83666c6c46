"""Train a rescaler, its quantisation tables included.

One process:        python -m training.train sain-x2-lite --minutes 60
Several GPUs:       torchrun --nproc-per-node 4 -m training.train sain-x2-lite-gpu
All flags:          python -m training.train sain-x2-lite --help

Stop it at any time (Ctrl-C, or SIGTERM to a background run): it writes a checkpoint and continues from there when
started again with the same `--out`. `python -m training.export runs/sain-x2-lite` turns the checkpoint into weights
that the package ships.
"""

import json
import math
import os
import signal
import time
from contextlib import suppress
from dataclasses import asdict
from typing import Any, cast

import torch
import tyro
from torch import Tensor
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader
from tqdm import tqdm

from codec.models.configs import CONFIGS
from codec.models.sain import SAINet
from codec.models.weights import read_weights
from codec.rescaler import MARGIN
from training.config import RECIPES, TrainConfig
from training.data import Crops, load_pictures
from training.losses import Losses, Objective, Published, RateDistortion, percent_of
from training.muon import Muon
from training.validate import Validation

LOG_EVERY = 200  # steps
SAVE_EVERY = 10.0  # minutes


def make_objective(config: TrainConfig) -> Objective:
    """The network with its losses, from scratch or from exported weights."""
    model = SAINet(CONFIGS[config.model])
    published = config.objective == "published"
    objective = (
        Published(model, MARGIN)
        if published
        else RateDistortion(model, MARGIN, config.guidance, config.chroma_guidance)
    )
    if config.init is not None:
        weights = read_weights(config.init)
        model.load_state_dict(weights.tensors)
        with torch.no_grad():
            objective.tables.copy_(torch.from_numpy(weights.tables).float().log())
    return objective


def make_optimizers(config: TrainConfig, objective: Objective) -> list[torch.optim.Optimizer]:
    """Muon for the convolutions if asked for, Adam for the rest."""
    parameters = [p for p in objective.parameters() if p.requires_grad]
    by_muon = [p for p in parameters if p.ndim == 4 and config.optimizer == "muon"]
    by_adam = [p for p in parameters if p.ndim != 4 or config.optimizer == "adam"]
    adam = torch.optim.Adam(by_adam, lr=config.lr)
    return [adam, Muon(by_muon, lr=config.lr)] if by_muon else [adam]


def learning_rate(config: TrainConfig, step: int, seconds: float) -> float:
    """Linear warm-up, then half a cosine over the budget that runs out first."""
    progress = min(1.0, max(step / config.steps, seconds / 60 / config.minutes))
    cosine = config.lr_end + (1 - config.lr_end) * 0.5 * (1 + math.cos(math.pi * progress))
    return config.lr * min(1.0, (step + 1) / config.warmup) * cosine


def train(config: TrainConfig) -> None:
    """Run until the budget is spent; leaves checkpoint.pt, log.jsonl and config.json in `config.out`."""
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    local = int(os.environ.get("LOCAL_RANK", 0))
    device = torch.device(config.device, local) if config.device == "cuda" else torch.device(config.device)
    if world > 1:
        torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    if device.type == "cpu":
        torch.set_num_threads(config.threads)
    config.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(config.seed)

    objective = make_objective(config).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = AveragedModel(objective, multi_avg_fn=get_ema_multi_avg_fn(config.ema))  # type: ignore[no-untyped-call]
    optimizers = make_optimizers(config, objective)
    step, seconds = 0, 0.0
    checkpoint = config.out / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        step, seconds = state["step"], state["seconds"]
        objective.load_state_dict(state["objective"])
        average.load_state_dict(state["average"])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)

    def save() -> None:
        state = {
            "step": step,
            "seconds": seconds,
            "objective": objective.state_dict(),
            "average": average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in optimizers],
            "model": config.model,
        }
        partial = checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(checkpoint)

    def log(record: dict[str, Any]) -> None:
        if rank == 0:
            with (config.out / "log.jsonl").open("a") as file:
                file.write(json.dumps({"step": step, "minutes": round(seconds / 60, 2), **record}) + "\n")

    if rank == 0:
        settings = json.dumps(asdict(config), default=str, indent=2)
        (config.out / "config.json").write_text(settings + "\n")
    pictures = load_pictures(config.data, config.crop)
    crops = Crops(pictures, config.crop, seed=config.seed + 7919 * rank + step)  # a resumed run sees other crops
    loader = DataLoader(crops, config.batch, num_workers=config.workers, pin_memory=device.type == "cuda")
    validation = Validation(config.validation, config.validation_pictures)

    forward: Any = torch.compile(objective) if config.compile else objective
    if world > 1:
        forward = DistributedDataParallel(forward, device_ids=[local] if device.type == "cuda" else None)
    batches = iter(loader)
    scale = objective.model.config.scale
    low, high = config.quality
    bar = tqdm(
        total=round(config.minutes, 1), unit="min", initial=round(seconds / 60, 1), disable=True if rank else None
    )
    window: list[Tensor] = []
    next_validation = seconds + 60 * config.validate_every
    next_save = seconds + 60 * SAVE_EVERY

    try:
        while step < config.steps and seconds < 60 * config.minutes:
            started = time.monotonic()
            rate = learning_rate(config, step, seconds)
            for optimizer in optimizers:
                optimizer.param_groups[0]["lr"] = rate

            x = next(batches).to(device, non_blocking=True).float() / 255  # (B, 3, crop, crop)
            x = x.contiguous(memory_format=torch.channels_last)
            reference = F.interpolate(x, scale_factor=1 / scale, mode="bicubic", antialias=True)
            percent = percent_of(torch.empty(config.batch).uniform_(low, high)).to(device)
            with torch.autocast(device.type, torch.bfloat16):
                losses: Losses = forward(x, reference, percent)
            losses.total.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(objective.parameters(), config.clip)
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            average.update_parameters(objective)
            window.append(torch.stack(losses).detach())
            step += 1
            spent = time.monotonic() - started
            seconds += spent
            bar.update(spent / 60)

            if step % LOG_EVERY == 0:
                means = torch.stack(window).mean(0).tolist()
                window.clear()
                log({"lr": rate, **{k: round(v, 4) for k, v in zip(Losses._fields, means, strict=True)}})
                bar.set_postfix(loss=f"{means[0]:.3f}")
            if rank == 0 and seconds >= next_validation:
                next_validation += 60 * config.validate_every
                log({"validation": validation(cast(Objective, average.module))})
            if rank == 0 and seconds >= next_save:
                next_save += 60 * SAVE_EVERY
                save()
    except KeyboardInterrupt:
        tqdm.write(f"stopped after step {step}; start again to go on from there")
    if rank == 0:
        save()
        log({"validation": validation(cast(Objective, average.module))})
    bar.close()
    if world > 1:
        torch.distributed.destroy_process_group()


def main() -> None:
    """Command line: a recipe's name, then flags that change it."""
    for stop in (signal.SIGINT, signal.SIGTERM):  # a shell makes its background jobs deaf to SIGINT
        signal.signal(stop, signal.default_int_handler)
    with suppress(BrokenPipeError):
        train(tyro.extras.overridable_config_cli(RECIPES))


if __name__ == "__main__":
    main()
