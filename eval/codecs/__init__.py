"""Codecs under test, by the names that the command line takes."""

import json

from codec.models import registry
from eval.codecs.base import Codec, MissingCodecError
from eval.codecs.learned import CompressAI
from eval.codecs.ordinary import ORDINARY
from eval.codecs.ours import BoxDecoded, Ours, Resaved, SROnly

DEFAULT = ("ours", "jpeg", "jpeg-flat", "webp", "avif", "heif", "lanczos-x2-jpeg", "sr-only")
ROBUSTNESS = ("ours", *(f"resaved-{quality}" for quality in (95, 85, 75, 60)), "box-chroma")


def models() -> list[str]:
    """Short names of all shipped models."""
    return sorted(json.loads((registry.FOLDER / "latest.json").read_text()))


def choices() -> list[str]:
    """All names that `build` takes, the capitals standing for what is meant."""
    return [*DEFAULT[:1], *models(), "sr-only", "box-chroma", "resaved-QUALITY", *ORDINARY, "compressai:ARCHITECTURE"]


def build(name: str) -> Codec:
    """The codec of a name; raises ValueError naming the choices."""
    if name.startswith("compressai:"):
        return CompressAI(name.removeprefix("compressai:"))
    if name in ORDINARY:
        return ORDINARY[name]
    if name == "ours":
        return Ours()
    if name in models():
        return Ours(name)
    if name == "sr-only":
        return SROnly()
    if name == "box-chroma":
        return BoxDecoded()
    if name.startswith("resaved-") and name[8:].isdigit() and 1 <= int(name[8:]) <= 100:
        return Resaved(again=int(name[8:]))
    raise ValueError(f"unknown codec {name!r}: choose from {', '.join(choices())}")


__all__ = ["DEFAULT", "ROBUSTNESS", "Codec", "MissingCodecError", "build", "choices", "models"]
