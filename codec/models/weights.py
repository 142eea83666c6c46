"""Weight files: safetensors that carry their own configuration and are named by their hash.

`sain-x2-lite-1608e3c0.safetensors` holds the network's tensors and, as metadata, what it takes to use them without
any other file: name, configuration, quantisation tables and how they were trained. The eight hex digits are the
start of the SHA-256 of the file, so a weight file can never change without changing its name. Knows no torch.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import safe_open
from safetensors.numpy import load, save

from codec.errors import CodecError, one_line
from codec.files import write_whole
from codec.jpeg.tables import Table
from codec.models.description import parsed
from codec.models.systems import NetworkConfig


@dataclass(frozen=True)
class Weights:
    """A trained network as it lies in a file."""

    name: str
    """The network's name without hash, such as `sain-x2-lite`."""
    config: NetworkConfig
    tables: Table
    """Base quantisation tables `[2, 8, 8]` (luma, chroma), trained with the network."""
    tensors: Mapping[str, npt.NDArray[np.floating[Any]]]
    """By their names in the network's state."""
    training: dict[str, Any]
    """Where the weights come from: steps, minutes, those behind the weights they began with, data, settings."""

    @property
    def minutes(self) -> float | None:
        """Of all training behind them, as far as the file knows; None where it knows of none."""
        if (own := self.training.get("minutes")) is None:
            return None
        return round(float(own) + (self.training.get("init_minutes") or 0), 1)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:8]


def write_weights(weights: Weights, folder: Path) -> Path:
    """Write `folder/NAME-HASH.safetensors`; returns its path. The same weights always give the same file.

    In half precision, which networks are loaded from into single: half the bytes, for less than 0.002 dB.
    """
    description = {
        "name": weights.name,
        "config": weights.config.to_json(),
        "tables": weights.tables.reshape(2, 64).tolist(),
        "training": weights.training,
    }
    return write_tensors(weights.name, description, weights.tensors, folder)


def write_tensors(
    name: str, description: dict[str, Any], tensors: Mapping[str, npt.NDArray[np.floating[Any]]], folder: Path
) -> Path:
    """Write `folder/NAME-HASH.safetensors` of tensors and a description, which is plain JSON and states the name."""
    # one entry only: safetensors writes several in random order, and the hash would change with it
    metadata = {"sain-codec": json.dumps(description, sort_keys=True)}
    data = save({k: np.ascontiguousarray(v, np.float16) for k, v in tensors.items()}, metadata)
    path = folder / f"{name}-{_digest(data)}.safetensors"
    write_whole(path, data, force=True)
    return path


def read_weights(path: Path) -> Weights:
    """Read and check a weight file; raises `CodecError` if it is damaged, or not one of ours."""
    description, tensors = read_tensors(path)
    try:
        name, training = description["name"], description["training"]
        config, tables = parsed(description)
    except Exception as error:
        raise CodecError(f"{path} is not a weight file of this codec: {one_line(error)}") from error
    return Weights(name, config, tables, tensors, training)


def read_tensors(path: Path) -> tuple[dict[str, Any], dict[str, npt.NDArray[np.floating[Any]]]]:
    """What `write_tensors` wrote, description first; raises `CodecError` if it is damaged, or not one of ours."""
    try:
        data = path.read_bytes()
        with safe_open(path, "np") as file:
            description: dict[str, Any] = json.loads((file.metadata() or {})["sain-codec"])
        name, tensors = description["name"], load(data)
    except Exception as error:
        raise CodecError(f"{path} is not a weight file of this codec: {one_line(error)}") from error
    if path.stem != f"{name}-{_digest(data)}":
        raise CodecError(f"{path} is damaged: its content has hash {_digest(data)}")
    return description, tensors
