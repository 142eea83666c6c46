"""A JPEG's quantisation tables name the model: they are learned with it, and no other program writes them.

They are the one mark that outlives a tool which strips all metadata, and any change of the pixels changes them.
"""

from functools import cache

import numpy as np

from codec.jpeg.tables import STANDARD, Table, scale_tables
from codec.models import registry
from codec.models.description import describe


def _marks(base: Table) -> set[bytes]:
    """The tables of all qualities, for colour and for grey pictures."""
    scaled = [scale_tables(base, quality) for quality in range(1, 101)]
    return {part.astype(np.uint8).tobytes() for tables in scaled for part in (tables, tables[:1])}


@cache
def _known(models: tuple[str, ...]) -> dict[bytes, str]:
    """Marks that name a model. At the ends of the scale, and in weights trained on, tables become alike: the oldest
    model keeps them, for its files are written already; the others' files must say more.
    """
    known: dict[bytes, str] = {}
    for model in reversed(models):
        known |= dict.fromkeys(_marks(describe(model).tables), model)
    for mark in _marks(STANDARD):
        known.pop(mark, None)
    return known


def recognise(tables: Table) -> str | None:
    """The oldest model whose tables `[T, 8, 8]` these are, None for strangers'."""
    if tables.min() < 1 or tables.max() > 255:
        return None
    return _known(registry.available()).get(tables.astype(np.uint8).tobytes())
