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
    """Marks that mean one model only: at the ends of the scale all tables become alike."""
    marks = {model: _marks(describe(model).tables) for model in models}
    known: dict[bytes, str] = {}
    for model, own in marks.items():
        others = _marks(STANDARD).union(*(m for name, m in marks.items() if name != model))
        known |= dict.fromkeys(own - others, model)
    return known


def recognise(tables: Table) -> str | None:
    """The model whose tables `[T, 8, 8]` these are, None for strangers' and for those that several models share."""
    if tables.min() < 1 or tables.max() > 255:
        return None
    return _known(tuple(registry.available())).get(tables.astype(np.uint8).tobytes())
