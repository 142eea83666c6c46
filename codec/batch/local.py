"""The engine of one machine: processes, each of which has one file at a time.

Own processes and pipes, and neither of the standard library's pools. `ProcessPoolExecutor` gives up altogether when a
process dies, and cannot tell which of the files at work killed it; `multiprocessing.Pool` waits for ever. Here one
worker has one pipe: when it breaks, that worker's file is known, and only that one is concerned.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import cast

from tqdm import tqdm

from codec.batch.records import Job, Row, Task
from codec.batch.work import Work, lost

TICK = 1.0
"""Seconds between two looks at the clock."""
DONE = object()


def cores() -> int:
    """Of the machine that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(tasks: Iterator[Task | None], job: Job, workers: int, timeout: float) -> Generator[Row, None, None]:
    """The row of every task, in the order in which they are done.

    `workers` 0 means this process: for a debugger, and for stores that no other process sees. `timeout`: seconds that a
    file may take. The tasks are asked for one by one, when a worker is idle. Close the iterator to stop the workers.
    """
    if workers == 0:
        work = Work(job)
        yield from (work(task) for task in tasks if task is not None)
        return
    crew = Crew(job, timeout)
    more = True
    try:
        while more or crew.busy:
            searching = False
            while more and not searching and len(crew.busy) < workers:
                task = next(tasks, DONE)
                more, searching = task is not DONE, task is None
                if more and not searching:
                    crew.give(cast(Task, task))
            yield from crew.done(0.0 if searching else TICK)
    finally:
        crew.stop()


@dataclass
class Worker:
    """A process, and what it is at."""

    process: multiprocessing.process.BaseProcess
    pipe: Connection
    task: Task | None = None
    since: float = field(default_factory=time.monotonic)


class Crew:
    """Workers, started when there is something to do for them."""

    def __init__(self, job: Job, timeout: float) -> None:
        self._job, self._timeout = job, timeout
        self._idle: list[Worker] = []
        self.busy: dict[Connection, Worker] = {}
        self._tried: set[str] = set()
        """Sources that a worker has died of, and that a fresh one tries again."""

    def give(self, task: Task) -> None:
        """Have a task done by a worker that is idle, or by a new one."""
        while self._idle:
            worker = self._idle.pop()
            if worker.process.is_alive():
                return self._begin(worker, task)
            _end(worker)
        return self._begin(_start(self._job), task)

    def _begin(self, worker: Worker, task: Task) -> None:
        worker.task, worker.since = task, time.monotonic()
        with suppress(OSError):  # it has died this moment: its pipe tells in `done`
            worker.pipe.send(task)
        self.busy[worker.pipe] = worker

    def done(self, seconds: float = TICK) -> Iterator[Row]:
        """Rows of tasks that end within so many seconds, one way or another."""
        for pipe in wait(list(self.busy), seconds):
            worker = self.busy.pop(cast(Connection, pipe))
            try:
                row = worker.pipe.recv()
            except (EOFError, OSError):
                yield from self._died(worker)
            else:
                self._tried.discard(row.source)
                self._idle.append(worker)
                yield row
        for worker in [w for w in self.busy.values() if time.monotonic() - w.since > self._timeout]:
            del self.busy[worker.pipe]
            _end(worker)
            yield lost(cast(Task, worker.task), self._job, f"it took longer than the {self._timeout:g} s of --timeout")

    def _died(self, worker: Worker) -> Iterator[Row]:
        """The machine's memory may have been short because of another's file: one more try."""
        task = cast(Task, worker.task)
        worker.process.join(TICK)
        code = worker.process.exitcode
        _end(worker)
        if task.source not in self._tried:
            self._tried.add(task.source)
            self._begin(_start(self._job), task)
        else:
            self._tried.discard(task.source)
            how = f"killed by signal {-code}" if code is not None and code < 0 else f"exit code {code}"
            yield lost(task, self._job, f"two workers died of it ({how}): is there memory enough?")

    def stop(self) -> None:
        """Kill all: what they were at is left undone."""
        for worker in (*self._idle, *self.busy.values()):
            _end(worker)


def _start(job: Job) -> Worker:
    # spawn: a forked process would inherit torch's threads in whatever state they are
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe()
    process = context.Process(target=_serve, args=(its, job), daemon=True)
    # Ctrl-C reaches all processes of a terminal: only the parent is to answer, from the child's first moment on
    resource_tracker.ensure_running()  # when first started, it undoes the mask
    maskable = hasattr(signal, "pthread_sigmask")
    if maskable:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        if maskable:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    its.close()
    return Worker(process, ours)


def _end(worker: Worker) -> None:
    worker.pipe.close()
    worker.process.kill()
    worker.process.join()


def _serve(pipe: Connection, job: Job) -> None:
    """A worker's life: one thread, for the other cores have workers of their own."""
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"  # before torch is imported
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tqdm.set_lock(threading.RLock())  # its own is shared between processes, and outlives one that is killed
    threading.Thread(target=_follow_parent, daemon=True).start()
    work = Work(job)
    while True:
        try:
            pipe.send(work(pipe.recv()))
        except (EOFError, OSError):
            return


def _follow_parent() -> None:
    """A worker whose parent was killed must not write any more: a new run may be at the same file already."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
