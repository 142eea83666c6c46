"""The routes, for `app.include_router`."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

import codec
from codec.serve import conditional, documented, parameters
from codec.serve.errors import ApiError, of_os, responses
from codec.serve.logs import failed
from codec.serve.negotiation import FULL, choose
from codec.serve.parameters import Wanted
from codec.serve.security import secure
from codec.serve.service import Service, Stored, media_type

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def route_class(service: Service) -> type[APIRoute]:
    """Routes whose errors have our shape, in whatever app they are, and which are counted."""

    class Route(APIRoute):
        def get_route_handler(self) -> Handler:
            inner, path = super().get_route_handler(), self.path

            async def handler(request: Request) -> Response:
                started = time.perf_counter()
                response = await answered(inner, request)
                secure(response.headers)
                service.metrics.requests.labels(request.method, path, response.status_code).inc()
                service.metrics.seconds.labels(path).observe(time.perf_counter() - started)
                request.scope["codec.counted"] = True
                return response

            return handler

    return Route


async def answered(inner: Handler, request: Request) -> Response:
    """The answer of a handler, or to what it raises; errors that are not ours are for the app that it is in."""
    try:
        return await inner(request)
    except ApiError as error:
        return error.response()
    except RequestValidationError as error:
        return ApiError("invalid_parameter", parameters.sentence(error.errors())).response()
    except ClientDisconnect:
        return ApiError("client_gone", "the client went away").response()
    except OSError as error:
        failed(error)
        return of_os(error).response()


def build(service: Service) -> APIRouter:
    """All routes of a service, which is started and stopped with the app that includes them."""

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        service.start()
        try:
            yield
        finally:
            await service.stop()

    router = APIRouter(route_class=route_class(service), lifespan=lifespan)
    _add_pictures(router, service)
    _add_delete(router, service)
    _add_operations(router, service)
    return router


def _add_pictures(router: APIRouter, service: Service) -> None:
    @router.post("/images", **documented.UPLOAD)
    async def store(request: Request, wanted: Annotated[Wanted, Query()]) -> Response:
        service.pool.check()  # before the photo is sent, if its sender waits to be asked for it
        parameters.options(wanted, service.settings)
        data, fields = await service.receive(request)
        options = parameters.options(parameters.merged(wanted, fields), service.settings)
        stored = await service.upload(data, options)
        about = await asyncio.to_thread(described, request, stored, len(data), service.settings.max_pixels)
        return JSONResponse(about, 201 if stored.created else 200, {"Location": about["urls"]["image"]})

    async def small(request: Request, name: str) -> Response:
        etag = service.etag(name)
        await service.check(name)
        data = None if conditional.not_modified(request, etag) else await service.small(name)
        headers = {"ETag": etag, "Content-Disposition": f'inline; filename="{name}"'}
        return conditional.respond(request, data, media_type(name), headers)

    async def full(request: Request, name: str) -> Response:
        await service.check(name)
        accept = ",".join(request.headers.getlist("accept"))
        try:
            kind = choose(accept)
        except ApiError as error:
            error.headers["Vary"] = "Accept"
            raise
        etag = service.etag(name, kind)
        data = None if conditional.not_modified(request, etag) else await service.full(name, kind)
        file = f"{name.partition('.')[0]}-full.{kind}"
        headers = {"ETag": etag, "Vary": "Accept", "Content-Disposition": f'inline; filename="{file}"'}
        return conditional.respond(request, data, FULL[kind], headers)

    router.add_api_route("/images/{name}", small, name="image", **documented.SMALL)
    router.add_api_route("/images/{name}", small, methods=["HEAD"], include_in_schema=False)
    router.add_api_route("/images/{name}/full", full, name="full", **documented.FULL)
    router.add_api_route("/images/{name}/full", full, methods=["HEAD"], include_in_schema=False)


def _add_delete(router: APIRouter, service: Service) -> None:
    if not service.settings.delete:
        return

    @router.delete("/images/{name}", status_code=204, responses=responses("not_found", "storage_failed"))
    async def delete(name: str) -> Response:
        """Remove a stored file and what was restored from it; copies that others keep are out of reach."""
        await service.delete(name)
        return Response(status_code=204)


def _add_operations(router: APIRouter, service: Service) -> None:
    @router.get("/healthz/live", **documented.LIVE)
    async def live() -> Response:
        """Whether the process answers."""
        return JSONResponse({"live": True, "version": codec.__version__}, headers={"Cache-Control": "no-store"})

    @router.get("/healthz", **documented.READY)
    async def ready() -> Response:
        """Whether requests should be sent here: a worker is up, and the storage can be reached."""
        parts = await service.ready()
        good = all(parts.values())
        return JSONResponse({"live": True, "ready": good, **parts}, 200 if good else 503, {"Cache-Control": "no-store"})

    @router.get("/metrics", **documented.METRICS)
    async def metrics() -> Response:
        """What the service counts, for Prometheus."""
        return Response(await asyncio.to_thread(service.metrics.text), media_type=CONTENT_TYPE_LATEST)


def described(request: Request, stored: Stored, uploaded: int, max_pixels: int) -> dict[str, Any]:
    """What a client is told of an upload. Parses the stored file: call it in a thread."""
    info = codec.inspect(stored.data, max_pixels=max_pixels)
    (width, height), (small_width, small_height) = info.header.full_size, info.header.lr_size
    return {
        "id": stored.name,
        "media_type": media_type(stored.name),
        "model": info.header.model,
        "width": width,
        "height": height,
        "stored_width": small_width,
        "stored_height": small_height,
        "bytes": len(stored.data),
        "upload_bytes": uploaded,
        "bytes_saved": uploaded - len(stored.data),
        "warnings": stored.warnings,
        "urls": {kind: request.url_for(kind, name=stored.name).path for kind in ("image", "full")},
    }
