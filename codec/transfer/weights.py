"""The weights of texture transfer: which there are, and the network out of them.

They are no part of a file's format: a reference's decoder may take better ones at any time, so there is one weight
file, the one that `weights/transfer.json` names.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch

from codec.errors import CodecError, one_line
from codec.files import write_whole
from codec.models import registry
from codec.models.weights import read_tensors, write_tensors
from codec.transfer.network import TransferConfig, TransferNet

NAME = "reference"
INDEX = "transfer.json"


def path_in(folder: Path) -> Path:
    """The weight file that a folder's index names."""
    name = json.loads((folder / INDEX).read_text())
    return folder / f"{name}.safetensors"


def write(net: TransferNet, training: dict[str, Any], folder: Path) -> Path:
    """Write `folder/reference-HASH.safetensors` in half precision and make it the one; the one before goes."""
    description = {"name": NAME, "config": net.config.to_json(), "training": training}
    arrays = {name: value.float().cpu().numpy() for name, value in net.state_dict().items()}
    path = write_tensors(NAME, description, arrays, folder)
    write_whole(folder / INDEX, json.dumps(path.stem).encode() + b"\n", force=True)
    for other in folder.glob(f"{NAME}-*.safetensors"):  # last: until then the index names what is there
        if other != path:
            other.unlink()
    return path


def read(path: Path) -> TransferNet:
    """The network of a weight file, for inference on the CPU; raises `CodecError` for a damaged one."""
    description, tensors = read_tensors(path)
    try:
        net = TransferNet(TransferConfig(**description["config"]))
        net.load_state_dict({name: torch.from_numpy(value).float() for name, value in tensors.items()})
    except Exception as error:
        raise CodecError(f"{path} holds no texture transfer: {one_line(error)}") from error
    return net.eval().requires_grad_(False)


@cache
def load_network() -> TransferNet:
    """The network that comes with the package, kept for the next call."""
    return read(path_in(registry.FOLDER))
