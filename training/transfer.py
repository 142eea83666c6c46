"""Train texture transfer (`codec.decode(…, reference=…)`): first the features that match photos, then the fusion.

    python -m training.transfer --minutes 40 --out runs/transfer
    python -m training.transfer_export runs/transfer

Features learn from known warps: of a place in the restored picture, the place in the other photo must be the most
similar among all places of all photos at hand (a contrastive loss). The fusion learns from references aligned by the
very code that decodes: a pool of pairs, to which new ones are added all the time. Stop it at any time and start it
again: it goes on from its checkpoint.
"""

import json
import math
import signal
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import tyro
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from codec.transfer.apply import Aligned, align, to_tensor, warped
from codec.transfer.bands import CORRELATION, evidence, without_known
from codec.transfer.matching import features_of
from codec.transfer.network import STRIDE, TransferConfig, TransferNet
from training.run import append_record, set_rate, step_if_finite, write_checkpoint
from training.texture import texture_distance
from training.transfer_data import Warp, other_photo, prepared, with_another_object

LOG_EVERY = 100  # steps
SAVE_EVERY = 3.0  # minutes
EMA = 0.995


@dataclass(frozen=True)
class Settings:
    """One run. Every field is a flag."""

    out: Path = Path("runs/transfer")
    """Folder for checkpoint and log; a run continues from the checkpoint it finds there."""
    data: tuple[Path, ...] = (Path("../shared/data/train"),)
    """Folders of photos."""
    prepared: Path = Path("data/transfer")
    """Folder that keeps photos with what the codec restores of them (1.2 MB each)."""
    regions: int = 1
    """Cut of each photo."""
    minutes: float = 40.0
    """Of CPU time, aligning included."""
    matching: float = 0.25
    """Share of them that trains the features."""
    lr: float = 1e-3
    """Peak learning rate of each of the two stages."""
    batch: int = 8
    """Crops a step of the fusion."""
    part: int = 320
    """Side in pixels of what is matched and aligned at a time; a multiple of 8."""
    crop: int = 128
    """Their side."""
    pool: int = 256
    """Aligned pairs that are held."""
    used: int = 6
    """Steps between two new pairs, once the pool is full; half as many before."""
    unrelated: float = 0.2
    """Share of pairs whose reference shows something else."""
    changed: float = 0.3
    """Share of pairs in part of which it does."""
    hinge: float = 1.0
    """Weight of being worse than the restored picture, in 8x8 blocks."""
    texture: float = 0.0
    """Weight of the distance of textures, where the reference is similar; docs/reference.md says what it gained."""
    threads: int = 1
    seed: int = 0


class Pair(NamedTuple):
    """A picture beside an aligned reference: uint8 `[3, S, S]` each."""

    photo: Tensor
    restored: Tensor
    reference: Tensor
    inside: Tensor
    """`[1, S, S]`, 1 where the reference reaches."""
    told: Tensor
    """`[2]`: scale and condition of the file."""
    related: Tensor
    """Whether it shows the same scene."""


class Source:
    """Random photos, what was restored of them, and references."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self.kept = prepared(settings.data, settings.prepared, settings.regions)
        self.random, self.settings = np.random.default_rng(seed), settings

    def photo(self) -> tuple[np.ndarray, Tensor]:
        """A photo and what was restored of it, `[2, SIDE, SIDE, 3]`, flipped and transposed at random; what the file
        tells, `[2]`.
        """
        i = self.random.integers(len(self.kept.told))
        both, told = self.kept.pairs[i], torch.tensor(self.kept.told[i])
        flip_y, flip_x, transpose = self.random.integers(2, size=3)
        both = both[:, :: 1 - 2 * flip_y, :: 1 - 2 * flip_x]
        return np.ascontiguousarray(both.swapaxes(1, 2) if transpose else both), told

    def _corner(self) -> tuple[int, int]:
        """Of a part of a photo; at multiples of 8, as tiles are."""
        y, x = self.random.integers((self.kept.pairs.shape[2] - self.settings.part) // 8 + 1, size=2) * 8
        return int(y), int(x)

    def matched(self) -> tuple[Tensor, Tensor, np.ndarray]:
        """A part of a restored picture, another photo of that part, and the homography to it."""
        (y, x), side = self._corner(), self.settings.part
        photo, restored = self.photo()[0][:, y : y + side, x : x + side]
        reference, homography = other_photo(photo, Warp(), self.random)
        return to_tensor(restored), to_tensor(reference), homography

    def pair(self, net: TransferNet) -> Pair:
        """With a reference aligned by `net`.

        Where it finds no motion, the true one is taken, and any motion for an unrelated reference: the fusion must not
        rely on there being none.
        """
        kind, (both, told) = self.random.random(), self.photo()
        unrelated = kind < self.settings.unrelated
        reference, homography = other_photo(self.photo()[0][0] if unrelated else both[0], Warp(), self.random)
        if self.settings.unrelated < kind < self.settings.unrelated + self.settings.changed:
            reference = with_another_object(reference, self.photo()[0][0], self.random)
        aligned = align(net, both[1], reference) or Aligned(reference, homography[:2] / homography[2, 2])
        (y, x), side = self._corner(), self.settings.part
        photo, restored = (to_tensor(each[y : y + side, x : x + side]) for each in both)
        with torch.inference_mode():
            moved, there = warped(restored[None], aligned, y, x)
        original, alone, lent = ((255 * t).round().byte() for t in (photo, restored, moved[0]))
        return Pair(original, alone, lent, there[0].byte(), told, torch.tensor(not unrelated))


def contrastive(net: TransferNet, source: Source, pairs: int = 4, queries: int = 192) -> Tensor:
    """InfoNCE (van den Oord et al., arXiv 1807.03748) over the cells of all references of a step."""
    found, wanted, keys, near = [], [], [], []
    for _ in range(pairs):
        picture, reference, homography = source.matched()
        of_picture, of_reference = (features_of(net.features, x) for x in (picture, reference))
        h, w = of_reference.shape[-2:]
        y, x = (torch.randint(n, (queries,)) for n in of_picture.shape[-2:])
        centres = torch.stack([x, y], 1).double() * STRIDE + (STRIDE - 1) / 2
        there = torch.cat([centres, torch.ones(queries, 1)], 1) @ torch.from_numpy(homography).T
        at = ((there[:, :2] / there[:, 2:] - (STRIDE - 1) / 2) / STRIDE).float()
        ok = (at >= 0).all(1) & (at <= torch.tensor([w - 1, h - 1])).all(1)
        x, y, at = x[ok], y[ok], at[ok]
        positive = F.grid_sample(
            of_reference[None], ((2 * at + 1) / torch.tensor([w, h]) - 1)[None, None], align_corners=False
        )
        found.append(of_picture[:, y, x].T)
        wanted.append(F.normalize(positive[0, :, 0].T, dim=1))
        keys.append(of_reference.flatten(1).T)
        cells = torch.stack([torch.arange(h * w) % w, torch.arange(h * w) // w], 1).float()
        near.append(torch.cdist(at, cells) < 2)
    mine, theirs = torch.cat(found), torch.cat(wanted)
    same = torch.block_diag(*(n.int() for n in near))  # type: ignore[no-untyped-call]
    others = (mine @ torch.cat(keys).T).masked_fill(same.bool(), -1e4)
    logits = torch.cat([(mine * theirs).sum(1, keepdim=True), others], 1) / 0.07
    return F.cross_entropy(logits, torch.zeros(len(mine), dtype=torch.long))


def fused(net: TransferNet, pairs: list[Pair], settings: Settings) -> tuple[Tensor, dict[str, float]]:
    """Squared error over that of the restored picture, what is worse than that in any 8x8 block, and texture.

    Beside the loss, gains in dB of related and of unrelated references, and the share of crops that lose 0.05 dB.
    """
    crops = []
    for pair in pairs:
        y, x = (torch.randint(n - settings.crop + 1, ()) for n in pair.photo.shape[1:])
        crops.append([t[:, y : y + settings.crop, x : x + settings.crop] for t in pair[:4]])
    photo, restored, reference, inside = (torch.stack(t).float() for t in zip(*crops, strict=True))
    photo, restored, reference = photo / 255, restored / 255, reference / 255
    with torch.no_grad():
        seen, bands = evidence(restored, reference, inside, torch.stack([pair.told for pair in pairs]))
    taken, _ = net(seen, bands)
    change = without_known(taken)
    after = (restored + change - photo).square().mean(1, keepdim=True)
    before = (restored - photo).square().mean(1, keepdim=True)
    scale = before.mean((1, 2, 3)) + (2 / 255) ** 2
    error = after.mean((1, 2, 3)) / scale
    related = torch.stack([pair.related for pair in pairs])
    if settings.texture:
        similar = seen[:, CORRELATION].clamp(0, 1) * related[:, None, None, None]
        error = error + settings.texture * texture_distance(net.features, restored + change, photo, similar)
    worse = F.relu(F.avg_pool2d(after - before, 8)).mean((1, 2, 3)) / scale
    gain = -10 * (after.mean((1, 2, 3)) / before.mean((1, 2, 3)).clamp_min(1e-7)).log10().detach()
    told = {"related": gain[related], "unrelated": gain[~related], "worse": (gain < -0.05).float()}
    return (error + settings.hinge * worse).mean(), {k: v.mean().item() for k, v in told.items() if len(v)}


class Run:
    """The network, its average and its folder."""

    def __init__(self, settings: Settings) -> None:
        torch.manual_seed(settings.seed)
        torch.set_num_threads(settings.threads)
        self.settings, self.step, self.seconds = settings, 0, 0.0
        self.net, self.average = TransferNet(TransferConfig()), TransferNet(TransferConfig())
        self.average.load_state_dict(self.net.state_dict())
        self.average.requires_grad_(False)
        stages: tuple[nn.Module, ...] = (self.net.features, self.net.fusion)
        self.optimizers = [torch.optim.Adam(stage.parameters(), settings.lr) for stage in stages]
        self.checkpoint = settings.out / "checkpoint.pt"
        settings.out.mkdir(parents=True, exist_ok=True)
        if self.checkpoint.exists():
            self._restore()
            torch.manual_seed(settings.seed + self.step)
        (settings.out / "config.json").write_text(json.dumps(asdict(settings), default=str, indent=2) + "\n")

    @property
    def stage(self) -> int:
        """0: features, 1: fusion."""
        return int(self.seconds >= 60 * self.settings.minutes * self.settings.matching)

    def rate(self) -> float:
        """Learning rate: half a cosine over each stage, down to a hundredth, after a linear warm-up."""
        spent, border = self.seconds / 60 / self.settings.minutes, self.settings.matching
        part = (spent - border) / (1 - border) if self.stage else spent / border
        return self.settings.lr * min(1.0, 50 * part + 0.02) * (0.505 + 0.495 * math.cos(math.pi * min(part, 1)))

    def update(self, loss: Tensor) -> None:
        """One step of the stage's optimiser."""
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer = self.optimizers[self.stage]
        set_rate([optimizer], self.rate())
        step_if_finite([optimizer], optimizer.param_groups[0]["params"], 1.0)
        for mean, value in zip(self.average.parameters(), self.net.parameters(), strict=True):
            mean.lerp_(value.detach(), 1 - EMA)
        self.step += 1

    def log(self, record: dict[str, Any]) -> None:
        """Append a line to log.jsonl."""
        append_record(self.settings.out, self.step, self.seconds, record)

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        write_checkpoint(self.checkpoint, state)

    def _restore(self) -> None:
        state = torch.load(self.checkpoint, weights_only=True)
        self.step, self.seconds = state["step"], state["seconds"]
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)


def refresh(pool: list[Pair], run: Run, source: Source) -> None:
    """A new pair now and then: added until the pool is full, in the place of a random one from then on."""
    settings = run.settings
    while len(pool) < 2 * settings.batch:
        pool.append(source.pair(run.average))
    if len(pool) < settings.pool:
        if run.step % max(1, settings.used // 2) == 0:
            pool.append(source.pair(run.average))
    elif run.step % settings.used == 0:
        pool[int(source.random.integers(len(pool)))] = source.pair(run.average)


def train(settings: Settings) -> None:
    """Run until the minutes are spent; leaves checkpoint.pt, log.jsonl and config.json in `settings.out`."""
    run = Run(settings)
    source, pool = Source(settings, settings.seed + run.step), list[Pair]()
    window: list[dict[str, float]] = []
    saved = run.seconds
    bar = tqdm(total=settings.minutes, initial=run.seconds / 60, unit="min", disable=None)
    bar.bar_format = "{l_bar}{bar}| {n:.1f}/{total:.1f} min {postfix}"
    try:
        while run.seconds < 60 * settings.minutes:
            started = time.process_time()
            if run.stage == 0:
                loss, told = contrastive(run.net, source), dict[str, float]()
            else:
                run.net.features.requires_grad_(False)  # they are learned; textures are only seen through them
                refresh(pool, run, source)
                chosen = source.random.integers(len(pool), size=settings.batch)
                loss, told = fused(run.net, [pool[i] for i in chosen], settings)
            run.update(loss)
            window.append({"loss": loss.item(), **told})
            spent = (time.process_time() - started) / settings.threads
            run.seconds += spent
            bar.update(spent / 60)
            if run.step % LOG_EVERY == 0:
                names = sorted({name for told in window for name in told})
                means = {n: round(float(np.mean([told[n] for told in window if n in told])), 4) for n in names}
                run.log({"stage": ("features", "fusion")[run.stage], "lr": run.rate(), "pool": len(pool), **means})
                window.clear()
                bar.set_postfix(means)
            if run.seconds >= saved + 60 * SAVE_EVERY:
                saved = run.seconds
                run.save()
    except KeyboardInterrupt:
        tqdm.write(f"stopped after step {run.step}; start again to go on from there")
    run.save()
    bar.close()


def main() -> None:
    """Command line."""
    for stop in (signal.SIGINT, signal.SIGTERM):  # a shell makes its background jobs deaf to SIGINT
        signal.signal(stop, signal.default_int_handler)
    with suppress(BrokenPipeError):
        train(tyro.cli(Settings, description=__doc__))


if __name__ == "__main__":
    main()
