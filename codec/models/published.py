"""Published SAIN and IRN checkpoints (`.pth`) as networks of ours: only the names of their tensors differ.

SAIN   haar_operations.N.haar_weights   down_operations.N.{E,F,G,H}.convK   comp_operations.N.{F,G,H}.convK
       gmm.gmm_para
IRN    operations.N.haar_weights | operations.N.{F,G,H}.convK, in the order in which they are applied
"""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from codec.errors import CodecError, one_line
from codec.models.config import SAINConfig
from codec.models.sain import SAINet

_BLOCK = re.compile(r"(down_operations|comp_operations|operations)\.(\d{1,4})\.([EFGH])\.(conv[1-5]\.(?:weight|bias))")
_HAAR = re.compile(r"(haar_operations|operations)\.(\d{1,4})\.haar_weights")
_LISTS = ("haar_operations", "down_operations", "comp_operations", "operations")
"""The first three are SAIN's, in the order in which they are applied, the last one IRN's."""

Place = tuple[int, int]
"""Where a step stands in a checkpoint: its list's rank in `_LISTS`, its index there."""


def load_published(path: Path) -> SAINet:
    """The network of a published `.pth`; configuration read off its keys. Raises `CodecError`.

    The file is read with `weights_only=True`: nothing in it is ever executed.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged pickles can raise anything
        reason = one_line(error).partition(". ")[0]  # torch goes on to say how to read it unsafely
        raise CodecError(f"{path} is not a checkpoint of tensors alone: {reason}") from None
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise CodecError(f"{path} is not a mapping from names to tensors")
    return from_published({str(k).removeprefix("module."): v for k, v in state.items()})


def from_published(state: Mapping[str, Tensor]) -> SAINet:
    """As `load_published`, of a state dict."""
    haars, roles = _steps(state)
    if not haars or not roles:
        raise CodecError("not a checkpoint of SAIN or IRN: it has no Haar step or no coupling block")
    if haars & set(roles) or len({_LISTS[rank] == "operations" for rank, _ in (*haars, *roles)}) > 1:
        raise CodecError("not a checkpoint of SAIN or IRN, but of both, or with two steps in one place")
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
    config = SAINConfig(tuple(tuple(level) for level in levels), _latent(state))
    try:
        net = SAINet(config)
        net.load_state_dict({_renamed(key, names): value for key, value in state.items() if "haar" not in key})
    except Exception as error:
        raise CodecError(f"the checkpoint's tensors do not fit together: {one_line(error)}") from None
    return net.eval()


def _steps(state: Mapping[str, Tensor]) -> tuple[set[Place], dict[Place, set[str]]]:
    """The places of Haar steps, and of coupling blocks, with their roles."""
    haars: set[Place] = set()
    roles: dict[Place, set[str]] = {}
    for key in state:
        if match := _BLOCK.fullmatch(key):
            roles.setdefault((_LISTS.index(match[1]), int(match[2])), set()).add(match[3])
        elif match := _HAAR.fullmatch(key):
            haars.add((_LISTS.index(match[1]), int(match[2])))
        elif key != "gmm.gmm_para":
            raise CodecError(f"neither SAIN nor IRN has a tensor {key[:80]!r}")
    return haars, roles


def _growth(state: Mapping[str, Tensor], place: Place, role: str) -> int:
    name = f"{_LISTS[place[0]]}.{place[1]}.{role}.conv1.weight"
    weight = state.get(name)
    if weight is None or weight.ndim != 4 or not weight.numel():
        raise CodecError(f"the checkpoint has no convolution {name}")
    return weight.shape[0]


def _latent(state: Mapping[str, Tensor]) -> str:
    mixture = state.get("gmm.gmm_para")
    if mixture is None:
        return "zero"
    if mixture.ndim != 2 or not mixture.numel():
        raise CodecError(f"the checkpoint's gmm.gmm_para is no mixture: it is {list(mixture.shape)}")
    return f"mixture-{mixture.shape[1]}"


def _renamed(key: str, names: Mapping[Place, str]) -> str:
    match = _BLOCK.fullmatch(key)
    if match is None:
        return "latent.gmm_para"
    return f"{names[_LISTS.index(match[1]), int(match[2])]}.{match[3]}.{match[4]}"
