"""A JPEG's quantisation tables name the model: they are learned with it, and no other program writes them.

They are the one mark that outlives a tool which strips all metadata, and any change of the pixels changes them.
"""

from functools import cache

import numpy as np

from codec.jpeg.tables import COARSEST, STANDARD, Table
from codec.models import registry
from codec.models.description import describe


@cache
def _known(models: tuple[str, ...]) -> tuple[tuple[Table, str | None], ...]:
    """Base tables and whom they name. The standard ones come first, for everybody writes them.

    At the ends of the scale, and in weights trained on, tables become alike: the oldest model keeps them, for its files
    are written already; the others' files must say more.
    """
    return (STANDARD, None), *((describe(model).tables, model) for model in models)


def _is_scaled(tables: Table, base: Table) -> bool:
    """Whether `tables` are `scale_tables(base, …)` at any percentage: each step allows an interval of them."""
    lowest, highest = -((50 - 100 * tables) // base), (100 * tables + 49) // base
    # clipped steps allow all beyond
    lowest, highest = np.where(tables == 1, 0, lowest), np.where(tables == 255, COARSEST, highest)
    return bool(max(lowest.max(), 0) <= min(highest.min(), COARSEST))


def recognise(tables: Table) -> str | None:
    """The oldest model whose tables `[T, 8, 8]` these are, at any percentage; None for strangers'."""
    if len(tables) not in (1, 2) or tables.min() < 1 or tables.max() > 255:
        return None
    named = (model for base, model in _known(registry.available()) if _is_scaled(tables, base[: len(tables)]))
    return next(named, None)
