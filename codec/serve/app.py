"""The service as an app of its own: the routes, a page to try it on, headers and a log line for everything."""

import time
from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import codec
from codec.serve import documented, routes
from codec.serve.errors import ApiError
from codec.serve.logs import failed, log
from codec.serve.security import PAGE, secure
from codec.serve.service import Service
from codec.serve.settings import Settings

STATIC = Path(__file__).parent / "static"
HEADER_BYTES = 32 << 10
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
"""Counted by name; a client can make up others without end."""


def create(settings: Settings) -> FastAPI:
    """The app; `codec.serve.create_app` is its public name."""
    service = Service(settings)
    app = FastAPI(
        title="sain-codec",
        version=codec.__version__,
        description="Photos in, small ordinary pictures kept, either handed out.",
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
    )
    app.include_router(routes.build(service))
    if settings.page:
        _add_page(app, service)
    app.add_exception_handler(HTTPException, _wrong_path)
    app.add_middleware(Outermost, service=service)
    return app


async def _wrong_path(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "bad_request")
    return ApiError(code, "there is nothing here" if code == "not_found" else error.detail, error.headers).response()


def _add_page(app: FastAPI, service: Service) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        headers = {"Content-Security-Policy": PAGE, "Cache-Control": "no-cache"}
        return FileResponse(STATIC / "index.html", headers=headers)

    comparing = APIRouter(route_class=routes.route_class(service))

    @comparing.post("/images/{name}/comparison", **documented.COMPARISON)
    async def comparison(request: Request, name: str) -> Response:
        service.pool.check()
        await service.check(name)
        photo, _ = await service.receive(request)
        return JSONResponse(await service.compare(name, photo))

    app.include_router(comparing)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")


class Outermost:
    """Around everything: headers, a log line, and an answer to what nobody caught."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app, self.service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started, status, sent = time.perf_counter(), 0, 0

        async def noting(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                secure(MutableHeaders(scope=message))
            sent += len(message.get("body", b""))
            await send(message)

        try:
            if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADER_BYTES:
                error = ApiError("headers_too_large", f"headers may have at most {HEADER_BYTES:,} bytes")
                await error.response()(scope, receive, noting)
            else:
                await self.app(scope, receive, noting)
        except Exception as error:
            failed(error)
            if not status:
                await ApiError("internal", "the service failed; its log says how").response()(scope, receive, noting)
        seconds = time.perf_counter() - started
        path = getattr(scope.get("route"), "path", None) or "other"
        if not scope.get("codec.counted"):
            method = scope["method"] if scope["method"] in METHODS else "other"
            self.service.metrics.requests.labels(method, path, status).inc()
            self.service.metrics.seconds.labels(path).observe(seconds)
        about = {"method": scope["method"], "route": path, "status": status, "bytes": sent}
        log.info("request", extra={**about, "ms": round(1000 * seconds, 1)})
        return None
