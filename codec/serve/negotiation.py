"""Which format a client gets a restored picture in (RFC 9110, section 12.5.1)."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from codec.serve.errors import ApiError
from codec.serve.work import SAVING

FULL = {kind: f"image/{kind}" for kind in SAVING}
"""What restored pictures can be had in, the smallest first."""
LONGEST = 4096
"""Characters of Accept that are looked at."""
_WEIGHT = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")


class Claim(NamedTuple):
    """One member of Accept."""

    kind: str
    weight: float
    """0…1; 0 refuses."""


def claims(accept: str) -> list[Claim]:
    """What is claimed of media types; members that are malformed count as absent."""
    found = []
    for member in accept[:LONGEST].split(","):
        kind, *parameters = (part.strip().lower() for part in member.split(";"))
        weights = [p for p in parameters if p.startswith("q=")]
        match = _WEIGHT.fullmatch(weights[0]) if weights else None
        if "/" in kind and (match or not weights):
            found.append(Claim(kind, float(match[1]) if match else 1.0))
    return found


def _rank(media_type: str, found: Sequence[Claim]) -> tuple[float, bool]:
    """The weight of a type, by the most specific claim about it, and whether it was named."""
    for kind in (media_type, "image/*", "*/*"):
        weights = [claim.weight for claim in found if claim.kind == kind]
        if weights:
            return max(weights), kind == media_type
    return 0.0, False


def choose(accept: str | None) -> str:
    """A key of `FULL`; raises `ApiError` (406) when the client takes none of them.

    Of formats that are named with equal weight, the smallest; where none is named, JPEG, which everything shows.
    """
    found = claims(accept) if accept and accept.strip() else [Claim("*/*", 1.0)]
    ranks = {name: _rank(media_type, found) for name, media_type in FULL.items()}
    best = max(ranks.values())
    if not best[0]:
        raise ApiError("not_acceptable", f"a restored picture can be had as {', '.join(FULL.values())}")
    fitting = [name for name in FULL if ranks[name] == best]
    return fitting[0] if best[1] else fitting[-1]
