"""Command line: `codec encode | decode | inspect | batch | serve | export | demo`.

Errors are one line on standard error. Exit code 1: the input or output was at fault; 2: the command line was.
"""

import argparse
import json
import sys
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

from codec import carriers
from codec._version import __version__
from codec.api import decode, encode, encode_detached, inspect
from codec.batch.command import add_command as add_batch
from codec.command_options import encode_options, limits, options_of
from codec.errors import CodecError, UnsupportedFormatError
from codec.files import check_free, write_whole
from codec.models import registry
from codec.networks.packing import Packing
from codec.opening import OnStale
from codec.saving import FORMATS, check_suffix, saved
from codec.serve.command import add_command as add_serve


def _read(name: str) -> bytes:
    return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()


def _check_free(name: str, force: bool) -> None:
    if name != "-":
        check_free(Path(name), force)


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


def _format_of(args: argparse.Namespace) -> str:
    """The carrier that is asked for, or that the output's suffix means."""
    if args.format:
        return str(args.format)
    carrier = carriers.by_suffix(args.output)
    if carrier is None and Path(args.output).suffix:
        suffixes = ", ".join(c.suffixes[0] for c in carriers.carriers().values())
        raise UnsupportedFormatError(f"{args.output} names no format: choose one of {suffixes}, or give --format")
    return carrier.name if carrier else "jpeg"


def _encode(args: argparse.Namespace) -> None:
    _check_free(args.output, args.force)
    name = _format_of(args)
    if args.header_json:
        _check_free(args.header_json, args.force)
    source = _read(args.input)
    options = options_of(args)
    header = None
    if args.header_json:
        data, header = encode_detached(source, format=name, progress=True, **options)
        write_whole(Path(args.header_json), json.dumps(header.to_json()).encode(), args.force)
    else:
        data = encode(source, format=name, header=args.header, progress=True, **options)
    _write(args.output, data, args.force)
    info = inspect(data, header=header, max_pixels=args.max_pixels)
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


def _header(args: argparse.Namespace) -> str | None:
    return Path(args.header_json).read_text(errors="replace") if args.header_json else None


def _decode(args: argparse.Namespace) -> None:
    _check_free(args.output, args.force)
    suffix = check_suffix(args.output) if args.output != "-" else ".png"
    img = decode(
        _read(args.input),
        header=_header(args),
        on_stale=args.on_stale,
        max_pixels=args.max_pixels,
        progress=True,
        device=args.device,
        backend=args.backend,
        precision=args.precision,
        reference=[Path(name) for name in args.reference] or None,
        reference_strength=args.reference_strength,
    )
    data = saved(img, FORMATS[suffix])
    _write(args.output, data, args.force)
    size = f"{img.width}x{img.height}"
    _report({"output": args.output, "full": size, "bytes": len(data)}, args.json, args.output)


def _inspect(args: argparse.Namespace) -> None:
    info = inspect(_read(args.input), header=_header(args))
    if args.json:
        print(json.dumps(info.to_json()))
        return
    header = info.header
    print(f"{args.input}: {info.carrier}, {info.bytes} bytes, {info.bpp:.4f} bits per full-size pixel")
    print(f"stored {header.lr_size[0]}x{header.lr_size[1]}, full {header.full_size[0]}x{header.full_size[1]}")
    state = "untouched since it was encoded" if info.untouched else "resized or encoded again since it was written"
    print(f"model {header.model}, {state}")


def _export(args: argparse.Namespace) -> None:
    if not find_spec("torch"):
        raise CodecError("export needs torch: pip install 'sain-codec[export]'")
    from codec.networks import graphs

    for path in graphs.write(args.model, args.output, args.weights, args.force):
        _report({"output": str(path), "bytes": path.stat().st_size}, args.json, str(path))


def _demo(args: argparse.Namespace) -> None:
    from codec import demo

    demo.run(args.image, args.quality, args.output, args.json)


def build_parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    parser = argparse.ArgumentParser(
        prog="codec", description="Store a photo as a small ordinary picture, and restore it."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print results as one line of JSON")
    working = argparse.ArgumentParser(add_help=False, parents=[common, limits()])
    working.add_argument("input", help="file to read; - for standard input")
    working.add_argument("output", help="file to write; - for standard output")
    working.add_argument("--force", action="store_true", help="replace an existing output")

    command = commands.add_parser(
        "encode", parents=[working, encode_options()], help="a photo to a small ordinary picture"
    )
    command.add_argument("-f", "--format", choices=[*carriers.carriers()], help="default: by the output's suffix")
    command.add_argument("--header-json", metavar="FILE", help="write the header there instead of into the picture")
    command.set_defaults(run=_encode)

    add_batch(commands, [encode_options(), limits()])

    reading = argparse.ArgumentParser(add_help=False)
    reading.add_argument("--header-json", metavar="FILE", help="the header, where the picture does not hold it")
    command = commands.add_parser("decode", parents=[working, reading], help="the full-size photo of an encoded file")
    command.add_argument(
        "--on-stale", choices=get_args(OnStale), default="raise", help="if resized or encoded again (default: raise)"
    )
    command.add_argument(
        "--reference", action="append", default=[], metavar="PHOTO", help="of the same scene; may be repeated"
    )
    command.add_argument(
        "--reference-strength", type=float, default=1.0, metavar="X", help="how much is taken of it, 0…1 (default: 1)"
    )
    command.set_defaults(run=_decode)

    command = commands.add_parser("inspect", parents=[common, reading], help="what an encoded file says of itself")
    command.add_argument("input", help="file to read; - for standard input")
    command.set_defaults(run=_inspect)

    command = commands.add_parser("export", parents=[common], help="a model as two ONNX graphs")
    command.add_argument("model", nargs="?", default=registry.DEFAULT, help=f"(default: {registry.DEFAULT})")
    command.add_argument("-o", "--output", type=Path, default=Path(), help="folder to write to (default: this one)")
    command.add_argument(
        "--weights", choices=get_args(Packing), default="half", help="how they are stored (default: half precision)"
    )
    command.add_argument("--force", action="store_true", help="replace existing files")
    command.set_defaults(run=_export)

    command = commands.add_parser("demo", parents=[common], help="encode and decode a photo beside plain JPEG")
    command.add_argument("image", nargs="?", type=Path, help="photo (default: a sample that comes with the package)")
    command.add_argument("-q", "--quality", type=int, default=50, help="quality of the JPEG, 1…100 (default: 50)")
    command.add_argument("-o", "--output", type=Path, default=Path("demo"), help="folder to write to (default: demo)")
    command.set_defaults(run=_demo)

    add_serve(commands)
    return parser


def _show_warning(message: Warning | str, *_: object) -> None:
    print(f"codec: {message}", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    args = build_parser().parse_args(arguments)
    try:
        with warnings.catch_warnings():  # puts back what is set here
            warnings.showwarning = _show_warning  # type: ignore[assignment]
            code: int | None = args.run(args)
    except (CodecError, OSError) as error:
        print(f"codec: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("codec: interrupted", file=sys.stderr)
        return 130
    return code or 0
