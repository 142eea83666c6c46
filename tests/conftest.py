"""What tests share: small photos that come with the repository, and the large sets where they are at hand."""

import io
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from codec.cli import main
from codec.picture import Pixels

PICTURES = Path(__file__).parent / "pictures"
SHARED = Path(__file__).parents[2] / "shared" / "data"


# a shell makes its background jobs deaf to SIGINT, and so would be the processes that tests interrupt
signal.signal(signal.SIGINT, signal.default_int_handler)


def pixels_of(path: Path) -> Pixels:
    with Image.open(path) as img:
        return np.array(img.convert("RGB"))


def to_tensor(pixels: Pixels) -> torch.Tensor:
    """uint8 `[H, W, 3]` or `[H, W]` -> float `[1, C, H, W]` in [0, 1]."""
    planes = pixels.transpose(2, 0, 1) if pixels.ndim == 3 else pixels[None]
    return torch.from_numpy(np.array(planes))[None].float() / 255


def psnr(a: Any, b: Any) -> float:
    error = np.mean((np.asarray(a, np.float64) - np.asarray(b, np.float64)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-10)))


def levels_apart(a: Pixels, b: Pixels) -> int:
    return int(np.abs(a.astype(int) - b).max())


def jpeg_bytes(pixels: Pixels, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", **options)
    return out.getvalue()


@pytest.fixture(params=sorted(PICTURES.glob("*.png")), ids=lambda p: p.stem)
def photo(request: pytest.FixtureRequest) -> Pixels:
    """A 192x144 detail of a Kodak picture."""
    return pixels_of(request.param)


@pytest.fixture
def one_photo() -> Pixels:
    return pixels_of(PICTURES / "kodim04-crop.png")


@pytest.fixture(scope="session")
def kodak() -> list[Path]:
    paths = sorted((SHARED / "kodak").glob("*.png"))
    if not paths:
        pytest.skip("the Kodak pictures are not at hand")
    return paths


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default model's graphs, as `codec export` writes them."""
    pytest.importorskip("onnxscript")
    folder = tmp_path_factory.mktemp("graphs")
    assert main(["export", "-o", str(folder)]) == 0
    return folder


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)
