"""A web service that takes photos in, keeps the small files, and hands out either: `codec serve`, or part of an app.

    app.include_router(codec.serve.router(codec.serve.Settings(store="s3://bucket/photos")), prefix="/photos")

Needs `pip install 'sain-codec[web]'`. Importing this module needs nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from codec.errors import CodecError
from codec.serve.settings import Settings

if TYPE_CHECKING:
    from fastapi import APIRouter, FastAPI

__all__ = ["Settings", "create_app", "router"]


def create_app(settings: Settings | None = None) -> "FastAPI":
    """The whole service as an ASGI app; settings are those of the environment unless given.

    Raises `CodecError` if the extra is missing or a setting is wrong.
    """
    with extra():
        from codec.serve import app
    return app.create(settings or Settings.from_environment())


def router(settings: Settings | None = None) -> "APIRouter":
    """The routes of pictures, health and metrics, for `app.include_router`, which also starts and stops the workers.

    An app that includes it should refuse strangers by itself (`dependencies=[…]`): the service knows no users.
    Raises `CodecError` if the extra is missing or a setting is wrong.
    """
    with extra():
        from codec.serve import routes
        from codec.serve.service import Service
    return routes.build(Service(settings or Settings.from_environment()))


@contextmanager
def extra() -> Iterator[None]:
    """Turn a package that is missing into an error that names the extra."""
    try:
        yield
    except ImportError as error:
        raise CodecError(f"the web service needs more packages ({error}): pip install 'sain-codec[web]'") from None
