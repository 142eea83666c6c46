"""Where the ONNX graphs of networks lie. Knows no torch and no ONNX.

A graph is the structure alone, some 35 kB: its weights are to be given by name, see `values_of`. It is named by the
hash of the network's configuration, so that all weights of one network find it.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from codec.models.config import Way
from codec.models.systems import NetworkConfig
from codec.models.weights import Weights

FOLDER = Path(__file__).parent.parent / "graphs"
PREFIX = "net."
"""Before a weight's name in a graph."""
MATRIX, INVERTED = ".mix.matrix", ".mix.inverted"
"""A weight, and what a graph is given in its place on the way back: ONNX has no operator that inverts."""

WAYS: tuple[Way, ...] = get_args(Way)


def path_of(config: NetworkConfig, way: Way) -> Path:
    """Of the graph of a network, whether there is one or not."""
    text = json.dumps(config.to_json(), sort_keys=True)
    return FOLDER / f"{hashlib.sha256(text.encode()).hexdigest()[:8]}.{way}.onnx"


def values_of(weights: Weights) -> dict[str, npt.NDArray[np.floating[Any]]]:
    """All that the graphs of a network take, by the names that they have there."""
    named = {PREFIX + name: value for name, value in weights.tensors.items()}
    matrices = [name for name in named if name.endswith(MATRIX)]
    inverted = {name.removesuffix(MATRIX) + INVERTED: np.linalg.inv(named[name].astype(float)) for name in matrices}
    return named | inverted
