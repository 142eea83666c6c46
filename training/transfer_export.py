"""Turn a run of `training.transfer` into the weights that the package ships.

    python -m training.transfer_export runs/transfer

writes `codec/weights/reference-HASH.safetensors` (averaged weights) and names it in `transfer.json`. The one before
goes: no file depends on it.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from codec.models import registry
from codec.transfer.network import TransferConfig, TransferNet
from codec.transfer.weights import write
from training.export import origin


def load_run(run: Path) -> tuple[TransferNet, dict[str, Any]]:
    """The averaged network of a run's checkpoint, and how it came about."""
    state = torch.load(run / "checkpoint.pt", map_location="cpu", weights_only=True)
    config: dict[str, Any] = json.loads((run / "config.json").read_text())
    net = TransferNet(TransferConfig())
    net.load_state_dict(state["average"])
    return net, origin(config, state)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Export a run of texture transfer into the package.")
    parser.add_argument("run", type=Path, help="folder of the run")
    print(write(*load_run(parser.parse_args().run), registry.FOLDER))


if __name__ == "__main__":
    main()
