"""Start a wide or deep network from the weights of a small one, with the small one's function (Net2Net, 1511.05641)."""

from collections.abc import Mapping

import torch
from torch import Tensor

from codec.models.making import Net

ENCODER = "enhance."
"""Begins the names of what a decoder of scale 1 does not run."""


@torch.no_grad()
def grow(model: Net, small: Mapping[str, Tensor]) -> None:
    """Load `small` into `model`, whose layers may be wider and whose subnets may have more residual pairs.

    Old channels do not listen to new ones, so that the function is that of the small network; new channels listen to
    old ones with the random weights at hand, so that they have something to say as soon as somebody listens.
    Of a network of scale 1 the decoder alone is taken where `model` has no encoder. Raises ValueError where the
    networks differ in more than size.
    """
    state = model.state_dict()
    if not any(name.startswith(ENCODER) for name in state):  # a decoder alone
        small = {name: value for name, value in small.items() if not name.startswith(ENCODER)}
    if missing := sorted(set(small) - set(state)):
        raise ValueError(f"these weights are of another network, which has {missing[0]}")
    for name, old in small.items():
        new = state[name]
        if old.ndim != new.ndim or any(o > n for o, n in zip(old.shape, new.shape, strict=True)):
            raise ValueError(f"cannot grow {name} from {tuple(old.shape)} to {tuple(new.shape)}")
        if ".modulations." in name:  # gains of all channels, then shifts of all
            old, new = (t.view(2, -1, *t.shape[1:]).swapaxes(0, 1) for t in (old, new))
        new[: old.shape[0]] = 0
        new[tuple(slice(n) for n in old.shape)] = old
    for name in sorted(set(state) - set(small)):
        _silence(name, state[name])
    model.load_state_dict(state)


def _silence(name: str, tensor: Tensor) -> None:
    """An additional residual pair adds nothing at first: its second convolution is zero. So do other new parts."""
    if name.startswith(("latent.restore.", "embedding.", ENCODER)):
        return
    if ".pairs." not in name and ".modulations." not in name:
        raise ValueError(f"these weights are of another network, which has no {name}")
    if ".1." in name.rpartition(".pairs.")[2]:
        tensor.zero_()
