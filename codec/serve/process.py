"""The service's end of one worker process."""

import asyncio
import json
import os
from collections.abc import Coroutine, Sequence
from types import TracebackType
from typing import Any, Self

from codec.serve.frames import LENGTHS, Frame, head

BOOT_SECONDS = 120
"""That a worker gets to load torch and the network in."""
PIECE = 1 << 20
"""Bytes written or buffered at once."""


class WorkerLostError(Exception):
    """A worker is gone, or does not answer as agreed."""


class Worker:
    """One process, which lives as long as the context. Raises `WorkerLostError`."""

    def __init__(self, command: Sequence[str]) -> None:
        self.command = command

    async def __aenter__(self) -> Self:
        try:
            await _whole(self._start())
        except asyncio.CancelledError:  # asyncio itself forgets a process that is just being started
            await self._end()
            raise
        assert self.process.stdin and self.process.stdout  # noqa: S101, PT018
        self._to, self._from = self.process.stdin, self.process.stdout
        try:
            async with asyncio.timeout(BOOT_SECONDS):
                await self._ready()
        except BaseException as error:
            await self._end()
            if isinstance(error, TimeoutError):
                raise WorkerLostError("it did not start in time") from None
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._end()

    async def _start(self) -> None:
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(
            *self.command,
            stdin=pipe,
            stdout=pipe,
            limit=PIECE,
            start_new_session=True,  # Ctrl-C is for the service, which lets running jobs end
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    async def _ready(self) -> None:
        """Wait for the first answer, which says whether it can work."""
        if error := (await self._answer()).about.get("error"):
            raise WorkerLostError(error)

    async def _end(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        if self.process.stdin:
            self.process.stdin.close()
        await _whole(self.process.communicate())  # reads what is left: pipes close at their end only

    async def ask(self, job: Frame) -> Frame:
        """Have one job done. If this is cancelled, the worker is of no more use."""
        try:
            self._to.write(head(job))
            body = memoryview(job.body)
            for start in range(0, len(body), PIECE):
                self._to.write(body[start : start + PIECE])
                await self._to.drain()
            await self._to.drain()
        except (BrokenPipeError, ConnectionResetError):
            raise WorkerLostError("it ended") from None
        return await self._answer()

    async def _answer(self) -> Frame:
        try:
            about, body = LENGTHS.unpack(await self._from.readexactly(LENGTHS.size))
            return Frame(json.loads(await self._from.readexactly(about)), await self._from.readexactly(body))
        except (asyncio.IncompleteReadError, ValueError):
            raise WorkerLostError("it ended") from None


async def _whole(work: Coroutine[Any, Any, Any]) -> None:
    """Wait for work that must not be left half-done; a cancellation is raised behind it."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        task.result()
        raise
