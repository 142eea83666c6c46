"""`codec demo`: one photo, ours beside what one would use instead at the same bytes, in numbers and as a picture."""

import io
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from codec.api import decode, encode
from codec.files import write_whole
from codec.picture import Pixels, read_picture

SAMPLE = Path(__file__).parent / "samples" / "kodim20.png"
"""From the Kodak set, released for unrestricted use; of its 24 pictures the one where our gain is the median."""


@dataclass(frozen=True)
class Result:
    """One way to store the photo."""

    name: str
    bytes: int
    bpp: float
    psnr: float
    """dB, RGB."""
    ssim: float
    """RGB, scikit-image's defaults."""
    encode_seconds: float
    decode_seconds: float


def _jpeg(img: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    img.save(out, "JPEG", quality=quality, optimize=True, progressive=True)
    return out.getvalue()


def _pixels(data: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def at_least(size: int, write: Callable[[int], bytes], highest: int = 95) -> bytes:
    """The file of lowest quality that has at least `size` bytes: the other side never gets fewer than we do."""
    low, high = 1, highest
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if len(write(middle)) >= size else (middle + 1, high)
    return write(low)


def _measure(
    name: str, original: Pixels, write: Callable[[], bytes], read: Callable[[bytes], Pixels]
) -> tuple[Result, Pixels, bytes]:
    started = time.perf_counter()
    data = write()
    written = time.perf_counter()
    restored = read(data)
    done = time.perf_counter()
    ssim = structural_similarity(original, restored, channel_axis=2, win_size=_window(original))
    psnr = peak_signal_noise_ratio(original, restored)
    bpp = 8 * len(data) / (original.shape[0] * original.shape[1])
    return Result(name, len(data), bpp, psnr, ssim, written - started, done - written), restored, data


def _window(pixels: Pixels) -> int:
    """SSIM's window: 7, or what fits into a tiny picture."""
    side: int = min(pixels.shape[:2])
    return min(7, (side - 1) | 1)


def compare(photo: Pixels, quality: int) -> tuple[list[Result], dict[str, Pixels], bytes]:
    """Ours, full-size JPEG and bicubic-down JPEG at (at least) our bytes: figures, pictures, and our file."""
    img = Image.fromarray(photo)
    encode(photo[:16, :16], quality)  # loads the model: a service does that once, so it is not timed
    ours, restored, data = _measure("ours", photo, lambda: encode(photo, quality), lambda d: decode(d, to="numpy"))
    small = img.resize((-(-img.width // 2), -(-img.height // 2)), Image.Resampling.BICUBIC)
    full = at_least(len(data), lambda q: _jpeg(img, q))
    down = at_least(len(data), lambda q: _jpeg(small, q))

    def enlarge(file: bytes) -> Pixels:
        return np.asarray(Image.fromarray(_pixels(file)).resize(img.size, Image.Resampling.BICUBIC))

    plain = _measure("full-size JPEG", photo, lambda: full, _pixels)
    bicubic = _measure("bicubic half-size JPEG", photo, lambda: down, enlarge)
    pictures = {"original": photo, "ours": restored, plain[0].name: plain[1], bicubic[0].name: bicubic[1]}
    return [ours, plain[0], bicubic[0]], pictures, data


def busiest(photo: Pixels, side: int) -> tuple[int, int]:
    """Top left corner of the busiest square of a coarse grid: where differences show."""
    grey = photo.mean(2)
    best = (-1.0, 0, 0)
    for top in range(0, max(1, photo.shape[0] - side + 1), side // 2):
        for left in range(0, max(1, photo.shape[1] - side + 1), side // 2):
            best = max(best, (float(grey[top : top + side, left : left + side].std()), top, left))
    return best[1], best[2]


def sheet(pictures: dict[str, Pixels], lr: Image.Image, results: list[Result], side: int = 160) -> Image.Image:
    """One picture to judge by: the file as any viewer shows it, then the same detail of every version, enlarged."""
    photo = pictures["original"]
    side = min(side, *photo.shape[:2])
    top, left = busiest(photo, side)
    zoom = max(1, 480 // side)
    font = ImageFont.load_default(18)
    cell, gap, text = side * zoom, 12, 30
    captions = {r.name: f"{r.name}: {r.bytes:,} B, {r.psnr:.2f} dB" for r in results}
    lr_view = lr.copy()
    lr_view.thumbnail((2 * cell + gap, cell))
    width = 2 * cell + 3 * gap
    height = lr_view.height + 2 * (cell + text) + text + 4 * gap
    canvas = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(canvas)
    draw.text((gap, gap // 2), f"the file as any viewer shows it ({lr.width}x{lr.height})", "black", font)
    canvas.paste(lr_view, (gap, text + gap // 2))
    start = lr_view.height + text + 2 * gap
    for i, (name, pixels) in enumerate(pictures.items()):
        x, y = gap + (i % 2) * (cell + gap), start + (i // 2) * (cell + text + gap)
        part = Image.fromarray(pixels[top : top + side, left : left + side])
        draw.text((x, y), captions.get(name, name), "black", font)
        canvas.paste(part.resize((cell, cell), Image.Resampling.NEAREST), (x, y + text))
    return canvas


def run(image: Path | None, quality: int, folder: Path, as_json: bool) -> None:
    """Compare, print, and write `encoded.jpg`, `restored.png` and `side-by-side.png` into `folder`."""
    photo = read_picture(image or SAMPLE).rgb
    results, pictures, data = compare(photo, quality)
    folder.mkdir(parents=True, exist_ok=True)
    lr = Image.open(io.BytesIO(data)).convert("RGB")
    for name, picture in (
        ("restored.png", Image.fromarray(pictures["ours"])),
        ("side-by-side.png", sheet(pictures, lr, results)),
    ):
        out = io.BytesIO()
        picture.save(out, "PNG")
        write_whole(folder / name, out.getvalue(), force=True)
    write_whole(folder / "encoded.jpg", data, force=True)
    if as_json:
        print(json.dumps([asdict(r) for r in results]))
        return
    print(f"{image or SAMPLE.name}, {photo.shape[1]}x{photo.shape[0]}, quality {quality}")
    print(f"{'':24}{'bytes':>9}{'bpp':>8}{'PSNR':>8}{'SSIM':>8}{'encode':>9}{'decode':>9}")
    for r in results:
        times = f"{r.encode_seconds:>8.2f}s{r.decode_seconds:>8.2f}s" if r is results[0] else ""
        print(f"{r.name:24}{r.bytes:>9,}{r.bpp:>8.3f}{r.psnr:>8.2f}{r.ssim:>8.4f}{times}")
    print(f"written to {folder}: encoded.jpg, restored.png, side-by-side.png")
