"""Where the ONNX graphs of networks lie. Knows no torch and no ONNX.

A graph is the structure alone, some 35 kB: its weights are to be given by their names in the weight file. It is named
by the hash of the network's configuration, so that all weights of one network find it.
"""

import hashlib
import json
from pathlib import Path
from typing import get_args

from codec.models.config import Way
from codec.models.systems import NetworkConfig

FOLDER = Path(__file__).parent.parent / "graphs"
PREFIX = "net."
"""Before a weight's name in a graph."""

WAYS: tuple[Way, ...] = get_args(Way)


def path_of(config: NetworkConfig, way: Way) -> Path:
    """Of the graph of a network, whether there is one or not."""
    text = json.dumps(config.to_json(), sort_keys=True)
    return FOLDER / f"{hashlib.sha256(text.encode()).hexdigest()[:8]}.{way}.onnx"
