"""The scale of a file: which models may make it, and the file by the one that makes it best."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from codec import alpha as alphas
from codec import carriers, rate_control
from codec.encoding import Detached, Encoder, Job
from codec.errors import CodecError
from codec.models import choice, registry
from codec.models.choice import Tune
from codec.models.description import describe
from codec.picture import Picture, Pixels, read_picture
from codec.wish import Wish

if TYPE_CHECKING:
    from codec.hull import Trial

Scale = Literal[1, 2, 4, "auto"]


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


def encode(image: Any, job: Job, wish: Wish, models: tuple[str, ...], tune: Tune | None = None) -> Detached:
    """The file that is wished for, by the model that serves the picture best; raises `CodecError` if none can.

    `tune` says by which metric; `"eye"` unless given.
    """
    if len(models) == 1:
        return rate_control.encode(Encoder(image, replace(job, model=models[0])), wish)
    from codec import sampling  # these import SciPy
    from codec.hull import Distortion, Tryout

    picture = read_picture(image, job.max_pixels)
    shown = _shown(picture, job)
    pixels = sampling.sample_of(shown)
    sampled = pixels is not shown
    tryout = Tryout(
        Picture(pixels) if sampled else picture,
        job,
        sampling.wish_of(picture, Picture(pixels), job, wish) if sampled else wish,
        Distortion(pixels, tune or "eye"),
        sampled,
    )
    errors = dict[str, CodecError]()
    for trial in tryout.ranked(models):
        try:
            return _made(picture, job, wish, trial, sampled)
        except CodecError as error:
            errors[trial.model] = error
    # the full size restores best, the smallest takes the fewest bytes
    raise errors[models[0 if wish.psnr else -1]]


def _shown(picture: Picture, job: Job) -> Pixels:
    """What is to be restored."""
    if picture.alpha is None or carriers.get(job.format).transparent:
        return picture.pixels
    return alphas.hide(picture.pixels, picture.alpha)


def _made(picture: Picture, job: Job, wish: Wish, trial: "Trial", sampled: bool) -> Detached:
    """The file of the model that was tried: that of the trial itself, if there is nothing more to do."""
    if not sampled and not job.effort:
        if trial.error:
            raise trial.error
        assert trial.file is not None  # noqa: S101 - there is one, or a reason why not
        return trial.file
    encoder = Encoder(picture, replace(job, model=trial.model))
    return encoder.at(trial.quality) if wish.quality else rate_control.encode(encoder, wish)
