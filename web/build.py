"""What the demo needs and git does not keep: models as ONNX, the tables of all models, pictures. `make web`.

`python -m web.build MODEL…` makes further models, for a page that shows their files.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Literal

import codec
from codec.errors import CodecError
from codec.models import registry
from codec.models.choice import model_of
from codec.models.description import describe
from codec.models.weights import read_weights
from codec.networks import graphs
from codec.networks.packing import smallest
from eval.codecs import build
from eval.metrics import psnr
from eval.runner import load_picture

HERE = Path(__file__).parent
ROOT = HERE.parent
MODELS, PICTURES = HERE / "models", HERE / "demo" / "pictures"
SOURCES = {"kodim20.png": ROOT / "codec" / "samples", **{
    f"kodim{number}-crop.png": ROOT / "tests" / "pictures" for number in ("04", "08", "23")
}}  # fmt: skip
QUALITY = 60
SCALES: tuple[Literal[1, 2], ...] = (2, 1)
JPEG = build("jpeg")


def write_tables(folder: Path) -> None:
    """`tables.json`, by which a JPEG without header is recognised: all released models, the oldest first."""
    described = {name: describe(name) for name in registry.available()}
    known = {
        name: {"scale": model.scale, "tables": model.tables.reshape(2, 64).tolist()}
        for name, model in described.items()
    }
    (folder / "tables.json").write_text(json.dumps(known))


def default_models() -> list[str]:
    """Those by which `codec.encode` makes JPEGs of either scale, unless told otherwise."""
    return [registry.resolve(model_of(scale, "eye", "jpeg")) for scale in SCALES]


def write_models(folder: Path, models: Iterable[str] = ()) -> None:
    """The way back of the default models, and of `models`, as `NAME.upscale.onnx`; and `tables.json`.

    A byte a weight where the weights were trained so, else two. Raises `CodecError`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_tables(folder)
    for name in dict.fromkeys([*default_models(), *map(registry.resolve, models)]):
        if (folder / f"{name}.upscale.onnx").exists():
            continue
        packing = smallest(read_weights(registry.path_of(name)).tensors)
        with tempfile.TemporaryDirectory(dir=folder) as partial:
            (made,) = graphs.write(name, Path(partial), packing, ways=["upscale"])  # nobody encodes in a page
            made.replace(folder / made.name)


def write_pictures(folder: Path) -> None:
    """Files of both scales, and `index.json`: their bytes, and those of ordinary ones."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = []
    for scale, (name, source) in product(SCALES, SOURCES.items()):
        path, file = source / name, f"{Path(name).stem}-x{scale}.jpg"
        photo, sent = load_picture(path), codec.encode(path, QUALITY, scale=scale)
        (folder / file).write_bytes(sent)
        height, width = photo.shape[:2]
        reached = psnr(photo, codec.decode(sent, to="numpy"))
        jpegs = (JPEG.encode(photo, quality) for quality in range(5, 101))
        equal = next(data for data in jpegs if psnr(photo, JPEG.decode(data, (width, height))) >= reached)
        listed.append(
            {
                "file": f"pictures/{file}",
                "width": width,
                "height": height,
                "sent": len(sent),
                "jpeg": len(equal),
                "png": path.stat().st_size,
                "psnr": round(reached, 2),
            }
        )
    (folder / "index.json").write_text(json.dumps(listed))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="further models whose files the page shows")
    try:
        write_models(MODELS, parser.parse_args().models)
        if not (PICTURES / "index.json").exists():
            write_pictures(PICTURES)
    except CodecError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
