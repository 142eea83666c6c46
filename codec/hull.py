"""Which of several models serves a picture best: the lower hull of their curves of bytes and distortion, at one point.

Models are tried on a sample of the picture, or on the whole where it is small; see `codec.sampling`.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from codec import rate_control
from codec.encoding import Detached, Encoder, Job, mean_square
from codec.errors import CodecError
from codec.finishing import STEEP
from codec.ladder import SLOPE, Ladder
from codec.models import registry
from codec.models.choice import Tune
from codec.models.description import describe
from codec.picture import Picture, Pixels
from codec.ssimulacra2_constants import SMALLEST
from codec.tradeoff import rate_weight, seen
from codec.wish import Wish

if TYPE_CHECKING:
    from codec.ssimulacra2_numpy import Judge

STRIDES = (1.0, 0.5, 0.25)
"""Octaves of step by which other qualities are tried; with a network, which is told where it is best, only the last
two, and on a sample only the second."""
COARSER = {("eye", 1): 1.25, ("eye", 2): 0.5, ("psnr", 1): 0.5}
"""Octaves of step by which the best quality by tuning and scale is coarser than λ makes it; from Kodak, within 0.5."""
FAR = 1.15
"""Cost over the least so far from which on a model is not tried at other qualities."""


class Trial(NamedTuple):
    """Of a model, on a picture or on a sample of it. The least is the best."""

    lacking: float
    """Decibels by which the target is missed; infinite where there is no file at all."""
    cost: float
    """What is to be least: D + λ R, the distortion, or the bytes."""
    order: int
    """Of models that are equally good, the one with the least is taken."""
    model: str
    quality: float = 0.0
    """That the file was written at, where the wish is for a quality."""
    file: Detached | None = None
    error: CodecError | None = None
    """Why there is no file, or not the one that was wished for."""


class Distortion:
    """Of restored pictures of one original, by the metric of a tuning."""

    def __init__(self, original: Pixels, tune: Tune) -> None:
        self._original, self.tune = original, tune
        self._judge: Judge | None = None
        if tune == "eye" and min(original.shape[:2]) >= SMALLEST:
            from codec import ssimulacra2_numpy  # whose scipy takes a while to import

            self._judge = ssimulacra2_numpy.Judge(original)

    def of(self, restored: Pixels) -> float:
        """The squared error (0…255 scale), or SSIMULACRA2's raw sum."""
        return mean_square(restored, self._original) if self._judge is None else self._judge.raw(restored)

    def priced(self, restored: Pixels) -> float:
        """D in the units in which λ is a price: those of training."""
        squared = mean_square(restored, self._original)
        return squared if self._judge is None else seen(squared, self._judge.raw(restored))


class Tryout:
    """Of models on one picture, the whole or a sample; the wish is for that picture. The job's model does not matter.

    `distortion` is of what an encoder for the picture is to restore.
    """

    def __init__(self, picture: Picture, job: Job, wish: Wish, distortion: Distortion, sampled: bool) -> None:
        self._picture, self._job, self._wish = picture, job, wish
        self._distortion, self._sampled = distortion, sampled
        self._least = float("inf")

    def ranked(self, models: Sequence[str]) -> list[Trial]:
        """The best first; of `models`, of which that with the largest stored picture comes first.

        The further a scale is from the best one, the worse it is: where a larger stored picture than the usual scale's
        is better, no smaller one is tried.
        """
        order = {model: i for i, model in enumerate(models if self._wish.psnr else models[::-1])}
        networks = [model for model in models if model != registry.PLAIN]
        usual = bisect_left(networks, describe(registry.DEFAULT).scale, key=lambda model: describe(model).scale)
        trials = [self._trial(model, order[model]) for model in networks[usual : usual + 1]]
        larger = [self._trial(model, order[model]) for model in networks[:usual]]
        if not larger or not trials or min(trials) < min(larger):
            larger += [self._trial(model, order[model]) for model in networks[usual + 1 :]]
        trials += larger
        if registry.PLAIN in models:
            trials.append(self._trial(registry.PLAIN, order[registry.PLAIN]))
        return sorted(trials, key=lambda trial: trial[:3])

    def _trial(self, model: str, order: int) -> Trial:
        try:
            encoder = Encoder(self._picture, replace(self._job, model=model, effort=0))
            trial = self._at_quality if self._wish.quality else self._at_psnr if self._wish.psnr else self._at_bytes
            return trial(encoder, Trial(0.0, 0.0, order, model))
        except CodecError as error:
            return Trial(float("inf"), float("inf"), order, model, error=error)

    def _at_bytes(self, encoder: Encoder, trial: Trial) -> Trial:
        file = rate_control.encode(encoder, self._wish)
        return trial._replace(cost=self._distortion.of(encoder.restored(file)), file=file)

    def _at_psnr(self, encoder: Encoder, trial: Trial) -> Trial:
        target = self._wish.psnr or 0.0
        found, value = rate_control.reaching(Ladder(encoder), target)
        if value < target:
            return trial._replace(lacking=target - value, error=rate_control.missed(target, value, found.file))
        # the whole will be as far above the target, but not by as much
        surplus = (value - target) * SLOPE / STEEP if self._sampled else 0.0
        return trial._replace(cost=len(found.file.data) / 2**surplus, file=found.file)

    def _at_quality(self, encoder: Encoder, trial: Trial) -> Trial:
        ladder, pixels, weight = Ladder(encoder), encoder.size[0] * encoder.size[1], self.weight(encoder)
        start = _start(ladder, weight, self._distortion.tune)
        lr = ladder.downscaled(start)

        @cache
        def at(rung: int) -> Trial:
            # a sample is for comparing: there, the first LR picture is good enough for the qualities around
            file = ladder.written(lr if self._sampled or rung == start else ladder.downscaled(rung), rung)
            cost = self._distortion.priced(encoder.restored(file)) + weight * 8 * len(file.data) / pixels
            return trial._replace(cost=cost, quality=ladder.qualities[rung], file=file)

        found = start
        if at(start).cost < FAR * self._least:
            for stride in self._strides(encoder):
                for way in (-stride, stride):
                    while at(rung := ladder.rung(ladder.depth(found) + way)).cost < at(found).cost:
                        found = rung
        self._least = min(self._least, at(found).cost)
        return at(found)

    def _strides(self, encoder: Encoder) -> tuple[float, ...]:
        if encoder.model == registry.PLAIN:
            return STRIDES
        return STRIDES[1:2] if self._sampled else STRIDES[1:]

    def weight(self, encoder: Encoder) -> float:
        """What the quality means: λ of the usual model, whatever the model at hand."""
        usual = describe(registry.DEFAULT)
        options = replace(encoder.options, tables=usual.tables, quality=self._wish.quality or 0)
        return rate_weight(encoder.carrier.condition(options), usual.scale)


def _start(ladder: Ladder, weight: float, tune: Tune) -> int:
    """The rung at which a model is likely to be best at a λ."""
    scale = describe(ladder.encoder.model).scale

    def fineness(rung: int) -> float:
        return -rate_weight(ladder.encoder.condition(ladder.qualities[rung]), scale)

    own = min(bisect_left(range(len(ladder)), -weight, key=fineness), len(ladder) - 1)
    return ladder.rung(ladder.depth(own) - COARSER.get((tune, scale), 0.0))
