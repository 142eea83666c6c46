"""The scale of a file: which models may make it, and which of them makes it best, found by trying them all."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Literal, NamedTuple, get_args

from codec import carriers, rate_control
from codec.encoding import Detached, Encoder, Job, mean_square
from codec.errors import CodecError
from codec.ladder import Ladder
from codec.models import choice, registry
from codec.models.choice import Tune
from codec.models.description import describe
from codec.picture import read_picture
from codec.tradeoff import rate_weight
from codec.wish import Wish

Scale = Literal[1, 2, 4, "auto"]
STRIDES = {True: (1.0, 0.5, 0.25), False: (0.5,)}
"""Octaves of step by which other qualities are tried: without a network, and with one."""


def models_of(
    scale: Any = None,
    model: str | None = None,
    tune: Tune | None = None,
    format: str = "jpeg",  # noqa: A002 - Pillow's word for it
) -> tuple[str, ...]:
    """The models that may make the file, one unless the scale is `"auto"`; raises `CodecError`."""
    if isinstance(scale, bool) or scale not in (None, *get_args(Scale)):  # True == 1
        raise CodecError(f'scale must be 1, 2, 4 or "auto", not {scale!r}')
    if tune not in (None, *get_args(Tune)):
        raise CodecError(f"tune must be one of {', '.join(get_args(Tune))}, not {tune!r}")
    if model is not None:
        if tune is not None:
            raise CodecError(f"tune={tune!r} and model={model!r} exclude each other: a model is tuned already")
        own = describe(registry.resolve(model)).scale
        if scale not in (None, own):
            raise CodecError(f"scale={scale!r} and model={model!r}, whose scale is {own}, exclude each other")
        return (model,)
    tune, name = tune or "eye", carriers.get(format).name
    return choice.models_of(tune, name) if scale == "auto" else (choice.model_of(scale or 2, tune, name),)


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
