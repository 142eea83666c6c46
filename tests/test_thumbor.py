"""A running thumbor with our engine, beside one with its own, asked for the same pictures.

thumbor needs a Pillow below 13, so it has an environment of its own, which is made where it is missing (a minute, a
gigabyte): `SAIN_THUMBOR_VENV=/tmp/thumbor pytest tests/test_thumbor.py`.
"""

import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import codec
from tests.conftest import PICTURES, jpeg_bytes, pixels_of, psnr

ROOT = Path(__file__).parents[1]
VENV = os.environ.get("SAIN_THUMBOR_VENV", "")
ENGINES = ("codec.integrations.thumbor", "thumbor.engines.pil")
if not VENV:
    pytest.skip("SAIN_THUMBOR_VENV names no environment for thumbor", allow_module_level=True)


@dataclass
class Server:
    """One that runs."""

    port: int
    log: Path

    def get(self, path: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, b""

    def answers(self) -> bool:
        """Whether it is up."""
        try:
            return self.get("/healthcheck")[0] == 200
        except OSError:
            return False

    def image(self, options: str, name: str = "photo.jpg") -> Image.Image:
        """Without a loss."""
        status, data = self.get(f"/unsafe/{options}/filters:format(png)/{name}".replace("//", "/"))
        assert status == 200
        return Image.open(io.BytesIO(data)).convert("RGB")

    def restored(self) -> int:
        """How many times so far."""
        return self.log.read_text().count("restored in full")


@pytest.fixture(scope="module")
def python() -> str:
    """thumbor's."""
    program = Path(VENV) / "bin" / "python"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        wanted = ["-c", str(ROOT / "constraints.txt"), f"{ROOT}[torch,thumbor]"]
        subprocess.run([program, "-m", "pip", "install", "--quiet", *wanted], check=True)
    return str(program)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    photo = pixels_of(PICTURES / "kodim04-crop.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    turned, alpha = Image.fromarray(photo), Image.fromarray(photo)
    turned.info["exif"] = exif.tobytes()
    alpha.putalpha(Image.linear_gradient("L").resize(alpha.size))
    small = codec.encode(photo)
    stale = io.BytesIO()
    with Image.open(io.BytesIO(small)) as img:
        img.save(stale, "JPEG", quality=80, xmp=img.info["xmp"])
    files = {
        "photo.jpg": small,
        "full.jpg": codec.encode(photo, scale=1),
        "photo.webp": codec.encode(photo, format="webp"),
        "odd.jpg": codec.encode(photo[:143, :191]),
        "grey.jpg": codec.encode(photo[..., 1]),
        "turned.jpg": codec.encode(turned),
        "clear.webp": codec.encode(alpha, format="webp"),
        "plain.jpg": jpeg_bytes(photo),
        "plain.png": (PICTURES / "kodim04-crop.png").read_bytes(),
        "cut.jpg": jpeg_bytes(photo)[:2000],
        "text.jpg": b"none",
        "stale.jpg": stale.getvalue(),
        "later.jpg": small.replace(codec.inspect(small).header.model[-8:].encode(), b"00000000"),
        "lying.jpg": small.replace(b"192x144", b"99999x99999"),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


@contextmanager
def started(python: str, folder: Path, pictures: Path, engine: str) -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "LOADER": "thumbor.loaders.file_loader", "FILE_LOADER_ROOT_PATH": str(pictures), "ENGINE": engine,
        "STORAGE": "thumbor.storages.no_storage", "RESPECT_ORIENTATION": True, "ENGINE_THREADPOOL_SIZE": 2,
    }  # fmt: skip
    config, log = folder / f"{engine}.conf", folder / f"{engine}.log"
    config.write_text("".join(f"{name} = {value!r}\n" for name, value in settings.items()))
    server, env = Server(port, log), {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [python, "-m", "thumbor.server", "-i", "127.0.0.1", "-p", str(port), "-c", str(config), "-l", "debug"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=env)
    try:
        until = time.monotonic() + 60
        while not server.answers():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until
            time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def servers(python: str, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """With our engine, and with thumbor's."""
    folder = tmp_path_factory.mktemp("servers")
    ours, stock = ENGINES
    with started(python, folder, pictures, ours) as first, started(python, folder, pictures, stock) as second:
        yield first, second


@pytest.fixture
def ours(servers: tuple[Server, Server]) -> Server:
    return servers[0]


@pytest.fixture(scope="module")
def full(pictures: Path) -> Image.Image:
    return codec.decode(pictures / "photo.jpg")


@pytest.fixture(scope="module")
def small(pictures: Path) -> Image.Image:
    with Image.open(pictures / "photo.jpg") as img:
        return img.convert("RGB")


def test_the_full_picture_where_nothing_else_is_asked_for(ours: Server, full: Image.Image) -> None:
    served = ours.image("")
    assert served.size == (192, 144)
    assert np.abs(np.asarray(served, np.int16) - np.asarray(full, np.int16)).max() <= 1


@pytest.mark.parametrize(
    ("options", "size", "box"),
    [
        ("96x72", (96, 72), (0, 0, 96, 72)),
        ("fit-in/90x90", (90, 68), (0, 0, 96, 72)),
        ("50x50", (50, 50), (12, 0, 84, 72)),
        ("96x72:192x144/48x36", (48, 36), (48, 36, 96, 72)),
        ("-48x36", (-48, 36), (0, 0, 96, 72)),
    ],
)
def test_no_network_where_the_small_picture_has_as_many_pixels(
    options: str, size: tuple[int, int], box: tuple[int, int, int, int], ours: Server, small: Image.Image
) -> None:
    before = ours.restored()
    served = ours.image(options)
    expected = small.resize((abs(size[0]), size[1]), Image.Resampling.LANCZOS, box)
    if size[0] < 0:
        expected = expected.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert served.size == expected.size
    assert psnr(served, expected) > 40
    assert ours.restored() == before


@pytest.mark.parametrize(
    ("options", "size", "box"),
    [
        ("97x73", (97, 73), (0, 0, 192, 144)),
        ("192x0", (192, 144), (0, 0, 192, 144)),
        ("fit-in/150x150", (150, 113), (0, 0, 192, 144)),
        ("96x72:192x144", (96, 72), (96, 72, 192, 144)),
        ("96x72:192x144/60x45", (60, 45), (96, 72, 192, 144)),
    ],
)
def test_restored_where_more_pixels_are_asked_for(
    options: str, size: tuple[int, int], box: tuple[int, int, int, int], ours: Server, full: Image.Image
) -> None:
    before = ours.restored()
    served = ours.image(options)
    assert served.size == size
    assert psnr(served, full.resize(size, Image.Resampling.LANCZOS, box)) > 40
    assert ours.restored() == before + 1


def test_full_size_files_are_restored_only_at_full_size(ours: Server, pictures: Path) -> None:
    before = ours.restored()
    assert ours.image("96x72", "full.jpg").size == (96, 72)
    assert ours.restored() == before
    expected = codec.decode(pictures / "full.jpg")
    assert np.abs(np.asarray(ours.image("", "full.jpg"), np.int16) - np.asarray(expected, np.int16)).max() <= 1
    assert ours.restored() == before + 1


def test_other_formats_odd_sides_and_grey(ours: Server, pictures: Path) -> None:
    for name in ("photo.webp", "odd.jpg", "grey.jpg"):
        expected = codec.decode(pictures / name).convert("RGB")
        assert ours.image("", name).size == expected.size
        assert psnr(ours.image("", name), expected) > 50
        assert ours.image("95x71", name).size == (95, 71)


def test_turned_photos(ours: Server, pictures: Path) -> None:
    from PIL import ImageOps

    before = ours.restored()
    with Image.open(pictures / "turned.jpg") as img:
        upright = ImageOps.exif_transpose(img)
    thumbnail = ours.image("72x96", "turned.jpg")
    assert psnr(thumbnail, upright) > 40
    assert ours.restored() == before
    expected = ImageOps.exif_transpose(codec.decode(pictures / "turned.jpg"))
    assert psnr(ours.image("", "turned.jpg"), expected) > 50
    assert psnr(ours.image("0x0:144x96", "turned.jpg"), expected.crop((0, 0, 144, 96))) > 50


def test_transparency(ours: Server, pictures: Path) -> None:
    status, data = ours.get("/unsafe/filters:format(png)/clear.webp")
    assert status == 200
    assert psnr(Image.open(io.BytesIO(data)), codec.decode(pictures / "clear.webp")) > 50
    before = ours.restored()
    assert ours.get("/unsafe/40x30/clear.webp")[0] == 200
    assert ours.restored() == before + 1


def test_sizes_that_thumbor_tells_are_the_full_ones(ours: Server) -> None:
    before = ours.restored()
    told = json.loads(ours.get("/unsafe/meta/photo.jpg")[1])["thumbor"]
    assert (told["source"]["width"], told["source"]["height"]) == (192, 144)
    told = json.loads(ours.get("/unsafe/meta/48x36/photo.jpg")[1])["thumbor"]
    assert (told["target"]["width"], told["target"]["height"]) == (48, 36)
    assert ours.restored() == before


@pytest.mark.parametrize("options", ["", "96x72", "300x0", "fit-in/60x60", "20x20:100x90", "-50x50"])
@pytest.mark.parametrize("name", ["plain.jpg", "plain.png", "stale.jpg", "later.jpg", "cut.jpg", "text.jpg"])
def test_other_files_as_ever(name: str, options: str, servers: tuple[Server, Server]) -> None:
    path = f"/unsafe/{options}/{name}".replace("//", "/")
    ours, stock = (server.get(path) for server in servers)
    assert ours == stock


def test_hostile_headers_are_bad_requests(ours: Server) -> None:
    assert ours.get("/unsafe/lying.jpg")[0] == 400


def test_what_is_served_is_not_taken_for_ours(ours: Server) -> None:
    for options in ("", "96x72"):
        with pytest.raises(codec.NotRescaledError):
            codec.decode(ours.get(f"/unsafe/{options}/photo.jpg".replace("//", "/"))[1])


def test_requests_at_once(ours: Server) -> None:
    with ThreadPoolExecutor(6) as threads:
        served = list(threads.map(lambda width: ours.image(f"{width}x0").width, range(60, 190, 10)))
    assert served == list(range(60, 190, 10))
