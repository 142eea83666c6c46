"""Codecs under test, by the names that the command line takes."""

import re
from dataclasses import fields, replace
from typing import Any

from codec.carriers import carriers
from codec.models import registry
from eval.codecs.base import Codec, MissingCodecError
from eval.codecs.learned import CompressAI
from eval.codecs.ordinary import ORDINARY
from eval.codecs.ours import QUALITIES, REFINED, SCALED, BoxDecoded, Ours, Resaved, Shown, SROnly

PEERS = ("jpeg", "mozjpeg", "jpegli", "jxl", "webp", "avif", "heif", "lanczos-x2-jpeg")
"""What one would use instead."""
DEFAULT = (
    *("ours", "ours+scaleauto", "ours+scale1", "ours+scale1+shown"),
    *("ours+psnr", "ours+scaleauto+psnr", "ours+scale1+psnr"),
    *("ours+compact", "ours+effort5", "sain-x2-base"),
    *("ours-avif", "ours-heif", "ours-heif+compact"),
    *(f"ours-{carrier}+scale1{tune}" for carrier in ("webp", "avif", "heif") for tune in ("", "+psnr")),
    *PEERS,
    *("jpeg-flat", "sr-only"),
)
CARRIERS = {name: each.lossy for name, each in carriers().items() if name != "jpeg"}
"""Other formats that can hold our LR picture -> whether they have qualities."""
CARRIER_QUALITIES = (10, 20, 30, 40, 50, 60, 70, 80, 90)
ROBUSTNESS = ("ours", *(f"resaved-{how}" for how in ("95", "85", "75", "plus20", "minus20", "85-75")), "box-chroma")
_VARIANT = re.compile(
    r"(?P<base>[\w-]+?)(?:\+scale(?P<scale>[124]|auto))?(?:\+effort(?P<effort>\d))?"
    r"(?:\+(?P<tune>eye|psnr))?(?P<compact>\+compact)?(?P<shown>\+shown)?"
)
_RESAVED = re.compile(r"resaved-(?:(plus|minus)(\d{1,2})|(\d{1,3}(?:-\d{1,3})*))")


def models() -> list[str]:
    """Short names of all shipped models."""
    return sorted(registry.latest())


def choices() -> list[str]:
    """All names that `build` takes, the capitals standing for what is meant."""
    ours = ["ours", *(f"ours-{name}" for name in CARRIERS), *models()]
    return [
        *ours,
        "OURS[+scaleN|+scaleauto][+effortN][+eye|+psnr][+compact][+shown]",
        "plain",
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
    if name == registry.PLAIN:
        return Ours(registry.PLAIN)
    if "+" in name and (variant := _variant(name)):
        return variant
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


def _variant(name: str) -> Ours | None:
    match = _VARIANT.fullmatch(name)
    base = build(match["base"]) if match else None
    if match is None or type(base) is not Ours:
        return None
    changes: dict[str, Any] = {"effort": int(match["effort"] or 0), "form": "compact" if match["compact"] else "xmp"}
    if match["scale"] or match["tune"]:
        if match["base"].partition("-")[0] != "ours":
            return None
        # they choose the model
        changes |= {"model": None, "scale": _scale(match["scale"]), "tune": match["tune"]}
    if match["scale"] and base.qualities == QUALITIES:
        changes["qualities"] = SCALED
    if changes["effort"]:
        changes["qualities"] = REFINED
    changed = replace(base, **changes)
    if not match["shown"]:
        return changed
    return Shown(**{field.name: getattr(changed, field.name) for field in fields(changed)})


def _scale(text: str | None) -> Any:
    return int(text) if text and text.isdigit() else text


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
