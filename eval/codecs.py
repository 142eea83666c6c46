"""Codecs under test, behind one interface: what a user would store, and what comes back."""

import io
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from PIL import Image

import codec
from codec.picture import Pixels


class Codec(Protocol):
    """One way to store a picture. Pixels are uint8 `[H, W, 3]`; `quality` is the format's own, 1…100."""

    @property
    def name(self) -> str: ...

    def encode(self, pixels: Pixels, quality: int) -> bytes: ...

    def decode(self, data: bytes) -> Pixels: ...


@dataclass(frozen=True)
class Ours:
    """`codec.encode` and `codec.decode`, header and all."""

    model: str = "sain-x2-lite"

    @property
    def name(self) -> str:
        return self.model

    def encode(self, pixels: Pixels, quality: int) -> bytes:
        return codec.encode(pixels, quality, model=self.model)

    def decode(self, data: bytes) -> Pixels:
        return codec.decode(data, to="numpy")


def save(pixels: Pixels, quality: int) -> bytes:
    """A JPEG as a careful pipeline writes it: optimised Huffman tables, progressive, Pillow's 4:2:0."""
    out = io.BytesIO()
    options: dict[str, Any] = {"quality": quality, "optimize": True, "progressive": True}
    Image.fromarray(pixels).save(out, "JPEG", **options)
    return out.getvalue()


def load(data: bytes) -> Pixels:
    """RGB pixels of an ordinary picture."""
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))


@dataclass(frozen=True)
class FullSizeJPEG:
    """The picture itself as a JPEG."""

    name: str = "JPEG"

    def encode(self, pixels: Pixels, quality: int) -> bytes:
        return save(pixels, quality)

    def decode(self, data: bytes) -> Pixels:
        return load(data)


@dataclass(frozen=True)
class HalfSizeJPEG:
    """Lanczos down, JPEG, Lanczos up: the same idea without a network. Even sizes only."""

    name: str = "Lanczos x2 + JPEG"

    def encode(self, pixels: Pixels, quality: int) -> bytes:
        half = pixels.shape[1] // 2, pixels.shape[0] // 2
        return save(np.array(Image.fromarray(pixels).resize(half, Image.Resampling.LANCZOS)), quality)

    def decode(self, data: bytes) -> Pixels:
        img = Image.fromarray(load(data))
        return np.array(img.resize((2 * img.width, 2 * img.height), Image.Resampling.LANCZOS))
