"""Published SAIN and IRN checkpoints (`.pth`) as networks of ours: only the names of their tensors differ.

SAIN   haar_operations.N.haar_weights   down_operations.N.{E,F,G,H}.convK   comp_operations.N.{F,G,H}.convK
       gmm.gmm_para
IRN    operations.N.haar_weights | operations.N.{F,G,H}.convK, in the order in which they are applied
"""

import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from codec.errors import CodecError
from codec.models.config import SAINConfig
from codec.models.sain import SAINet

_BLOCK = re.compile(r"(down_operations|comp_operations|operations)\.(\d+)\.([EFGH])\.(conv[1-5]\.(?:weight|bias))")
_HAAR = re.compile(r"(haar_operations|operations)\.(\d+)\.haar_weights")
_ORDER = {"down_operations": 0, "comp_operations": 1, "operations": 0}

Place = tuple[int, int]
"""Where a block stands in a checkpoint: its list's rank, its index there."""


def load_published(path: Path) -> SAINet:
    """The network of a published `.pth`; configuration read off its keys. Raises `CodecError`.

    The file is read with `weights_only=True`: nothing in it is ever executed.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise CodecError(f"{path} is not a checkpoint of tensors alone: {str(error).splitlines()[0]}") from None
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise CodecError(f"{path} is not a mapping from names to tensors")
    return from_published({str(k).removeprefix("module."): v for k, v in state.items()})


def from_published(state: Mapping[str, Tensor]) -> SAINet:
    """As `load_published`, of a state dict."""
    roles: dict[Place, set[str]] = {}
    haars: list[Place] = []
    for key in state:
        if match := _BLOCK.fullmatch(key):
            roles.setdefault((_ORDER[match[1]], int(match[2])), set()).add(match[3])
        elif match := _HAAR.fullmatch(key):
            haars.append((-1 if match[1] == "haar_operations" else 0, int(match[2])))
        elif key != "gmm.gmm_para":
            raise CodecError(f"neither SAIN nor IRN has a tensor {key[:80]!r}")
    if not haars or not roles:
        raise CodecError("not a checkpoint of SAIN or IRN: it has no Haar step or no coupling block")
    steps = sorted([*haars, *roles])
    levels: list[list[dict[str, str]]] = []
    names: dict[Place, str] = {}
    for place in steps:
        if place in haars:
            levels.append([])
            continue
        if not levels:
            raise CodecError("not a checkpoint of SAIN or IRN: a coupling block stands before the first Haar step")
        names[place] = f"levels.{len(levels) - 1}.{len(levels[-1])}"
        levels[-1].append({role: f"dense-{_growth(state, place, role)}" for role in sorted(roles[place])})
    mixture = state.get("gmm.gmm_para")
    latent = "zero" if mixture is None else f"mixture-{mixture.shape[1]}"
    net = SAINet(SAINConfig(tuple(tuple(level) for level in levels), latent))
    try:
        net.load_state_dict({_renamed(key, names): value for key, value in state.items() if "haar" not in key})
    except RuntimeError as error:
        raise CodecError(f"the checkpoint's tensors do not fit together: {error}") from None
    return net.eval()


def _growth(state: Mapping[str, Tensor], place: Place, role: str) -> int:
    for key in ("down_operations", "comp_operations", "operations"):
        weight = state.get(f"{key}.{place[1]}.{role}.conv1.weight")
        if weight is not None and _ORDER[key] == place[0]:
            return weight.shape[0]
    raise CodecError(f"block {place[1]} of the checkpoint has no {role}.conv1.weight")


def _renamed(key: str, names: Mapping[Place, str]) -> str:
    match = _BLOCK.fullmatch(key)
    if match is None:
        return "latent.gmm_para"
    return f"{names[_ORDER[match[1]], int(match[2])]}.{match[3]}.{match[4]}"
