"""Programs that stand between `encode` and `decode` in real life, each as a function from file to file."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from PIL import Image

Tool = Callable[[Path, Path], None]
"""Reads the first path, writes the second; raises `MissingToolError` if it is not installed."""
MODULES = Path("/usr/lib/nginx/modules/ngx_http_image_filter_module.so")


class MissingToolError(Exception):
    """A program, or a part of it, is not there."""


def needed(program: str) -> str:
    """Its path."""
    path = shutil.which(program)
    if path is None:
        raise MissingToolError(f"{program} is not installed")
    return path


def shell(*command: str) -> Tool:
    """A program that reads IN and writes OUT, or changes a copy in place."""

    def tool(source: Path, target: Path) -> None:
        program = needed(command[0])
        names = {"IN": str(source), "OUT": str(target)}
        if "IN" not in command:
            shutil.copy(source, target)
        subprocess.run([program, *(names.get(word, word) for word in command[1:])], check=True, capture_output=True)

    return tool


def pillow(*kept: str, size: tuple[int, int] | None = None) -> Tool:
    def tool(source: Path, target: Path) -> None:
        with Image.open(source) as img:
            options = {key: img.info[key] for key in kept if key in img.info}
            (img.resize(size) if size else img).save(target, quality=85, **options)

    return tool


def vips(scale: float = 1, **options: object) -> Tool:
    def tool(source: Path, target: Path) -> None:
        try:
            import pyvips
        except (ImportError, OSError):
            raise MissingToolError("pyvips is not installed") from None
        img = pyvips.Image.new_from_file(str(source))
        (img if scale == 1 else img.resize(scale)).write_to_file(str(target), **options)

    return tool


@cache
def sharp_version() -> str:
    """Of the sharp that Node finds, `NODE_PATH` included."""
    script = "console.log(require('sharp').versions.sharp)"
    done = subprocess.run([needed("node"), "-e", script], capture_output=True, text=True, check=False)
    if done.returncode:
        raise MissingToolError("sharp is not installed, or NODE_PATH does not name its folder")
    return done.stdout.strip()


def sharp(calls: str) -> Tool:
    """Method calls between opening and writing, `.keepXmp()` for example."""

    def tool(source: Path, target: Path) -> None:
        sharp_version()
        script = f"require('sharp')({json.dumps(str(source))}){calls}.toFile({json.dumps(str(target))})"
        subprocess.run([needed("node"), "-e", script], check=True, capture_output=True)

    return tool


def copied(source: Path, target: Path) -> None:
    shutil.copy(source, target)


@contextlib.contextmanager
def _serving(folder: Path, location: str, port: int) -> Iterator[None]:
    """An nginx of our own, whose location answers with what lies beside the source."""
    program, run = needed("nginx"), folder / "nginx"
    run.mkdir(exist_ok=True)
    places = " ".join(
        f"{kind}_temp_path {run / kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""  # or its workers could not read the folder of a test
    (run / "nginx.conf").write_text(
        f"{user} load_module {MODULES}; daemon off; pid {run / 'pid'}; error_log {run / 'error.log'}; events {{}} "
        f"http {{ access_log off; {places} proxy_cache_path {run / 'cache'} keys_zone=pictures:1m; "
        f"types {{ image/jpeg jpg; image/webp webp; image/png png; image/avif avif; }} "
        f"server {{ listen 127.0.0.1:{port}; root {folder}; "
        f"location /origin/ {{ alias {folder}/; }} location / {{ {location} }} }} }}"
    )
    process = subprocess.Popen([program, "-p", run, "-c", run / "nginx.conf"], stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)


def nginx(location: str, status: str = "") -> Tool:
    """What nginx answers from a location, ORIGIN being another that answers with the file as it is.

    `status`: what `$upstream_cache_status` must say; asked twice.
    """

    def tool(source: Path, target: Path) -> None:
        needed("nginx")
        if not MODULES.exists():
            raise MissingToolError("nginx has no image_filter: apt-get install libnginx-mod-http-image-filter")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        rules = location.replace("ORIGIN", f"http://127.0.0.1:{port}/origin/")
        address = f"http://127.0.0.1:{port}/{source.name}"
        with _serving(source.parent, f"{rules} add_header X-Cache $upstream_cache_status;", port):
            for _ in range(2):
                with urllib.request.urlopen(address, timeout=20) as answer:
                    target.write_bytes(answer.read())
            assert (answer.headers["X-Cache"] or "") == status

    return tool


JPEGTRAN, JPEGOPTIM, EXIFTOOL = "jpegtran", "jpegoptim", "exiftool"
TOOLS: dict[str, Tool] = {
    "copy": copied,
    "nginx, static file": nginx(""),
    "nginx, `proxy_cache`": nginx("proxy_pass ORIGIN; proxy_cache pictures; proxy_cache_valid 1m;", "HIT"),
    "nginx, `image_filter test`": nginx("image_filter test;"),
    "nginx, `image_filter resize 500 -`": nginx("image_filter resize 500 -;"),
    "nginx, `image_filter resize 48 -`": nginx("image_filter resize 48 -;"),
    "nginx, `image_filter rotate 90`": nginx("image_filter rotate 90;"),
    "jpegtran -copy all": shell(JPEGTRAN, "-copy", "all", "-outfile", "OUT", "IN"),
    "jpegtran": shell(JPEGTRAN, "-outfile", "OUT", "IN"),
    "jpegtran -copy none": shell(JPEGTRAN, "-copy", "none", "-outfile", "OUT", "IN"),
    "jpegtran -progressive": shell(JPEGTRAN, "-copy", "none", "-progressive", "-outfile", "OUT", "IN"),
    "jpegtran -crop": shell(JPEGTRAN, "-copy", "all", "-crop", "32x32+0+0", "-outfile", "OUT", "IN"),
    "jpegtran -rotate": shell(JPEGTRAN, "-copy", "all", "-rotate", "90", "-outfile", "OUT", "IN"),
    "jpegoptim": shell(JPEGOPTIM, "OUT"),
    "jpegoptim --strip-all": shell(JPEGOPTIM, "--strip-all", "--all-progressive", "OUT"),
    "jpegoptim --max": shell(JPEGOPTIM, "--max=50", "--force", "OUT"),
    "exiftool -Artist": shell(EXIFTOOL, "-Artist=me", "-overwrite_original", "OUT"),
    "exiftool -XMP:Subject": shell(EXIFTOOL, "-XMP-dc:Subject=me", "-overwrite_original", "OUT"),  # the packet anew
    "exiftool -all=": shell(EXIFTOOL, "-all=", "-overwrite_original", "OUT"),
    "exiftool -all= --XMP:all": shell(EXIFTOOL, "-all=", "--XMP:all", "-overwrite_original", "OUT"),
    "optipng": shell("optipng", "-quiet", "OUT"),
    "optipng -strip all": shell("optipng", "-quiet", "-strip", "all", "OUT"),
    "Pillow": pillow(),
    "Pillow, metadata passed": pillow("exif", "xmp"),
    "Pillow, resized": pillow("exif", "xmp", size=(30, 30)),
    "libvips": vips(),
    "libvips, keep=xmp": vips(keep="xmp"),
    "libvips, stripped": vips(keep=0),
    "libvips, resized": vips(0.5),
    "libvips, lossless": vips(lossless=True),
    "sharp": sharp(""),
    "sharp, keepXmp": sharp(".keepXmp()"),
    "sharp, resized": sharp(".resize(48).keepMetadata()"),
    "sharp, lossless": sharp(".webp({lossless: true}).keepXmp()"),
    "ImageMagick": shell("mogrify", "OUT"),
    "ImageMagick -strip": shell("mogrify", "-strip", "OUT"),
    "ImageMagick -resize": shell("mogrify", "-resize", "50%", "OUT"),
    "GraphicsMagick": shell("gm", "convert", "IN", "OUT"),
    "GraphicsMagick -strip": shell("gm", "convert", "IN", "-strip", "OUT"),
    "cwebp": shell("cwebp", "-quiet", "IN", "-o", "OUT"),
    "cwebp -metadata all": shell("cwebp", "-quiet", "-metadata", "all", "IN", "-o", "OUT"),
    "cwebp -lossless": shell("cwebp", "-quiet", "-lossless", "-metadata", "all", "IN", "-o", "OUT"),
}
