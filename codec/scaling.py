"""The scale of a file: which models may make it, and which of them makes it best, found by trying them all."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Literal, NamedTuple

from codec import rate_control
from codec.encoding import Detached, Encoder, Job, mean_square
from codec.errors import CodecError
from codec.ladder import Ladder
from codec.models import registry
from codec.models.description import describe
from codec.picture import read_picture
from codec.tradeoff import rate_weight
from codec.wish import Wish

Scale = Literal[1, 2, 4, "auto"]
MODELS = {1: registry.PLAIN, 2: registry.DEFAULT, 4: "sain-x4-lite"}
"""By scale; of those not installed, `"auto"` makes do without."""
STRIDES = {True: (1.0, 0.5, 0.25), False: (0.5,)}
"""Octaves of step by which other qualities are tried: without a network, and with one."""


def models_of(scale: Any, model: str | None) -> tuple[str, ...]:
    """The models that may make the file, one unless the scale is `"auto"`; raises `CodecError`."""
    if isinstance(scale, bool) or scale not in (None, "auto", *MODELS):  # True == 1
        raise CodecError(f'scale must be 1, 2, 4 or "auto", not {scale!r}')
    if model is not None:
        own = describe(registry.resolve(model)).scale
        if scale not in (None, own):
            raise CodecError(f"scale={scale!r} and model={model!r}, whose scale is {own}, exclude each other")
        return (model,)
    if scale == "auto":
        return tuple(name for name in MODELS.values() if name == registry.PLAIN or name in registry.latest())
    return (MODELS[scale or 2],)


def encode(image: Any, job: Job, wish: Wish, models: tuple[str, ...]) -> Detached:
    """The file that is wished for, by the model that does it best; raises `CodecError` if none can."""
    if len(models) == 1:
        return rate_control.encode(Encoder(image, replace(job, model=models[0])), wish)
    picture = read_picture(image, job.max_pixels)
    tried: list[Tried] = []
    reasons: list[CodecError] = []
    for model in models:
        try:
            encoder = Encoder(picture, replace(job, model=model))
            tried.append(_best(encoder, wish))
        except CodecError as error:
            reasons.append(error)
    if not tried:
        # the full size restores best, the smallest takes the fewest bytes
        raise reasons[0 if wish.psnr else -1]
    return min(tried, key=lambda tried: tried.cost).file


class Tried(NamedTuple):
    """A file, and what is to be least."""

    cost: float
    file: Detached


def _best(encoder: Encoder, wish: Wish) -> Tried:
    """One model's best file."""
    if wish.quality is None:
        file = rate_control.encode(encoder, wish)
        return Tried(len(file.data) if wish.psnr else mean_square(encoder.restored(file), encoder.pixels), file)
    # what the quality means: λ of the usual model, whatever the model at hand
    usual = replace(encoder.options, tables=describe(registry.DEFAULT).tables, quality=wish.quality)
    weight = rate_weight(encoder.carrier.condition(usual), describe(registry.DEFAULT).scale)
    ladder, pixels = Ladder(encoder), encoder.size[0] * encoder.size[1]

    def priced(file: Detached) -> Tried:
        return Tried(mean_square(encoder.restored(file), encoder.pixels) + weight * 8 * len(file.data) / pixels, file)

    @cache
    def trial(rung: int) -> Tried:
        return priced(ladder.written(ladder.downscaled(rung), rung))

    same = min(bisect_left(ladder.qualities, wish.quality), len(ladder) - 1)
    rung = _descended(ladder, trial, sorted({same, _own(ladder, weight)}))
    # only what is best already is worth the effort
    return priced(encoder.at(ladder.qualities[rung])) if encoder.job.effort else trial(rung)


def _own(ladder: Ladder, weight: float) -> int:
    """The rung at which a model is meant to work at a λ."""
    scale = describe(ladder.encoder.model).scale

    def fineness(rung: int) -> float:
        return -rate_weight(ladder.encoder.condition(ladder.qualities[rung]), scale)

    return min(bisect_left(range(len(ladder)), -weight, key=fineness), len(ladder) - 1)


def _descended(ladder: Ladder, trial: Callable[[int], Tried], starts: Sequence[int]) -> int:
    """The best rung: of the starts, and of what is better nearby."""
    best = min(starts, key=lambda rung: trial(rung).cost)
    for stride in STRIDES[ladder.encoder.model == registry.PLAIN]:
        for way in (-stride, stride):
            while trial(rung := ladder.rung(ladder.depth(best) + way)).cost < trial(best).cost:
                best = rung
    return best
