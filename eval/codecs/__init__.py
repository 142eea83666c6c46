"""Codecs under test, by the names that the command line takes."""

import re
from dataclasses import replace

from codec.carriers import carriers
from codec.models import registry
from eval.codecs.base import Codec, MissingCodecError
from eval.codecs.learned import CompressAI
from eval.codecs.ordinary import ORDINARY
from eval.codecs.ours import REFINED, BoxDecoded, Ours, Resaved, SROnly

DEFAULT = (
    *("ours", "ours+compact", "ours+effort5", "sain-x2-base"),
    *("ours-avif", "ours-heif", "ours-heif+compact"),
    *("jpeg", "jpeg-flat", "webp", "avif", "heif", "lanczos-x2-jpeg", "sr-only"),
)
CARRIERS = {name: each.lossy for name, each in carriers().items() if name != "jpeg"}
"""Other formats that can hold our LR picture -> whether they have qualities."""
CARRIER_QUALITIES = (10, 20, 30, 40, 50, 60, 70, 80, 90)
ROBUSTNESS = ("ours", *(f"resaved-{how}" for how in ("95", "85", "75", "plus20", "minus20", "85-75")), "box-chroma")
_VARIANT = re.compile(r"([\w-]+?)(?:\+effort(\d))?(\+compact)?")
_RESAVED = re.compile(r"resaved-(?:(plus|minus)(\d{1,2})|(\d{1,3}(?:-\d{1,3})*))")


def models() -> list[str]:
    """Short names of all shipped models."""
    return sorted(registry.latest())


def choices() -> list[str]:
    """All names that `build` takes, the capitals standing for what is meant."""
    ours = ["ours", *(f"ours-{name}" for name in CARRIERS), *models()]
    return [
        *ours,
        "OURS[+effortN][+compact]",
        "sr-only",
        "box-chroma",
        "resaved-QUALITY[-QUALITY…]",
        "resaved-plusN",
        "resaved-minusN",
        *ORDINARY,
        "compressai:ARCHITECTURE",
    ]


def build(name: str) -> Codec:
    """The codec of a name; raises ValueError naming the choices."""
    if name.startswith("compressai:"):
        return CompressAI(name.removeprefix("compressai:"))
    if name in ORDINARY:
        return ORDINARY[name]
    if name == "ours":
        return Ours()
    if "+" in name and (match := _VARIANT.fullmatch(name)):
        base, effort, compact = build(match[1]), int(match[2] or 0), bool(match[3])
        if type(base) is Ours:
            qualities = REFINED if effort else base.qualities
            return replace(base, effort=effort, form="compact" if compact else "xmp", qualities=qualities)
    if name.removeprefix("ours-") in CARRIERS:
        carrier = name.removeprefix("ours-")
        return Ours(format=carrier, qualities=CARRIER_QUALITIES if CARRIERS[carrier] else (75,))
    if name in models():
        return Ours(name)
    if name == "sr-only":
        return SROnly()
    if name == "box-chroma":
        return BoxDecoded()
    if resaved := _resaved(name):
        return resaved
    raise ValueError(f"unknown codec {name!r}: choose from {', '.join(choices())}")


def _resaved(name: str) -> Resaved | None:
    match = _RESAVED.fullmatch(name)
    if match is None:
        return None
    sign, number, numbers = match.groups()
    if sign:
        return Resaved(again=(int(number) * (1 if sign == "plus" else -1),), relative=True)
    again = tuple(map(int, numbers.split("-")))
    return Resaved(again=again) if all(1 <= quality <= 100 for quality in again) else None


__all__ = ["DEFAULT", "ROBUSTNESS", "Codec", "MissingCodecError", "build", "choices", "models"]
