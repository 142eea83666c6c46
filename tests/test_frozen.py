"""Files of every released format version and model decode for ever, to the same picture.

`tests/frozen/VERSION-MODEL.jpg` lies beside the `.png` that it must decode to. `python -m tests.test_frozen` writes the
pair for a model that has none yet; existing pairs are never written again.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import codec
from codec import header
from codec.models import registry
from tests.conftest import PICTURES, pixels_of

FROZEN = Path(__file__).parent / "frozen"


@pytest.mark.parametrize("path", sorted(FROZEN.glob("*.jpg")), ids=lambda p: p.stem)
def test_frozen_files(path: Path) -> None:
    restored = codec.decode(path, to="numpy")
    difference = np.abs(restored.astype(int) - pixels_of(path.with_suffix(".png")))
    assert difference.max() <= 1


def test_every_latest_model_has_a_frozen_file() -> None:
    latest = json.loads((registry.FOLDER / "latest.json").read_text())
    assert {path.stem.partition("-")[2] for path in FROZEN.glob("*.jpg")} >= set(latest.values())


def freeze() -> None:
    """Write the pairs that are missing."""
    photo = pixels_of(PICTURES / "kodim23-crop.png")[:95, :127]  # odd sides: the last column and row count too
    for model in json.loads((registry.FOLDER / "latest.json").read_text()).values():
        path = FROZEN / f"v{header.VERSION}-{model}.jpg"
        if not path.exists():
            path.write_bytes(codec.encode(photo, 75, model=model))
            Image.fromarray(codec.decode(path, to="numpy")).save(path.with_suffix(".png"))


if __name__ == "__main__":
    freeze()
