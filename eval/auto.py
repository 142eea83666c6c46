"""How far `scale="auto"` is from the best of all models, each tried on the whole picture, and what it costs.

python -m eval.auto ../shared/data/kodak/*.png [--tune psnr] [--wish psnr=36]

Regret is in percent of what is least for the best model: D + λ R at a quality; the distortion of the tuning (the squared
error, or SSIMULACRA2's raw sum) at equal bytes; bytes at equal PSNR. Cost is CPU time over that of encoding with the
chosen model alone.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import codec
from codec import scaling
from codec.carriers.base import Options
from codec.encoding import Encoder, Job
from codec.hull import Distortion, Tryout
from codec.models import registry
from codec.models.choice import Tune
from codec.picture import Picture, Pixels
from codec.wish import Wish
from eval.runner import load_picture

WISHES: tuple[dict[str, Any], ...] = (
    *({"quality": quality} for quality in (30, 60, 85, 95)),
    *({"bpp": bpp} for bpp in (0.15, 0.4, 1.0, 2.0)),
    *({"psnr": decibels} for decibels in (28.0, 32.0, 36.0, 40.0)),
)


def timed(work: Callable[[], bytes]) -> tuple[bytes, float]:
    """A file, and the CPU seconds that it took."""
    start = time.process_time()
    return work(), time.process_time() - start


def row(name: str, photo: Pixels, asked: dict[str, Any], tune: Tune) -> str:
    """A row of Markdown: what is least for every model, the largest stored picture first; regret and cost of `auto`."""
    job, wish = Job("jpeg", Options()), Wish.of(**asked)
    tryout, models = Tryout(Picture(photo), job, wish, Distortion(photo, tune), False), scaling.models_of("auto", None, tune)
    tried = {registry.resolve(model): tryout.ranked((model,))[0] for model in models}
    data, seconds = timed(lambda: codec.encode(photo, **asked, scale="auto", tune=tune))
    chosen = codec.inspect(data).header.model
    _, alone = timed(lambda: codec.encode(photo, **asked, model=chosen))
    costs = [f"{trial.cost:.4g}" if not trial.lacking else "-" for trial in tried.values()]
    best = min(trial.cost for trial in tried.values() if not trial.lacking)
    reached = tryout.cost_of(Encoder(photo, Job("jpeg", Options(), model=chosen)), data)
    picked = list(tried).index(chosen)
    return f"| {name} | {asked} | {' | '.join(costs)} | {models[picked]} | {100 * (reached / best - 1):+.2f} % | {seconds / alone:.2f} |"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description='How far scale="auto" is from the best model, and what it costs.')
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--tune", choices=get_args(Tune), default="eye")
    parser.add_argument("--wish", action="append", help="such as quality=60, bpp=0.4 or psnr=36")
    arguments = parser.parse_args()
