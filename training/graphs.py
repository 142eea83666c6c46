"""Make the ONNX graphs that the package ships, for all networks that have released weights.

    python -m training.graphs

Graphs are structure only: new weights of a network that has one need no new one.
"""

import argparse
from pathlib import Path

from tqdm import tqdm

from codec.models import registry
from codec.models.config import Way
from codec.models.weights import Weights, read_weights
from codec.networks import graphs
from codec.networks.graph_files import FOLDER, WAYS, path_of


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Make the ONNX graphs of all networks that have released weights.")
    parser.add_argument("--force", action="store_true", help="also those that are there")
    force = parser.parse_args().force
    FOLDER.mkdir(exist_ok=True)
    wanted: dict[Path, tuple[Weights, Way]] = {}
    for name in registry.available():
        weights = read_weights(registry.path_of(name))
        wanted |= {path_of(weights.config, way): (weights, way) for way in WAYS}
    missing = [path for path in wanted if force or not path.exists()]
    for path in tqdm(missing, unit="graph", disable=None):
        path.write_bytes(graphs.structure(graphs.export(*wanted[path])))
    print(f"{len(missing)} graphs made, {len(wanted) - len(missing)} were there")


if __name__ == "__main__":
    main()
