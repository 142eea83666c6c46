"""`codec batch` on the command line."""

from argparse import ArgumentParser, Namespace
from typing import Any, get_args

from codec.opening import OnStale

TIMEOUT = 3600.0


def add_command(commands: Any, parents: list[ArgumentParser]) -> None:
    """The subcommand's grammar; `parents` bring the options of encoding."""
    command = commands.add_parser("batch", parents=parents, help="a tree of photos to a tree of small pictures")
    command.add_argument("source", metavar="SRC", help="folder, or URL such as s3://bucket/photos")
    command.add_argument("target", metavar="DST", help="folder or URL; holds the manifest, too")
    what = command.add_mutually_exclusive_group()
    what.add_argument("--decode", action="store_true", help="restore the photos instead")
    what.add_argument("--verify", action="store_true", help="decode a sample of DST and compare it with SRC")
    command.add_argument("-f", "--format", help="of the outputs (default: jpeg; with --decode: png)")
    command.add_argument("--on-stale", choices=get_args(OnStale), default="raise", help="with --decode, as for decode")
    command.add_argument("--sample", type=int, metavar="N", help="files to verify, 0 for all (default: 100)")
    command.add_argument("--min-psnr", type=float, metavar="DB", help="with --verify: exit with 1 if any is below")
    command.add_argument("--checksum", action="store_true", help="read all sources, whatever size and time say")
    command.add_argument("--force", action="store_true", help="use a DST that is not empty, or whose SRC has moved")
    command.add_argument("--manifest-parquet", metavar="FILE", help="at the end, write the whole manifest there, too")
    command.add_argument("--engine", choices=("local", "ray"), default="local", help="what runs it (default: local)")
    command.add_argument(
        "--workers", type=int, metavar="N", help="processes of one thread (default: one a core; 0: this process)"
    )
    command.add_argument("--timeout", type=float, default=TIMEOUT, metavar="S", help="a file may take (default: 3600)")
    command.add_argument("--json", action="store_true", help="print the summary as one line of JSON")
    command.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Returns the exit code."""
    from codec.batch import runs
    from codec.batch.jobs import job_of

    job = job_of(args)
    return runs.check(args, job) if args.verify else runs.fill(args, job)
