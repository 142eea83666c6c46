"""Results that are kept as soon as they are there, so that the same command goes on where it was stopped."""

import json
from pathlib import Path
from typing import Any


def kept(out: Path, about: dict[str, Any]) -> list[Any]:
    """The results in a file `{"about": …, "results": […]}`; none if it is not there.

    Raises SystemExit if they are of something else than `about`.
    """
    if not out.exists():
        return []
    known = json.loads(out.read_text())
    if known["about"] != json.loads(json.dumps(about)):  # tuples are lists there
        raise SystemExit(f"{out} has results of {known['about']}: name another --out")
    results: list[Any] = known["results"]
    return results
