"""Train a rescaler, its quantisation tables included.

One process:        python -m training.train sain-x2-lite --minutes 60
Several GPUs:       torchrun --nproc-per-node 4 -m training.train sain-x2-lite-gpu
All flags:          python -m training.train sain-x2-lite --help

Stop it at any time (Ctrl-C, or SIGTERM to a background run): it writes a checkpoint and continues from there when
started again with the same `--out`. `python -m training.export runs/sain-x2-lite` turns the checkpoint into weights
that the package ships.
"""

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch
import tyro
from torch import Tensor
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader
from tqdm import tqdm

from training.captured import Captured
from training.config import RECIPES, TrainConfig
from training.data import Crops, load_pictures
from training.device_crops import DeviceCrops
from training.losses import Losses, Objective, Published, RateDistortion, percent_of
from training.run import Run, check, set_rate
from training.validate import LosslessValidation, Validation

LOG_EVERY = 200  # steps
SAVE_EVERY = 10.0  # minutes


def progress(config: TrainConfig, step: int, seconds: float) -> float:
    """How much is spent, 0…1, of the budget that runs out first."""
    return min(1.0, max(step / config.steps, seconds / 60 / config.minutes))


def learning_rate(config: TrainConfig, step: int, seconds: float) -> float:
    """Linear warm-up, then half a cosine over the budget."""
    spent = progress(config, step, seconds)
    cosine = config.lr_end + (1 - config.lr_end) * 0.5 * (1 + math.cos(math.pi * spent))
    return config.lr * min(1.0, (step + 1) / config.warmup) * cosine


def seconds_of(config: TrainConfig) -> float:
    """A clock. On a CPU it runs while we work: a busy machine takes longer, and trains as far."""
    return time.process_time() / config.threads if config.device == "cpu" else time.monotonic()


def batches_of(run: Run) -> Iterator[Tensor]:
    """Endless batches `[B, 3, crop, crop]` in [0, 1] on the run's device."""
    config = run.config
    pictures = load_pictures(config.data, config.crop)
    seed = config.seed + 7919 * run.rank + run.step  # a resumed run sees other crops
    crops = Crops(pictures, config.crop, seed)
    loader = DataLoader(crops, config.batch, num_workers=config.workers, pin_memory=run.device.type == "cuda")
    for batch in loader:
        x = batch.to(run.device, non_blocking=True).float() / 255
        yield x.contiguous(memory_format=torch.channels_last)


def device_batches(run: Run) -> Callable[[], Tensor]:
    """The same, cut on the GPU."""
    config = run.config
    return DeviceCrops(load_pictures(config.data, config.crop), config.crop, config.batch, run.device)


def parallel(run: Run) -> Any:
    """The objective as it is called: compiled, and shared among processes."""
    forward = torch.compile(run.objective) if run.config.compile else run.objective
    if run.world == 1:
        return forward
    return DistributedDataParallel(forward, device_ids=[run.local] if run.device.type == "cuda" else None)


def make_step(run: Run) -> Callable[[], Tensor]:
    """What draws a batch, and moves the weights by it; returns the `Losses` as a tensor.

    On one GPU it is captured, unless samples go through real encoders, which run on the CPU.
    """
    config, scale = run.config, run.objective.model.config.scale
    alone = run.device.type == "cuda" and run.world == 1
    captured = alone and config.capture and not config.carriers and not config.bits
    draw, forward = device_batches(run) if captured else batches_of(run).__next__, parallel(run)

    def step() -> Tensor:
        x = draw()
        reference = x if scale == 1 else F.interpolate(x, scale_factor=1 / scale, mode="bicubic", antialias=True)
        percent = percent_of(torch.empty(len(x), device=run.device).uniform_(*config.quality))
        run.grid.put()
        with torch.autocast(run.device.type, torch.bfloat16):
            losses: Losses = forward(x, reference, percent)
        losses.total.backward()  # type: ignore[no-untyped-call]
        run.grid.take()
        run.update()
        return torch.stack(losses).detach()

    set_rate(run.optimizers, 0.0)  # capturing takes steps, which are to move nothing
    return Captured(step) if captured else step


def validation_of(run: Run) -> Callable[[Objective], dict[str, Any]] | None:
    """What measures the run's curve; None where no pictures are asked for."""
    if not run.config.validation_pictures:
        return None
    measured = Validation if isinstance(run.objective, RateDistortion | Published) else LosslessValidation
    return measured(run.config.validation, run.config.validation_pictures)


def train(config: TrainConfig) -> None:
    """Run until the budget is spent; leaves checkpoint.pt, log.jsonl and config.json in `config.out`."""
    began = time.monotonic()
    run = Run(config)
    step, validation = make_step(run), validation_of(run)
    left = config.within - (time.monotonic() - began) / 60
    config = replace(config, minutes=min(config.minutes, run.seconds / 60 + left))
    budget = 60 * config.minutes
    next_validation = run.seconds + 60 * config.validate_every
    next_save = run.seconds + 60 * SAVE_EVERY
    bar = tqdm(total=config.minutes, initial=run.seconds / 60, unit="min", disable=True if run.rank else None)
    bar.bar_format = "{l_bar}{bar}| {n:.1f}/{total:.1f} min {postfix}"
    window: list[Tensor] = []
    first = run.step + 1
    try:
        while run.step < config.steps and run.seconds < budget:
            started = seconds_of(config)
            rate = learning_rate(config, run.step, run.seconds)
            if isinstance(run.objective, RateDistortion):
                run.objective.absolute.fill_(progress(config, run.step, run.seconds) < config.l1)
            set_rate(run.optimizers, rate)
            window.append(step())
            run.step += 1
            spent = seconds_of(config) - started if run.step > first else 0.0  # compiling is not training
            run.spend(spent)
            bar.update(spent / 60)

            if run.step % LOG_EVERY == 0:
                means = torch.stack(window).mean(0).tolist()
                window.clear()
                run.log({"lr": rate, **{k: round(v, 4) for k, v in zip(Losses._fields, means, strict=True)}})
                bar.set_postfix(loss=f"{means[0]:.3f}")
            if validation and run.rank == 0 and run.seconds >= next_validation:
                next_validation += 60 * config.validate_every
                run.log({"validation": validation(run.average)})
            if run.seconds >= next_save:
                next_save += 60 * SAVE_EVERY
                run.save()
    except KeyboardInterrupt:
        tqdm.write(f"stopped after step {run.step}; start again to go on from there")
    run.save()
    if validation and run.rank == 0:
        run.log({"validation": validation(run.average)})
    bar.close()
    if run.world > 1:
        torch.distributed.destroy_process_group()


def main() -> None:
    """Command line: a recipe's name, then flags that change it."""
    config = tyro.extras.overridable_config_cli(RECIPES)
    try:
        check(config)
    except ValueError as error:
        raise SystemExit(f"train: {error}") from None
    for stop in (signal.SIGINT, signal.SIGTERM):  # a shell makes its background jobs deaf to SIGINT
        signal.signal(stop, signal.default_int_handler)
    with suppress(BrokenPipeError):
        train(config)


if __name__ == "__main__":
    main()
