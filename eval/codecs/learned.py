"""CompressAI's learned codecs, where that package and its weights are at hand. Nothing of it is imported before.

Networks, entropy models (a factorised prior, or Gaussians whose scales a hyperprior gives) and range coder are the
package's own; every byte counts, as in its own evaluation, and four more for the length of each string.

Weights are `ARCHITECTURE-QUALITY-HASH.pth.tar` files as its model zoo downloads them, in `$COMPRESSAI_WEIGHTS` or in
torch's hub folder; none are fetched here.
"""

import importlib.util
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from codec.picture import Pixels
from eval.codecs.base import MissingCodecError
from eval.torchvision_shim import declare


def _import_zoo() -> Any:
    """`compressai.zoo`; raises `MissingCodecError`."""
    if importlib.util.find_spec("compressai") is None:
        raise MissingCodecError("compressai is not installed: pip install 'sain-codec[compressai]'")
    declare()
    return importlib.import_module("compressai.zoo")


def weights_folder() -> Path:
    """Where weights are looked for."""
    return Path(os.environ.get("COMPRESSAI_WEIGHTS") or Path(torch.hub.get_dir()) / "checkpoints")


def _find(architecture: str, quality: int) -> Path:
    found = sorted(weights_folder().glob(f"{architecture}-{quality}-*.pth.tar"))
    if not found:
        raise MissingCodecError(f"there are no weights {architecture}-{quality}-*.pth.tar in {weights_folder()}")
    return found[0]


@lru_cache(maxsize=2)
def _load(architecture: str, path: Path, quality: int) -> Any:
    zoo = _import_zoo()
    net = zoo.image_models[architecture](quality=quality, metric="mse", pretrained=False)
    state = torch.load(path, map_location="cpu", weights_only=True)
    net.load_state_dict(zoo.load_state_dict(state) if hasattr(zoo, "load_state_dict") else state)
    net.update()
    return net.eval()


@dataclass(frozen=True)
class CompressAI:
    """One architecture of the model zoo, trained for MSE; `quality` is the zoo's, 1…8 (1…6 for cheng2020)."""

    architecture: str

    @property
    def name(self) -> str:
        return f"CompressAI {self.architecture}"

    @property
    def description(self) -> str:
        return f"learned codec {self.architecture}, trained for MSE, its strings and their lengths as bytes"

    @property
    def qualities(self) -> Sequence[int]:
        return range(1, 7 if self.architecture.startswith("cheng2020") else 9)

    @property
    def identity(self) -> str:
        _import_zoo()
        files = [_find(self.architecture, quality).name for quality in self.qualities]
        return f"{self.name}; compressai {version('compressai')}; {' '.join(files)}"

    def _net(self, quality: int) -> Any:
        return _load(self.architecture, _find(self.architecture, quality), quality)

    @torch.no_grad()
    def encode(self, pixels: Pixels, quality: int) -> bytes:
        x = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255
        height, width = x.shape[-2:]
        coded = self._net(quality).compress(F.pad(x, (0, -width % 64, 0, -height % 64)))
        strings = [part[0] for part in coded["strings"]]
        head = struct.pack("<BHHB", quality, *coded["shape"], len(strings))
        return head + struct.pack(f"<{len(strings)}I", *map(len, strings)) + b"".join(strings)

    @torch.no_grad()
    def decode(self, data: bytes, size: tuple[int, int]) -> Pixels:
        quality, height, width, count = struct.unpack_from("<BHHB", data)
        start = 6 + 4 * count
        strings = []
        for length in struct.unpack_from(f"<{count}I", data, 6):
            strings.append([data[start : start + length]])
            start += length
        x = self._net(quality).decompress(strings, (height, width))["x_hat"][0].clamp(0, 1)
        restored: Pixels = (x * 255).round().byte().permute(1, 2, 0).numpy()
        return np.ascontiguousarray(restored[: size[1], : size[0]])

    def stored(self, data: bytes) -> Pixels | None:
        return None
