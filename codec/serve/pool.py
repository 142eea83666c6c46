"""A bounded number of jobs for a fixed number of worker processes.

A job whose worker dies is given to another once; one that takes too long ends its worker, which is replaced. The
processes of `concurrent.futures` offer neither: there, one death breaks the whole pool.
"""

import asyncio
import itertools
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from codec.serve.errors import ApiError
from codec.serve.frames import Frame
from codec.serve.process import Worker, WorkerLostError

TRIES = 2
LONGEST_PAUSE = 30.0
"""Seconds between attempts to start a worker that does not start."""
log = logging.getLogger("codec.serve")


@dataclass
class Job:
    """On its way."""

    frame: Frame
    answer: "asyncio.Future[Frame]"
    tries: int = 0

    def refuse(self, code: str, message: str) -> None:
        """Answer with an error, unless somebody did already."""
        if not self.answer.done():
            self.answer.set_exception(ApiError(code, message))


class Pool:
    """Starts with `start`, in a running event loop, and ends with `stop`."""

    def __init__(
        self, command: Sequence[str], workers: int, queue: int, timeout: float, lost: Callable[[str], None]
    ) -> None:
        """`timeout`: seconds that a job may wait, and again that it may run; `lost` is told why a worker was."""
        self.command, self.workers, self.queue, self.timeout, self.lost = command, workers, queue, timeout, lost
        self.ready = self.running = 0
        """Workers that are up, and jobs that they are at."""
        self._order = itertools.count()
        self._slots: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start the workers; jobs may come at once, and wait for them."""
        self._waiting: asyncio.PriorityQueue[tuple[int, int, Job]] = asyncio.PriorityQueue()
        self._slots = [asyncio.create_task(self._keep()) for _ in range(self.workers)]

    async def stop(self) -> None:
        """End the workers; jobs that are left are refused."""
        for slot in self._slots:
            slot.cancel()
        await asyncio.gather(*self._slots, return_exceptions=True)
        while not self._waiting.empty():
            self._waiting.get_nowait()[2].refuse("stopping", "the service is being stopped")

    @property
    def waiting(self) -> int:
        """Jobs that no worker is at yet."""
        return self._waiting.qsize()

    def check(self) -> None:
        """Raise `ApiError` (503) if there is no room for one more job."""
        if self.running + self.waiting >= self.workers + self.queue:
            raise ApiError("busy", "too many jobs are waiting: try again later")

    async def run(self, frame: Frame) -> Frame:
        """Have a job done; raises `ApiError`."""
        self.check()
        loop = asyncio.get_running_loop()
        job = Job(frame, loop.create_future())
        self._waiting.put_nowait((1, next(self._order), job))
        timer = loop.call_later(self.timeout, self._give_up, job)
        try:
            return await job.answer
        finally:
            timer.cancel()

    def _give_up(self, job: Job) -> None:
        if not job.tries:
            job.refuse("busy", "no worker was free in time: try again later")

    async def _keep(self) -> None:
        """One worker after the other."""
        pause = 0.0
        while True:
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2 or 1.0)
            try:
                async with Worker(self.command) as worker:
                    pause = 0.0
                    self.ready += 1
                    try:
                        await self._feed(worker)
                    finally:
                        self.ready -= 1
            except (WorkerLostError, OSError) as error:
                log.warning("worker lost", extra={"reason": str(error)})
                self.lost(str(error))

    async def _feed(self, worker: Worker) -> None:
        ended = asyncio.create_task(worker.process.wait())
        try:
            while True:
                job = await self._next(ended)
                if not job.answer.done():
                    await self._have_done(worker, job)
        finally:
            ended.cancel()

    async def _next(self, ended: "asyncio.Task[int]") -> Job:
        """The job whose turn it is; raises `WorkerLostError` if the worker ends before."""
        taking = asyncio.create_task(self._waiting.get())
        try:
            await asyncio.wait({taking, ended}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if taking.done():
                taking.result()[2].refuse("stopping", "the service is being stopped")
            raise
        finally:
            taking.cancel()
        if ended.done():
            if taking.done() and not taking.cancelled():
                self._waiting.put_nowait(taking.result())
            raise WorkerLostError("it ended while idle")
        return taking.result()[2]

    async def _have_done(self, worker: Worker, job: Job) -> None:
        job.tries += 1
        self.running += 1
        try:
            async with asyncio.timeout(self.timeout):
                answer = await worker.ask(job.frame)
        except TimeoutError:
            worker.process.kill()  # before anybody hears of it
            job.refuse("timeout", f"the job took more than {self.timeout:g} seconds and was ended")
            raise WorkerLostError("its job took too long") from None
        except WorkerLostError:
            if job.tries < TRIES:
                self._waiting.put_nowait((0, next(self._order), job))
            else:
                job.refuse("worker_lost", "the picture ended two workers: it is not tried again")
            raise
        except asyncio.CancelledError:
            job.refuse("stopping", "the service is being stopped")
            raise
        finally:
            self.running -= 1
        with suppress(asyncio.InvalidStateError):  # nobody waits any more
            job.answer.set_result(answer)
