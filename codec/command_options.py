"""How a file is to be encoded, as options of a command line."""

import argparse
from typing import Any, get_args

from codec.carriers.base import Form, Subsampling
from codec.metadata import Strip
from codec.models import registry
from codec.models.choice import Tune
from codec.models.config import Downscaler
from codec.networks import Backend, Precision
from codec.scaling import Scale

LIMITS = ("max_pixels", "device", "backend", "precision")
"""What `limits` adds."""


def _scale(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def encode_options() -> argparse.ArgumentParser:
    """What `encode` and `batch` share; `options_of` reads it."""
    options = argparse.ArgumentParser(add_help=False)
    wish = options.add_mutually_exclusive_group()
    wish.add_argument("-q", "--quality", type=int, help="of the format's encoder, 1…100 (default: 75)")
    wish.add_argument("--max-bytes", type=int, metavar="N", help="the finest file of at most N bytes")
    wish.add_argument("--bpp", type=float, metavar="X", help="of at most X bits per full-size pixel")
    wish.add_argument("--psnr", type=float, metavar="DB", help="the smallest file that restores to at least DB dB")
    options.add_argument("--effort", type=int, default=0, help="of refining the file (not of jxl), 0…9 (default: 0)")
    options.add_argument(
        "--subsampling", choices=get_args(Subsampling), help="of chroma (default: the format's usual one)"
    )
    options.add_argument("--header", choices=get_args(Form), default="xmp", help="where it goes (default: xmp)")
    options.add_argument(
        "--strip", action="append", default=[], choices=get_args(Strip), help="metadata to leave out; may be repeated"
    )
    options.add_argument(
        "--scale",
        type=_scale,
        choices=get_args(Scale),
        help="of a side; auto takes what serves the picture best (default: 2)",
    )
    options.add_argument("--tune", choices=get_args(Tune), help="what the restored picture is best by (default: eye)")
    options.add_argument("--model", help=f"instead of scale and tune (default: {registry.DEFAULT})")
    options.add_argument(
        "--downscaler", choices=get_args(Downscaler), help="whose LR picture to aim at (models that know of them)"
    )
    return options


def limits() -> argparse.ArgumentParser:
    """What bounds and runs encoding and decoding, and leaves the results as they are."""
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument("--max-pixels", type=int, help="largest full size (default: Pillow's limit)")
    options.add_argument("--device", help="cpu or cuda (default: cuda where there is one)")
    options.add_argument("--backend", choices=get_args(Backend), help="what runs networks (default: torch, if there)")
    options.add_argument("--precision", choices=get_args(Precision), help="of networks (default: float32)")
    return options


def options_of(args: argparse.Namespace) -> dict[str, Any]:
    """Keyword arguments of `codec.encode`, without format and header."""
    names = (
        "quality",
        "max_bytes",
        "bpp",
        "psnr",
        "effort",
        "subsampling",
        "strip",
        "scale",
        "tune",
        "model",
        "downscaler",
    )
    return {name: getattr(args, name) for name in (*names, *LIMITS)}
