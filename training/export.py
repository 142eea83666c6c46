"""Turn a training run's checkpoint into weights that the package ships.

    python -m training.export runs/sain-x2-lite

writes `codec/weights/NAME-HASH.safetensors` (averaged weights, tables, how they came about) and makes it the latest
of its name. Earlier files stay: pictures name the weights that they need. `--replace` removes the one that was the
latest before: only for weights that were never released. Several runs that parted from a common checkpoint (with
other seeds) are averaged: they lie in one basin (model soups, Wortsman et al., arXiv 2203.05482). `--blend` mixes in
the weights that a run was tuned from: what was tuned for one metric gives up less by the others (WiSE-FT, Wortsman et
al., arXiv 2109.01903).
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from codec.files import write_whole
from codec.models import registry
from codec.models.configs import CONFIGS
from codec.models.making import make_network
from codec.models.weights import Weights, read_weights, write_weights
from codec.networks.on_torch import arrays_of
from codec.rescaler import MARGIN
from training.losses import Objective
from training.quantise import OnGrid

_OF_THE_MACHINE = ("out", "prepared", "device", "threads", "workers", "validation")
"""Settings that say nothing about the weights."""


def origin(config: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
    """What a weight file says of its training, by a run's config.json and checkpoint. Names of files, but no paths."""
    settings = {k: v for k, v in config.items() if k not in _OF_THE_MACHINE}
    settings["data"] = [Path(folder).name for folder in config["data"]]
    training = {"steps": state["step"], "minutes": round(state["seconds"] / 60, 1), "settings": settings}
    if init := config.get("init"):
        settings["init"] = Path(init).stem
        training["init_minutes"] = state.get("init_minutes")
    return training


def load_run(run: Path) -> Weights:
    """The averaged weights of a run's checkpoint."""
    state = torch.load(run / "checkpoint.pt", map_location="cpu", weights_only=True)
    config: dict[str, Any] = json.loads((run / "config.json").read_text())
    objective = Objective(make_network(CONFIGS[state["model"]]), MARGIN)
    averaged = {k.removeprefix("module."): v for k, v in state["average"].items() if k != "n_averaged"}
    objective.load_state_dict(averaged)
    OnGrid(objective.model.parameters(), config.get("bits", 0)).put()
    tables = objective.base_tables().numpy()
    return Weights(state["model"], objective.model.config, tables, arrays_of(objective.model), origin(config, state))


def average(runs: Sequence[Weights]) -> Weights:
    """The mean of runs of one network, tables rounded; raises ValueError if they do not fit together."""
    first = runs[0]
    if any(r.config != first.config or r.name != first.name for r in runs):
        raise ValueError("runs of different networks cannot be averaged")
    tensors = {k: np.mean([r.tensors[k] for r in runs], 0) for k in first.tensors}
    tables = np.rint(np.mean([r.tables for r in runs], 0)).astype(np.int64)
    return Weights(first.name, first.config, tables, tensors, {**first.training, "averaged": len(runs)})


def blend(weights: Weights, path: Path, share: float) -> Weights:
    """With a `share`, 0…1, of the weights in a file; of tables the geometric mean.

    Raises ValueError for weights of another network.
    """
    other = read_weights(path)
    if other.config != weights.config:
        raise ValueError(f"{path.stem} is another network")
    tensors = {k: (1 - share) * v + share * other.tensors[k] for k, v in weights.tensors.items()}
    logs = (1 - share) * np.log(weights.tables) + share * np.log(other.tables)
    origin = {**weights.training, "blended": {"with": path.stem, "share": share}}
    return Weights(weights.name, weights.config, np.rint(np.exp(logs)).astype(np.int64), tensors, origin)


def release(weights: Weights, folder: Path, replace: bool = False) -> Path:
    """Write weights to a folder and make them the latest of their name in its `released.json`; returns their path.

    `replace`: those that were the latest before go.
    """
    path = write_weights(weights, folder)
    index = folder / "released.json"
    released: list[str] = json.loads(index.read_text()) if index.exists() else []
    before = next((name for name in reversed(released) if registry.short(name) == weights.name), path.stem)
    replaced = {before} - {path.stem} if replace else set()
    names = [name for name in released if name not in replaced]
    names += [path.stem] if path.stem not in names else []
    write_whole(index, json.dumps(names, indent=1).encode() + b"\n", force=True)
    for name in replaced:  # last: until then the index names what is there
        (folder / f"{name}.safetensors").unlink()
    return path


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Export a training run's averaged weights into the package.")
    parser.add_argument("run", type=Path, nargs="+", help="folder of the run; of several, the average")
    parser.add_argument("--replace", action="store_true", help="remove the latest weights of that name")
    parser.add_argument("--folder", type=Path, help="write the weights there, and leave the package as it is")
    parser.add_argument("--blend", type=Path, help="a weight file of which a share is mixed in")
    parser.add_argument("--share", type=float, default=0.2, help="of --blend (default: 0.2)")
    arguments = parser.parse_args()
    weights = average([load_run(run) for run in arguments.run])
    if arguments.blend:
        weights = blend(weights, arguments.blend, arguments.share)
    if arguments.folder:
        arguments.folder.mkdir(parents=True, exist_ok=True)
        print(write_weights(weights, arguments.folder))
        return
    print(release(weights, registry.FOLDER, arguments.replace))


if __name__ == "__main__":
    main()
