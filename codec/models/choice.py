"""Which model makes a file where a scale is named and no model: one table. Knows file names only."""

from typing import Literal, NamedTuple

from codec.models import registry

Tune = Literal["eye", "psnr"]
"""What the restored picture is to be best by: people's eyes, or squared error."""


class Row(NamedTuple):
    """A model, and what it serves."""

    scale: int
    model: str
    """Short, for the latest weights, or of weights once and for all."""
    tune: Tune | None = None
    """None: either."""
    formats: tuple[str, ...] = ()
    """Names of carriers; none: all."""


TABLE = (
    Row(1, registry.PLAIN, formats=("png",)),  # loses nothing: there is nothing to restore
    Row(1, "sain-x1-psnr", "psnr"),
    Row(1, "sain-x1-lite"),
    Row(2, "sain-x2-lite-c31ad2bc", "psnr"),
    Row(2, registry.DEFAULT),
    Row(4, "sain-x4-lite-ad797bf9", "psnr"),
    Row(4, "sain-x4-lite"),
)
"""The first row that fits is taken, of those whose weights are installed."""
SCALES = tuple(sorted({row.scale for row in TABLE}))


def installed(model: str) -> bool:
    """Whether there is a model of a full or short name."""
    return model == registry.PLAIN or model in registry.available() or model in registry.latest()


def model_of(scale: int, tune: Tune, format: str) -> str:  # noqa: A002 - Pillow's word for it
    """The model of a scale; where none is installed, the name of the one that is missing."""
    rows = (row for row in TABLE if row.scale == scale and row.tune in (None, tune))
    fitting = [row.model for row in rows if not row.formats or format in row.formats]
    return next(filter(installed, fitting), fitting[-1])


def models_of(tune: Tune, format: str) -> tuple[str, ...]:  # noqa: A002
    """One of each scale, and none at all (`"plain"`), the largest stored picture first; without what is missing."""
    named = [registry.PLAIN, *(model_of(scale, tune, format) for scale in SCALES)]
    return tuple(dict.fromkeys(filter(installed, named)))
