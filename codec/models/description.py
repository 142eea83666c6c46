"""What a weight file says of itself, read without torch."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from codec.errors import CodecError, one_line
from codec.jpeg.tables import STANDARD, Table
from codec.models import registry
from codec.models.config import SAINConfig
from codec.models.systems import NetworkConfig, config_of

LONGEST = 1 << 20
"""Bytes of description that are believed."""
DEEPEST = 4
"""Haar levels that are believed."""


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
    identity: bool = False
    """Whether the picture to store is the photo itself, at any quality."""
    lossless: bool = False
    """Whether it was trained for LR pictures without loss only."""


def parsed(fields: Any) -> tuple[NetworkConfig, Table]:
    """Configuration and base tables `[2, 8, 8]` of a weight file's JSON.

    That can be anything, and so can the error of what is malformed.
    """
    config = config_of(fields["config"])
    if not 1 <= len(config.levels) <= DEEPEST:
        raise ValueError(f"a network has 1…{DEEPEST} Haar levels, not {len(config.levels)}")
    config.overlap("upscale")  # looks at every part
    steps = np.array(fields["tables"], object).ravel()
    if len(steps) != 128 or not all(type(step) is int and 1 <= step <= 255 for step in steps):
        raise ValueError("quantisation tables are 128 whole numbers in 1…255")
    return config, steps.astype(np.int64).reshape(2, 8, 8)


@cache
def describe(model: str) -> Description:
    """The description of a model by name; raises `UnknownModelError`, and `CodecError` for a damaged or missing file.

    A safetensors file begins with the length of its JSON header in eight bytes, little-endian.
    """
    if model == registry.PLAIN:
        return Description(1, STANDARD, identity=True)
    path = registry.path_of(model)
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            text = file.read(min(length, LONGEST))
        fields = json.loads(json.loads(text)["__metadata__"]["sain-codec"])
        config, tables = parsed(fields)
        lossless = fields["training"].get("settings", {}).get("objective") == "lossless"
    except Exception as error:
        raise CodecError(f"{path} is not a weight file of this codec: {one_line(error)}") from None
    dual = isinstance(config, SAINConfig) and config.dual
    return Description(config.scale, tables, dual, config.identity, lossless)
