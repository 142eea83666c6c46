"""What other programs do to our files, found by running them: `python -m tests.path_recipes` writes the table.

It goes into docs/in-the-path.md, between two comments. Programs that are not installed are listed as not tried. sharp
is found by way of `NODE_PATH`.
"""

import io
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

import codec
from codec import embed
from codec.carriers import get
from codec.picture import Pixels
from tests.conftest import pixels_of, psnr
from tests.tools import TOOLS, MissingToolError, needed, sharp_version

SAMPLE = Path(codec.__file__).parent / "samples" / "kodim20.png"
PAGE = Path(__file__).parents[1] / "docs" / "in-the-path.md"
START, END = "<!-- made by python -m tests.path_recipes -->\n", "<!-- end -->\n"
EVERY = ("jpeg", "webp", "avif", "png")
PHOTO, REFUSED, ORDINARY, NOT = "the photo", "refused: encoded again", "refused: ordinary", "–"
"""What becomes of a file: what `decode` says of it, or that the program does not take the format."""
NOT_TRIED = ("imgproxy", "imagor", "Cloudflare, Fastly, CloudFront and other services")


@dataclass(frozen=True)
class Recipe:
    """A row: a program, how it is called, what it is tried on, and what it makes of that."""

    tool: str
    command: str
    formats: tuple[str, ...] = ("jpeg",)
    to: str = ""
    """Suffix of what is written, if it is another."""


RECIPES = (
    Recipe("copy", "any copy: file systems, object stores, caches", EVERY),
    Recipe("nginx, static file", "nginx: `root`, `sendfile`", EVERY),
    Recipe("nginx, `proxy_cache`", "nginx: `proxy_pass`, `proxy_cache` (a hit)", EVERY),
    Recipe("nginx, `image_filter test`", "nginx: `image_filter test`", ("jpeg", "webp", "png")),
    Recipe("nginx, `image_filter resize 500 -`", "nginx: `image_filter resize`, larger than the file", ("jpeg", "png")),
    Recipe("nginx, `image_filter resize 48 -`", "nginx: `image_filter resize`, smaller", ("jpeg", "webp", "png")),
    Recipe("nginx, `image_filter rotate 90`", "nginx: `image_filter rotate 90`", ("jpeg", "png")),
    Recipe("jpegtran -copy all", "`jpegtran -copy all`"),
    Recipe("jpegtran", "`jpegtran` (`-copy comments`)"),
    Recipe("jpegtran -progressive", "`jpegtran -copy none -progressive`"),
    Recipe("jpegtran -crop", "`jpegtran -copy all -crop`"),
    Recipe("jpegtran -rotate", "`jpegtran -copy all -rotate 90`"),
    Recipe("jpegoptim", "`jpegoptim`"),
    Recipe("jpegoptim --strip-all", "`jpegoptim --strip-all --all-progressive`"),
    Recipe("jpegoptim --max", "`jpegoptim --max=50`"),
    Recipe("exiftool -Artist", "`exiftool -Artist=me`", EVERY),
    Recipe("exiftool -all=", "`exiftool -all=`", EVERY),
    Recipe("exiftool -all= --XMP:all", "`exiftool -all= --XMP:all`", EVERY),
    Recipe("optipng", "`optipng`", ("png",)),
    Recipe("optipng -strip all", "`optipng -strip all`", ("png",)),
    Recipe("Pillow", "Pillow: `img.save(path)`", EVERY),
    Recipe("Pillow, metadata passed", 'Pillow: `img.save(path, xmp=img.info["xmp"])`', EVERY),
    Recipe("libvips", "libvips: `vips copy`", EVERY),
    Recipe("libvips, keep=xmp", "libvips: `keep=xmp`", EVERY),
    Recipe("libvips, stripped", "libvips: `keep=none`", EVERY),
    Recipe("libvips, resized", "libvips: `vips resize`", EVERY),
    Recipe("libvips, lossless", "libvips: `[lossless]`", ("webp",)),
    Recipe("libvips", "libvips: to WebP", ("jpeg",), ".webp"),
    Recipe("sharp", "sharp: `sharp(file).toFile(file)`", EVERY),
    Recipe("sharp, keepXmp", "sharp: `.keepXmp()`", EVERY),
    Recipe("sharp, resized", "sharp: `.resize(w).keepMetadata()`", EVERY),
    Recipe("sharp, keepXmp", "sharp: `.keepXmp()`, to AVIF", ("jpeg",), ".avif"),
    Recipe("sharp, lossless", "sharp: `.webp({lossless: true}).keepXmp()`", ("webp",)),
    Recipe("ImageMagick", "ImageMagick: `mogrify`, `convert`", EVERY),
    Recipe("ImageMagick -strip", "ImageMagick: `-strip`", EVERY),
    Recipe("ImageMagick -resize", "ImageMagick: `-resize 50%`", EVERY),
    Recipe("GraphicsMagick", "GraphicsMagick: `gm convert`", ("jpeg", "webp", "png")),
    Recipe("GraphicsMagick -strip", "GraphicsMagick: `gm convert -strip`", ("jpeg", "webp", "png")),
    Recipe("cwebp", "`cwebp`, to WebP", ("jpeg",), ".webp"),
    Recipe("cwebp -metadata all", "`cwebp -metadata all`, to WebP", ("jpeg",), ".webp"),
    Recipe("cwebp -lossless", "`cwebp -lossless -metadata all`, to WebP", ("jpeg",), ".webp"),
)


@cache
def photo() -> Pixels:
    return pixels_of(SAMPLE)[:288, :384]  # large enough for programs that leave small files alone


@cache
def stored(carrier: str) -> bytes:
    """The file that is sent on its way."""
    return codec.encode(photo(), 75, format=carrier)


@dataclass(frozen=True)
class Found:
    """What came back."""

    data: bytes
    carrier: str
    """Of what was sent."""

    @property
    def header(self) -> bool:
        """Whether it is still in the XMP."""
        with Image.open(io.BytesIO(self.data)) as img:
            xmp = img.info.get("xmp") or img.info.get("XML:com.adobe.xmp")
        return embed.find(xmp.encode() if isinstance(xmp, str) else xmp) is not None

    @property
    def tables(self) -> bool:
        """Whether it has the same quantisation tables."""
        with Image.open(io.BytesIO(self.data)) as img, Image.open(io.BytesIO(stored(self.carrier))) as before:
            return getattr(img, "quantization", None) == getattr(before, "quantization", ())

    @property
    def inspected(self) -> str:
        """What `inspect` says."""
        try:
            return "untouched" if codec.inspect(self.data).untouched else "encoded again"
        except codec.StaleHeaderError:
            return "encoded again"
        except codec.NotRescaledError:
            return "ordinary"

    @property
    def decoded(self) -> str:
        """What `decode` does."""
        try:
            restored = codec.decode(self.data, to="numpy")
        except codec.StaleHeaderError:
            return REFUSED
        except codec.NotRescaledError:
            return ORDINARY
        before = codec.decode(stored(self.carrier), to="numpy")
        if restored.shape != before.shape:
            return f"{restored.shape[1]}x{restored.shape[0]}"
        return PHOTO if np.array_equal(restored, before) else "another picture"

    @property
    def best(self) -> str:
        """What `decode(on_stale="restore")` makes of it: its size, and how near to the photo it comes."""
        try:
            restored = codec.decode(self.data, on_stale="restore", to="numpy")
        except codec.StaleHeaderError:
            return REFUSED
        except codec.NotRescaledError:
            return NOT
        same = restored.shape == photo().shape
        return f"{psnr(restored, photo()):.1f} dB" if same else f"{restored.shape[1]}x{restored.shape[0]}"


def find(recipe: Recipe, carrier: str) -> Found:
    """Send a file through a program; raises `MissingToolError`."""
    suffix = get(carrier).suffixes[0]
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / f"in{suffix}", Path(folder) / f"out{recipe.to or suffix}"
        source.write_bytes(stored(carrier))
        TOOLS[recipe.tool](source, target)
        return Found(target.read_bytes(), carrier)


def cells(recipe: Recipe) -> list[str]:
    """A row of the table; raises `MissingToolError`."""
    jpeg = [NOT] * 5
    if "jpeg" in recipe.formats:
        found = find(recipe, "jpeg")
        kept = ["kept" if there else "lost" for there in (found.header, found.tables)]
        jpeg = [*kept, found.inspected, found.decoded, found.best]
    others = [find(recipe, name).decoded if name in recipe.formats else NOT for name in EVERY[1:]]
    return [recipe.command, *jpeg, *others]


def rows() -> Iterator[list[str] | MissingToolError]:
    """All of them; an error where a program is not there."""
    for recipe in tqdm(RECIPES, disable=None):
        try:
            yield cells(recipe)
        except MissingToolError as error:
            yield error


def _said(*command: str) -> Callable[[], str]:
    def version() -> str:
        done = subprocess.run([needed(command[0]), *command[1:]], capture_output=True, text=True, check=False)
        number = re.search(r"\d+\.[\d.]+(-\d+)?", done.stdout + done.stderr)
        return number[0].rstrip(".") if number else "?"

    return version


def _pyvips() -> str:
    import pyvips

    return ".".join(str(pyvips.version(part)) for part in range(3))


VERSIONS: dict[str, Callable[[], str]] = {
    "nginx": _said("nginx", "-v"),
    "libjpeg-turbo (jpegtran)": _said("jpegtran", "-version"),
    "jpegoptim": _said("jpegoptim", "--version"),
    "exiftool": _said("exiftool", "-ver"),
    "optipng": _said("optipng", "-v"),
    "Pillow": lambda: Image.__version__,
    "libvips (pyvips)": _pyvips,
    "sharp": sharp_version,
    "ImageMagick": _said("mogrify", "-version"),
    "GraphicsMagick": _said("gm", "version"),
    "cwebp": _said("cwebp", "-version"),
}


def table() -> str:
    """All rows, versions, and what was not tried."""
    head = ["program", "header", "tables", "`inspect`", "`decode`", '`on_stale="restore"`', "WebP", "AVIF", "PNG"]
    lines, missing = [head, ["---"] * len(head)], []
    for recipe, row in zip(RECIPES, rows(), strict=True):
        if isinstance(row, MissingToolError):
            missing.append(f"{recipe.command} ({row})")
        else:
            lines.append(row)
    versions = []
    for name, version in VERSIONS.items():
        try:
            versions.append(f"{name} {version()}")
        except (MissingToolError, ImportError, OSError):
            continue
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"{text}\n\nTried: {', '.join(versions)}.\nNot tried: {', '.join([*missing, *NOT_TRIED])}.\n"


def main() -> None:
    """Write the table into the page."""
    before, start, rest = PAGE.read_text().partition(START)
    _old, end, after = rest.partition(END)
    if not (start and end):
        sys.exit(f"{PAGE} lacks the comments between which the table belongs")
    PAGE.write_text(f"{before}{START}\n{table()}\n{END}{after}")


if __name__ == "__main__":
    main()
