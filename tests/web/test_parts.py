"""PNG, turning and tiles, in node; and types that hold."""

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

import codec
from codec.picture import Pixels
from codec.rescaler import _tiles
from tests.conftest import PICTURES, pixels_of
from tests.web.pictures import SRGB, shown
from tests.web.site import WEB

SCRIPT = Path(__file__).with_name("png.mjs")


def run(node: str, pixels: Pixels, icc: bytes | None = None, cuts: tuple[int, ...] = (8, 4, 2, 2)) -> dict[str, Any]:
    height, width = pixels.shape[:2]
    channels = 3 if pixels.ndim == 3 else 1
    given = {"width": width, "height": height, "channels": channels, "pixels": pixels.ravel().tolist(), "cuts": cuts}
    text = json.dumps(given | {"icc": icc and list(icc)})
    done = subprocess.run([node, str(SCRIPT)], input=text, capture_output=True, text=True, check=True, timeout=60)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("grey", [False, True])
def test_pngs_hold_the_pixels_turned_as_pillow_turns_them(node: str, grey: bool) -> None:
    pixels = pixels_of(PICTURES / "kodim04-crop.png")[:17, :23]
    pixels = pixels[..., 0] if grey else pixels
    for n, file in enumerate(run(node, pixels, SRGB)["files"], 1):
        img, wanted = shown(base64.b64decode(file)), Image.fromarray(pixels)
        wanted.getexif()[0x0112] = n
        assert img.mode == ("L" if grey else "RGB")
        assert np.array_equal(np.array(img), np.array(ImageOps.exif_transpose(wanted)))
        assert img.info["icc_profile"] == SRGB


@pytest.mark.parametrize(("scale", "alignment"), [(2, 2), (1, 4), (2, 4)])
@pytest.mark.parametrize(("tile", "overlap"), [(8, 4), (16, 8), (64, 4), (8, 0), (12, 4)])
def test_tiles_are_cut_and_put_together_as_python_does(
    node: str, tile: int, overlap: int, scale: int, alignment: int
) -> None:
    pixels = pixels_of(PICTURES / "kodim08-crop.png")[:21, :37]
    answer = run(node, pixels, cuts=(tile, overlap, alignment, scale))
    enlarged = pixels.repeat(scale, 0).repeat(scale, 1)[: 21 * scale - (scale - 1)]  # of an odd height
    assert np.array_equal(np.array(answer["full"], np.uint8).reshape(enlarged.shape), enlarged)
    across = [(inner[1].start, outer[1]) for inner, outer, _ in _tiles(1, 37, tile, overlap, alignment)]
    down = [(inner[0].start, outer[0]) for inner, outer, _ in _tiles(21, 1, tile, overlap, alignment)]
    assert answer["sizes"] == [[x, y, w.stop - w.start, h.stop - h.start] for y, h in down for x, w in across]


def test_types_hold(packages: Path) -> None:
    npx = shutil.which("npx") or pytest.skip("npx is not at hand")
    if not (packages / "typescript").exists():
        pytest.skip("typescript is not installed")
    done = subprocess.run([npx, "--no-install", "tsc"], cwd=WEB, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_package_holds_what_it_needs_and_no_more(node: str) -> None:
    package = json.loads((WEB / "package.json").read_text())
    sources = {path.name for path in WEB.glob("*.js")}
    imported = {
        line.split('"')[1].removeprefix("./")
        for path in WEB.glob("*.js")
        for line in path.read_text().splitlines()
        if line.startswith("import ")
    }
    assert imported | {"sain.js", "worker.js"} == sources
    assert package["files"] == ["*.js", "sain.d.ts"]
    assert package["version"] == codec.__version__
    assert all((WEB / path).is_file() for path in ("sain.d.ts", "README.md"))
    script = "import('./web/sain.js').then(({ configure }) => process.exit(typeof configure === 'function' ? 0 : 1))"
    assert subprocess.run([node, "-e", script], cwd=WEB.parent, check=False).returncode == 0
