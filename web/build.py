"""What the demo needs and git does not keep: the model as ONNX, the tables of all models, pictures. `make web`."""

import json
import sys
import tempfile
from pathlib import Path

import codec
from codec.models import registry
from codec.models.description import describe
from codec.networks import graphs
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
JPEG = build("jpeg")


def write_tables(folder: Path) -> None:
    """`tables.json`, by which a JPEG without header is recognised: all released models, the oldest first."""
    described = {name: describe(name) for name in registry.available()}
    known = {
        name: {"scale": model.scale, "tables": model.tables.reshape(2, 64).tolist()}
        for name, model in described.items()
    }
    (folder / "tables.json").write_text(json.dumps(known))


def write_models(folder: Path) -> None:
    """The default model's way back as `NAME.upscale.onnx`, and `tables.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tables(folder)
    name = registry.resolve(registry.DEFAULT)
    if (folder / f"{name}.upscale.onnx").exists():
        return
    with tempfile.TemporaryDirectory(dir=folder) as partial:
        graphs.write(name, Path(partial), "grid")  # a byte a weight: what a page fetches
        (Path(partial) / f"{name}.upscale.onnx").replace(folder / f"{name}.upscale.onnx")


def write_pictures(folder: Path) -> None:
    """Small files, and `index.json`: their bytes, and those of full-size ones."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = []
    for name, source in SOURCES.items():
        path = source / name
        photo, small = load_picture(path), codec.encode(path, QUALITY)
        (folder / name).with_suffix(".jpg").write_bytes(small)
        height, width = photo.shape[:2]
        reached = psnr(photo, codec.decode(small, to="numpy"))
        jpegs = (JPEG.encode(photo, quality) for quality in range(5, 101))
        equal = next(data for data in jpegs if psnr(photo, JPEG.decode(data, (width, height))) >= reached)
        listed.append(
            {
                "file": f"pictures/{path.stem}.jpg",
                "width": width,
                "height": height,
                "small": len(small),
                "jpeg": len(equal),
                "png": path.stat().st_size,
                "psnr": round(reached, 2),
            }
        )
    (folder / "index.json").write_text(json.dumps(listed))


if __name__ == "__main__":
    try:
        write_models(MODELS)
        if not (PICTURES / "index.json").exists():
            write_pictures(PICTURES)
    except KeyboardInterrupt:
        sys.exit(130)
