"""What a weight file says of itself, read without torch."""

import json
from dataclasses import dataclass
from functools import cache

import numpy as np

from codec.errors import CodecError
from codec.jpeg.tables import STANDARD, Table
from codec.models import registry

LONGEST = 1 << 20
"""Bytes of description that are believed."""


def lr_size(full: tuple[int, int], scale: int) -> tuple[int, int]:
    """Width and height of the LR picture of a `full` sized one: rounded up."""
    return -(-full[0] // scale), -(-full[1] // scale)


@dataclass(frozen=True)
class Description:
    """Of a model."""

    scale: int
    """Side of the full picture over that of the LR picture."""
    tables: Table
    """Base quantisation tables `[2, 8, 8]`: luma, chroma."""
    dual: bool = False
    """Whether it can aim at a downscaler of one's choice."""


@cache
def describe(model: str) -> Description:
    """The description of a model by name; raises `UnknownModelError`, and `CodecError` for a damaged file.

    A safetensors file begins with the length of its JSON header in eight bytes, little-endian.
    """
    if model == registry.PLAIN:
        return Description(1, STANDARD)
    path = registry.path_of(model)
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        text = file.read(min(length, LONGEST))
    try:
        fields = json.loads(json.loads(text)["__metadata__"]["sain-codec"])
        scale = 2 ** len(fields["config"]["levels"])
        tables = np.array(fields["tables"], np.int64).reshape(2, 8, 8)
        return Description(scale, tables, fields["config"].get("dual", False))
    except (ValueError, KeyError, TypeError) as error:
        raise CodecError(f"{path} is not a weight file of this codec: {error}") from None
