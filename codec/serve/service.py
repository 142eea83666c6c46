"""What the service does, apart from HTTP."""

import asyncio
import json
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import PIL
from starlette.requests import Request

import codec
from codec import carriers
from codec.errors import CodecError
from codec.serve import errors
from codec.serve.cache import Cache
from codec.serve.errors import ApiError
from codec.serve.frames import Frame
from codec.serve.metrics import Metrics
from codec.serve.parameters import id_of
from codec.serve.pool import Pool
from codec.serve.settings import Settings
from codec.serve.sniff import readers
from codec.serve.storage import ID, Storage
from codec.serve.upload import Upload, receive
from codec.serve.work import SAVING

COMMAND = (sys.executable, "-m", "codec.serve.worker")
log = logging.getLogger("codec.serve")
T = TypeVar("T")


class Stored(NamedTuple):
    """What an upload led to."""

    name: str
    data: bytes
    created: bool
    """Whether it was not there before."""
    warnings: list[str]


class Service:
    """Pictures in a storage, workers, and a cache; raises `ApiError`. Construct it anywhere, start it in a loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.storage = Storage(settings.store)
        self.cache = Cache(Path(settings.cache_dir), settings.cache_bytes)
        self.metrics = metrics = Metrics()
        command = (*COMMAND, json.dumps(settings.engine))
        self.pool = Pool(command, settings.workers, settings.queue, settings.timeout, self._lost)
        metrics.running.set_function(lambda: self.pool.running)
        metrics.ready.set_function(lambda: self.pool.ready)
        metrics.cached.set_function(lambda: self.cache.bytes)
        self._shared: dict[str, asyncio.Task[Any]] = {}
        self._arriving = 0

    def start(self) -> None:
        """Start the workers, in a running event loop."""
        self.pool.start()
        self.metrics.waiting.set_function(lambda: self.pool.waiting)

    async def stop(self) -> None:
        """End the workers."""
        await self.pool.stop()

    def _lost(self, reason: str) -> None:
        self.metrics.lost.labels(reason).inc()

    async def _once(self, key: str, make: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
        """What `make` gives, made once for all that want it at the same time; and whether this caller was the first.

        A client that goes away takes nothing from the others.
        """
        task, first = self._shared.get(key), False
        if task is None:
            first = True
            task = self._shared[key] = asyncio.ensure_future(make())
            task.add_done_callback(lambda _: self._shared.pop(key))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # it may end with nobody there
        return await asyncio.shield(task), first

    async def _job(self, what: str, body: bytes, **about: Any) -> Frame:
        """Have a worker do something."""
        started = time.perf_counter()
        try:
            about = {"what": what, "max_pixels": self.settings.max_pixels, **about}
            answer = await self.pool.run(Frame(about, body))
        finally:
            self.metrics.job_seconds.labels(what).observe(time.perf_counter() - started)
        if code := answer.about.get("error"):
            message = answer.about["message"]
            if errors.STATUS[code] >= 500:
                log.error("job failed", extra={"job": what, "reason": message})
                message = errors.ABOUT[code]
            raise ApiError(code, message)
        return answer

    async def receive(self, request: Request) -> Upload:
        """Take in a photo; raises starlette's ClientDisconnect, too."""
        if self._arriving >= self.settings.max_uploads:
            raise ApiError("busy", "too many uploads are arriving: try again later")
        self._arriving += 1
        try:
            return await receive(request, self.settings)
        finally:
            self._arriving -= 1

    async def upload(self, data: bytes, options: dict[str, Any]) -> Stored:
        """Store a photo; `options` are those of `codec.encode`."""
        if not readers(data):
            raise ApiError("unsupported_type", "this is not a picture, or of a kind that is not read here")
        try:
            name = await asyncio.to_thread(id_of, data, options, self.settings.precision)
        except CodecError as error:
            raise ApiError("impossible", str(error)) from None

        async def make() -> Stored:
            if (there := await self._read(name)) is not None:
                return Stored(name, there, False, [])
            made = await self._job("encode", data, **options)
            await asyncio.to_thread(self.storage.write, name, made.body)
            self._count(len(data), len(made.body))
            return Stored(name, made.body, True, made.about["warnings"])

        stored, first = await self._once(name, make)
        return stored._replace(created=stored.created and first)

    def _count(self, uploaded: int, stored: int) -> None:
        self.metrics.uploaded.inc(uploaded)
        self.metrics.stored.inc(stored)
        self.metrics.saved.inc(uploaded - stored)

    async def _read(self, name: str) -> bytes | None:
        try:
            return await asyncio.to_thread(self.storage.read, name)
        except FileNotFoundError:
            return None

    async def check(self, name: str) -> None:
        """Raise `ApiError` (404) for what is no id of a picture that is there."""
        if not ID.fullmatch(name) or not await asyncio.to_thread(self.storage.exists, name):
            raise ApiError("not_found", errors.ABOUT["not_found"])

    async def small(self, name: str) -> bytes:
        """The stored file."""
        data = await self._read(name) if ID.fullmatch(name) else None
        if data is None:
            raise ApiError("not_found", errors.ABOUT["not_found"])
        return data

    def etag(self, name: str, kind: str | None = None) -> str:
        """Of a stored file, or of what is restored from it in a format: both follow from id, release and precision."""
        digest = ID.fullmatch(name) and name.partition(".")[0]
        if kind is None:
            return f'"{digest}"'
        precision = "" if self.settings.precision == "float32" else f"-{self.settings.precision}"
        return f'"{digest}-{kind}{SAVING[kind]["quality"]}-{codec.__version__}-{PIL.__version__}{precision}"'

    async def full(self, name: str, kind: str) -> bytes:
        """The restored picture in a format of `FULL`, of a file that is there."""
        key = f"{name}-{self.etag(name, kind).strip(chr(34)).partition('-')[2]}"
        kept = await asyncio.to_thread(self.cache.get, key)
        if kept is not None:
            self.metrics.hits.inc()
            return kept

        async def make() -> bytes:
            self.metrics.misses.inc()
            made = await self._job("restore", await self.small(name), format=kind)
            await asyncio.to_thread(self._keep, name, key, made.body)
            return made.body

        return (await self._once(key, make))[0]

    def _keep(self, name: str, key: str, data: bytes) -> None:
        try:
            self.cache.put(key, data)
            if not self.storage.exists(name):  # deleted meanwhile
                self.cache.remove(name)
        except OSError as error:  # the client gets it all the same
            log.warning("cache failed", extra={"reason": error.strerror})

    async def delete(self, name: str) -> None:
        """Remove a file, and what was restored from it."""
        await self.check(name)
        await asyncio.to_thread(self.storage.delete, name)
        await asyncio.to_thread(self.cache.remove, name)

    async def compare(self, name: str, photo: bytes) -> dict[str, Any]:
        """A photo against its stored file and a JPEG of equal PSNR, see `codec.serve.work.compare`."""
        stored = await self.small(name)
        if not readers(photo):
            raise ApiError("unsupported_type", errors.ABOUT["unsupported_type"])
        return (await self._job("compare", stored + photo, stored=len(stored))).about

    async def ready(self) -> dict[str, bool]:
        """What must be true before requests are sent here."""
        try:
            await asyncio.to_thread(self.storage.check)
            reached = True
        except OSError:
            reached = False
        return {"workers": self.pool.ready > 0, "storage": reached}


def media_type(name: str) -> str:
    """Of a stored file."""
    carrier = carriers.by_suffix(name)
    return carrier.mime if carrier else "application/octet-stream"
