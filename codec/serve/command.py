"""`codec serve`."""

import argparse
import logging
import logging.config
import signal
from dataclasses import fields
from typing import Any

from codec.serve.settings import PREFIX, Settings


def add_command(commands: Any) -> None:
    """Add `serve` to the subparsers of a command line."""
    command = commands.add_parser(
        "serve",
        help="a web service that stores photos and restores them",
        description=f"Every option has an environment variable: --max-pixels is {PREFIX}MAX_PIXELS.",
    )
    for option in fields(Settings):
        default = ",".join(option.default) if isinstance(option.default, tuple) else option.default
        shown = {True: "yes", False: "no"}.get(default, default) if isinstance(default, bool) else default
        about = f"{option.metadata['help']} (default: {shown if shown != '' else 'none'})".replace("%", "%%")
        name = option.name.replace("_", "-")
        command.add_argument(f"--{name}", metavar=_metavar(option.default), help=about)
    command.set_defaults(run=run)


def _metavar(default: Any) -> str:
    if isinstance(default, bool):
        return "yes|no"
    if isinstance(default, tuple):
        return "A,B"
    return {int: "N", float: "SECONDS"}.get(type(default), "TEXT")


def run(args: argparse.Namespace) -> None:
    """Serve until a signal; requests that run may end first. Raises `CodecError`."""
    given = {f.name: text for f in fields(Settings) if (text := getattr(args, f.name)) is not None}
    serve(Settings.from_environment(given))


def serve(settings: Settings) -> None:
    """Serve in this process until a signal."""
    from codec import serve as public

    with public.extra():
        import uvicorn

        from codec.serve.app import HEADER_BYTES
        from codec.serve.logs import CONFIG
        from codec.serve.protocol import protocol
    app = public.create_app(settings)
    logging.config.dictConfig(CONFIG)
    logging.captureWarnings(True)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=protocol(settings),
        ws="none",
        log_config=None,
        access_log=False,  # the app's lines say more, and less of whom
        server_header=False,
        limit_concurrency=settings.max_connections,
        timeout_graceful_shutdown=settings.grace,
        h11_max_incomplete_event_size=2 * HEADER_BYTES,
    )
    signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn raises it again when all is done: that is no failure
    uvicorn.Server(config).run()
