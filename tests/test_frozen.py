"""Files of every released format version, model, carrier and header form decode for ever, to the same picture.

`tests/frozen/v1/MODEL/CARRIER-FORM.suffix` lies beside the picture that it must decode to (`.png`, exact up to one
level) and, where the header is kept apart, the header (`.json`). `python -m tests.test_frozen` writes what a model has
not got yet; what is there is never written again.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import codec
from codec import carriers, header
from codec.jpeg.tables import STANDARD
from codec.models import registry
from codec.models.description import describe
from codec.picture import Pixels
from tests.conftest import PICTURES, pixels_of

FROZEN = Path(__file__).parent / "frozen"
MODELS = (*registry.latest().values(), registry.PLAIN)
FORMS = {
    "jpeg": ("xmp", "compact", "none", "detached", "alpha"),
    **dict.fromkeys(("heif", "avif", "webp", "png"), ("xmp", "compact", "detached", "alpha")),
}
"""Carriers that every installation of the tests can read -> forms."""
ANSWER = ".expected.png"
FILES = sorted(
    path
    for path in FROZEN.glob("v*/*/*")
    if path.suffix != ".json" and not path.name.endswith(ANSWER)
)  # fmt: skip


def forms_of(model: str, name: str) -> tuple[str, ...]:
    """A carrier's: none of a PNG at full size, which no network takes.

    Standard tables name no model: a file that has them must say of which it is.
    """
    if name == "png" and describe(model).scale == 1 and model != registry.PLAIN:
        return ()
    forms = FORMS[name]
    nameless = np.array_equal(describe(model).tables, STANDARD)
    return tuple(form for form in forms if not (nameless and form == "none"))


def answer_of(path: Path) -> Path:
    return path.with_name(path.stem + ANSWER)


def restored(path: Path) -> Pixels:
    beside = path.with_suffix(".json")
    return codec.decode(path, to="numpy", header=beside.read_text() if beside.exists() else None)


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_frozen_files(path: Path) -> None:
    with Image.open(answer_of(path)) as img:
        expected = np.array(img)
    pixels = restored(path)
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).max() <= 1
    if "alpha" in path.stem:
        assert np.array_equal(pixels[..., 3], expected[..., 3])


def test_every_latest_model_has_frozen_files() -> None:
    for model in MODELS:
        names = {path.stem for path in FILES if path.parent.name == model}
        assert names >= {f"{carrier}-{form}" for carrier in FORMS for form in forms_of(model, carrier)}


def freeze() -> None:
    """Write what is missing."""
    photo = pixels_of(PICTURES / "kodim23-crop.png")
    for model in MODELS:
        folder = FROZEN / f"v{header.VERSION}" / model
        folder.mkdir(parents=True, exist_ok=True)
        for name in FORMS:
            for form in forms_of(model, name):
                path = folder / f"{name}-{form}{carriers.get(name).suffixes[0]}"
                if not path.exists():
                    _write(path, photo, name, form, model)


def _write(path: Path, photo: Pixels, name: str, form: str, model: str) -> None:
    # odd sides: the last column and row count too; without any header, only an even size can be told
    pixels = photo[:96, :128] if form == "none" else photo[:95, :127]
    if form == "alpha":
        rows, columns = np.indices(pixels.shape[:2])
        mask = np.uint8(255) * ((rows - 47) ** 2 + (columns - 63) ** 2 < 40**2)
        pixels = np.dstack([pixels, mask])
    if form == "detached":
        data, beside = codec.encode_detached(pixels, 60, format=name, model=model)
        path.with_suffix(".json").write_text(json.dumps(beside.to_json()) + "\n")
    else:
        data = codec.encode(pixels, 60, format=name, model=model, header="xmp" if form == "alpha" else form)  # type: ignore[arg-type]
    path.write_bytes(data)
    Image.fromarray(restored(path)).save(answer_of(path))


if __name__ == "__main__":
    freeze()
