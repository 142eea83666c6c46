"""The state of a training run: what is learned, how far it is, and its folder."""

import copy
import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from codec.models.config import SAINConfig
from codec.models.configs import CONFIGS
from codec.models.hcflow import HCFlow
from codec.models.hcflow_config import HCFlowConfig
from codec.models.making import make_network
from codec.models.sain import SAINet
from codec.models.weights import read_weights
from codec.rescaler import MARGIN
from training.config import TrainConfig
from training.flow_losses import HCFlowObjective
from training.grow import grow
from training.losses import Objective, Published, RateDistortion
from training.lossless import Lossless
from training.muon import Muon
from training.quantise import OnGrid


def check(config: TrainConfig) -> None:
    """Raises `ValueError` for an objective that is not for the network, and for flags that it would ignore."""
    network, objective = CONFIGS[config.model], f"--objective {config.objective}"
    lossless, coded = config.objective == "lossless", config.objective == "rate-distortion"
    flow = isinstance(network, HCFlowConfig)
    kept = isinstance(network, SAINConfig) and network.kept
    told = isinstance(network, SAINConfig) and network.told
    dual = isinstance(network, SAINConfig) and network.dual
    for wrong, reason in (
        (flow and not lossless, f"{config.model} has losses of its own: they need --objective lossless"),
        (kept and not coded, f"{config.model} stores the picture itself: it needs --objective rate-distortion"),
        (bool(config.shown) and not kept, f"{config.model} does not store the picture itself: it ignores --shown"),
        (bool(config.eye) and not coded, f"{objective} ignores --eye"),
        (told and not coded, f"{config.model} is told the quality, which {objective} does not know"),
        (config.downscalers and not lossless, f"{objective} ignores --downscalers"),
        (config.downscalers and not dual, f"{config.model} has no second latent for --downscalers"),
        (config.sampled and (flow or not lossless), f"{objective} of {config.model} ignores --sampled"),
        (bool(config.carriers) and not coded, f"{objective} ignores --carriers"),
    ):
        if wrong:
            raise ValueError(reason)


def make_objective(config: TrainConfig) -> Objective:
    """The network with its losses, from scratch or from exported weights; raises as `check` does."""
    check(config)
    model = make_network(CONFIGS[config.model])
    objective: Objective
    if isinstance(model, HCFlow):
        objective = HCFlowObjective(model, MARGIN, config.guidance, config.latent)
    elif config.objective == "published" and isinstance(model, SAINet):
        objective = Published(model, MARGIN)
    elif config.objective == "lossless" and isinstance(model, SAINet):
        objective = Lossless(model, MARGIN, config.guidance, config.latent, config.downscalers, config.sampled)
    else:
        guidance = config.guidance, config.chroma_guidance
        objective = RateDistortion(model, MARGIN, *guidance, config.carriers, config.rate, config.eye, config.shown)
        if not config.flat:
            objective.start_from_standard_tables()
    if config.init is not None:
        weights = read_weights(config.init)
        grow(model, {name: torch.from_numpy(value).float() for name, value in weights.tensors.items()})
        with torch.no_grad():
            objective.tables.copy_(torch.from_numpy(weights.tables).float().log())
    for name, parameter in objective.named_parameters():
        if name.startswith(config.freeze):
            parameter.requires_grad_(False)
    return objective


def make_optimizers(config: TrainConfig, objective: Objective) -> list[torch.optim.Optimizer]:
    """Muon for the convolutions if asked for, Adam for the rest."""
    parameters = [p for p in objective.parameters() if p.requires_grad]
    by_muon = [p for p in parameters if p.ndim == 4 and config.optimizer == "muon"]
    by_adam = [p for p in parameters if p.ndim != 4 or config.optimizer == "adam"]
    on_gpu = objective.tables.is_cuda
    rate = torch.zeros((), device=objective.tables.device) if on_gpu else 0.0
    adam = torch.optim.Adam(by_adam, lr=rate, capturable=on_gpu)
    return [adam, Muon(by_muon, lr=rate)] if by_muon else [adam]


def set_rate(optimizers: Iterable[torch.optim.Optimizer], rate: float) -> None:
    """The learning rate of the steps to come. On a GPU it lies there, for captured steps to read."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate


def step_if_finite(optimizers: Iterable[torch.optim.Optimizer], parameters: Iterable[Tensor], clip: float) -> None:
    """A step from the gradients at hand, cut to a norm of `clip`; zeros take their place if that is not finite.

    It is decided where they lie, for reading it back would make a GPU wait. The gradients are gone afterwards.
    """
    parameters = [p for p in parameters if p.grad is not None]
    norm = torch.nn.utils.clip_grad_norm_(parameters, clip)
    for p in parameters:
        if p.grad is not None:
            p.grad.copy_(torch.where(norm.isfinite(), p.grad, 0.0))
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Whole or not at all."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def append_record(folder: Path, step: int, seconds: float, record: dict[str, Any]) -> None:
    """A line of `folder/log.jsonl`."""
    with (folder / "log.jsonl").open("a") as file:
        file.write(json.dumps({"step": step, "minutes": round(seconds / 60, 2), **record}) + "\n")


class Run:
    """One process of a run. Rank 0 owns the folder: config.json, log.jsonl, checkpoint.pt."""

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.rank, self.world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        self.local = int(os.environ.get("LOCAL_RANK", 0))
        self.device = torch.device(f"cuda:{self.local}" if config.device == "cuda" else config.device)
        if self.world > 1:
            torch.distributed.init_process_group("nccl" if self.device.type == "cuda" else "gloo")
        if self.device.type == "cpu":
            torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.objective = make_objective(config).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._average: Objective = copy.deepcopy(self.objective)
        self._average.requires_grad_(False)
        self.optimizers = make_optimizers(config, self.objective)
        self.grid = OnGrid(self.objective.model.parameters(), config.bits)
        self.step, self.seconds = 0, 0.0
        self.init_minutes = read_weights(config.init).minutes if config.init else None
        self.checkpoint = config.out / "checkpoint.pt"
        config.out.mkdir(parents=True, exist_ok=True)
        if self.checkpoint.exists():
            self._restore()
        torch.manual_seed(config.seed + 7919 * self.rank + self.step)  # every process, every resumed run draws anew
        if self.rank == 0:
            (config.out / "config.json").write_text(json.dumps(asdict(config), default=str, indent=2) + "\n")

    @property
    def average(self) -> Objective:
        """The objective with averaged weights, on their grid if the run has one."""
        if not self.config.bits:
            return self._average
        average = copy.deepcopy(self._average)
        OnGrid(average.model.parameters(), self.config.bits).put()
        return average

    def spend(self, seconds: float) -> None:
        """Count time. All processes go by the first one's clock: they must agree on learning rate and end."""
        if self.world > 1:
            clock = torch.tensor(seconds, device=self.device)
            torch.distributed.broadcast(clock, 0)
            seconds = clock.item()
        self.seconds += seconds

    @torch.no_grad()
    def update(self) -> None:
        """One optimiser step from the gradients at hand, at the learning rate that is set."""
        step_if_finite(self.optimizers, self.objective.parameters(), self.config.clip)
        mean: list[Tensor] = list(self._average.parameters())
        now: list[Tensor] = list(self.objective.parameters())
        torch._foreach_lerp_(mean, now, 1 - self.config.ema)

    def log(self, record: dict[str, Any]) -> None:
        """Append a line to log.jsonl."""
        if self.rank == 0:
            append_record(self.config.out, self.step, self.seconds, record)

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        if self.rank != 0:
            return
        state = {
            "model": self.config.model,
            "step": self.step,
            "seconds": self.seconds,
            "init_minutes": self.init_minutes,
            "objective": self.objective.state_dict(),
            "average": self._average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        write_checkpoint(self.checkpoint, state)

    def _restore(self) -> None:
        state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        self.step, self.seconds = state["step"], state["seconds"]
        self.objective.load_state_dict(state["objective"])
        self._average.load_state_dict(state["average"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
