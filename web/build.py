"""What the demo needs and git does not keep: the model as ONNX, the tables of all models, pictures. `make web`."""

import io
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import codec
from codec.models import registry
from codec.models.description import describe
from codec.networks import graphs

HERE = Path(__file__).parent
ROOT = HERE.parent
MODELS, PICTURES = HERE / "models", HERE / "demo" / "pictures"
SOURCES = {"kodim20.png": ROOT / "codec" / "samples", **{
    f"kodim{number}-crop.png": ROOT / "tests" / "pictures" for number in ("04", "08", "23")
}}  # fmt: skip
QUALITY = 60


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
        graphs.write(name, Path(partial), "half")
        (Path(partial) / f"{name}.upscale.onnx").replace(folder / f"{name}.upscale.onnx")


def _psnr(data: bytes, original: np.ndarray[Any, Any]) -> float:
    with Image.open(io.BytesIO(data)) as img:
        error = np.asarray(img.convert("RGB"), float) - original
    return float(10 * np.log10(255**2 / np.mean(error**2)))


def _jpeg(img: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    img.save(out, "JPEG", quality=quality, optimize=True, progressive=True)
    return out.getvalue()


def write_pictures(folder: Path) -> None:
    """Small files, and `index.json`: their bytes, and those of full-size ones."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = []
    for name, source in SOURCES.items():
        path = source / name
        with Image.open(path) as img:
            photo = img.convert("RGB")
        original, small = np.asarray(photo, float), codec.encode(path, QUALITY)
        (folder / name).with_suffix(".jpg").write_bytes(small)
        restored = io.BytesIO()
        codec.decode(small).save(restored, "PNG")
        psnr = _psnr(restored.getvalue(), original)
        equal = next(data for q in range(5, 101) if _psnr(data := _jpeg(photo, q), original) >= psnr or q == 100)
        listed.append(
            {
                "file": f"pictures/{path.stem}.jpg",
                "width": photo.width,
                "height": photo.height,
                "small": len(small),
                "jpeg": len(equal),
                "png": path.stat().st_size,
                "psnr": round(psnr, 2),
            }
        )
    (folder / "index.json").write_text(json.dumps(listed))


if __name__ == "__main__":
    write_models(MODELS)
    if not (PICTURES / "index.json").exists():
        write_pictures(PICTURES)
