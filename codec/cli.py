"""Command line: `codec encode | decode | inspect | demo`.

Errors are one line on standard error. Exit code 1: the input or output was at fault; 2: the command line was.
"""

import argparse
import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from codec._version import __version__
from codec.api import decode, encode, inspect
from codec.errors import CodecError, UnsupportedFormatError
from codec.files import write_whole
from codec.models import registry

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".avif": "AVIF",
    ".bmp": "BMP",
}
"""What `decode` can write, by suffix."""
LOSSY = {"JPEG": {"quality": 95}, "WEBP": {"quality": 95}, "AVIF": {"quality": 90}}


def _read(name: str) -> bytes:
    return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()


def _check_free(name: str, force: bool) -> None:
    """Before any work: would writing fail?"""
    if name == "-":
        return
    path, folder = Path(name), Path(name).absolute().parent
    if path.exists() and not force:
        raise CodecError(f"{name} exists: give --force to replace it")
    if path.is_dir():
        raise CodecError(f"cannot write {name}: it is a folder")
    if not folder.is_dir():
        raise CodecError(f"cannot write {name}: there is no folder {path.parent}")
    if not os.access(folder, os.W_OK):
        raise CodecError(f"cannot write {name}: no permission to write to {path.parent}")


def _write(name: str, data: bytes, force: bool) -> None:
    if name == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        write_whole(Path(name), data, force)


def _report(record: dict[str, object], as_json: bool, output: str) -> None:
    """What was done: on standard error where standard output carries the picture."""
    stream = sys.stderr if output == "-" else sys.stdout
    line = json.dumps(record) if as_json else "  ".join(f"{k}: {v}" for k, v in record.items())
    print(line, file=stream)


def _encode(args: argparse.Namespace) -> None:
    _check_free(args.output, args.force)
    source = _read(args.input)
    data = encode(source, args.quality, model=args.model, device=args.device)
    _write(args.output, data, args.force)
    info = inspect(data)
    (width, height), (w, h) = info.header.full_size, info.header.lr_size
    _report(
        {
            "output": args.output,
            "bytes": len(data),
            "input_bytes": len(source),
            "bpp": round(info.bpp, 4),
            "full": f"{width}x{height}",
            "stored": f"{w}x{h}",
        },
        args.json,
        args.output,
    )


def _decode(args: argparse.Namespace) -> None:
    _check_free(args.output, args.force)
    suffix = Path(args.output).suffix.lower() if args.output != "-" else ".png"
    if suffix not in FORMATS:
        raise UnsupportedFormatError(f"cannot write a {suffix or 'nameless'} picture: choose {', '.join(FORMATS)}")
    img = decode(_read(args.input), device=args.device)
    out = io.BytesIO()
    kept = {k: v for k, v in img.info.items() if k in ("exif", "icc_profile", "xmp")}
    img.save(out, FORMATS[suffix], **kept, **LOSSY.get(FORMATS[suffix], {}))
    _write(args.output, out.getvalue(), args.force)
    size = f"{img.width}x{img.height}"
    _report({"output": args.output, "full": size, "bytes": out.tell()}, args.json, args.output)


def _inspect(args: argparse.Namespace) -> None:
    info = inspect(_read(args.input))
    if args.json:
        print(json.dumps(info.to_json()))
        return
    header = info.header
    print(f"{args.input}: {info.carrier}, {info.bytes} bytes, {info.bpp:.4f} bits per full-size pixel")
    print(f"stored {header.lr_size[0]}x{header.lr_size[1]}, full {header.full_size[0]}x{header.full_size[1]}")
    print(f"model {header.model}, untouched since it was encoded")


def _demo(args: argparse.Namespace) -> None:
    from codec import demo

    demo.run(args.image, args.quality, args.output, args.json)


def build_parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    parser = argparse.ArgumentParser(
        prog="codec", description="Store a photo as a small ordinary JPEG, and restore it."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print results as one line of JSON")
    working = argparse.ArgumentParser(add_help=False, parents=[common])
    working.add_argument("input", help="file to read; - for standard input")
    working.add_argument("output", help="file to write; - for standard output")
    working.add_argument("--force", action="store_true", help="replace an existing output")
    working.add_argument("--device", help="torch device (default: cuda where there is one, else cpu)")

    command = commands.add_parser("encode", parents=[working], help="a photo to a small JPEG")
    command.add_argument("-q", "--quality", type=int, default=75, help="quality of the JPEG, 1…100 (default: 75)")
    command.add_argument("--model", default=registry.DEFAULT, help=f"model (default: {registry.DEFAULT})")
    command.set_defaults(run=_encode)

    command = commands.add_parser("decode", parents=[working], help="the full-size photo of an encoded file")
    command.set_defaults(run=_decode)

    command = commands.add_parser("inspect", parents=[common], help="what an encoded file says of itself")
    command.add_argument("input", help="file to read; - for standard input")
    command.set_defaults(run=_inspect)

    command = commands.add_parser("demo", parents=[common], help="encode and decode a photo beside plain JPEG")
    command.add_argument("image", nargs="?", type=Path, help="photo (default: a sample that comes with the package)")
    command.add_argument("-q", "--quality", type=int, default=50, help="quality of the JPEG, 1…100 (default: 50)")
    command.add_argument("-o", "--output", type=Path, default=Path("demo"), help="folder to write to (default: demo)")
    command.set_defaults(run=_demo)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    args = build_parser().parse_args(arguments)
    try:
        args.run(args)
    except (CodecError, OSError) as error:
        print(f"codec: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("codec: interrupted", file=sys.stderr)
        return 130
    return 0
