"""The pool of workers, with workers that misbehave on demand."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from codec.serve.errors import ApiError
from codec.serve.frames import Frame
from codec.serve.pool import Pool

COMMAND = (sys.executable, "-m", "tests.serve.fake_worker")


def with_pool(body: Callable[[Pool], Awaitable[Any]], **options: Any) -> list[str]:
    """Run with a pool; returns why workers were lost."""
    lost: list[str] = []

    async def run() -> None:
        pool = Pool(**{"command": COMMAND, "workers": 2, "queue": 8, "timeout": 5.0, "lost": lost.append, **options})
        pool.start()
        try:
            async with asyncio.timeout(30):
                await body(pool)
        finally:
            await pool.stop()
            assert pool.ready == pool.running == pool.waiting == 0

    asyncio.run(run())
    return lost


async def code_of(job: Awaitable[Frame]) -> str:
    try:
        await job
    except ApiError as error:
        return error.code
    return "done"


def test_jobs_go_to_all_workers_and_bodies_of_any_size_come_back() -> None:
    async def body(pool: Pool) -> None:
        bodies = [bytes([i]) * size + b"end" for i, size in enumerate((0, 1, 70_000, 5_000_000))]
        answers = await asyncio.gather(*(pool.run(Frame({"sleep": 0.1}, b)) for b in bodies))
        assert [answer.body for answer in answers] == [b[::-1] for b in bodies]
        assert len({answer.about["pid"] for answer in answers}) == 2

    assert with_pool(body) == []


def test_a_job_whose_worker_dies_is_tried_once_more(tmp_path: Path) -> None:
    async def body(pool: Pool) -> None:
        assert (await pool.run(Frame({"die_unless": str(tmp_path / "marker")}, b"ab"))).body == b"ba"
        assert await code_of(pool.run(Frame({"die": True}))) == "worker_lost"
        assert (await pool.run(Frame({}, b"ab"))).body == b"ba"
        while pool.ready < 2:  # a loss is told before the next worker starts
            await asyncio.sleep(0.01)

    assert len(with_pool(body)) == 3


def test_a_job_that_takes_too_long_ends_its_worker() -> None:
    async def body(pool: Pool) -> None:
        pid = (await pool.run(Frame({}))).about["pid"]
        assert await code_of(pool.run(Frame({"sleep": 60}))) == "timeout"
        while Path(f"/proc/{pid}").exists():
            await asyncio.sleep(0.01)
        assert (await pool.run(Frame({}))).about["pid"] != pid

    assert with_pool(body, workers=1, timeout=2.0) == ["its job took too long"]


def test_a_worker_that_babbles_is_replaced() -> None:
    async def body(pool: Pool) -> None:
        assert await code_of(pool.run(Frame({"babble": True}))) == "worker_lost"
        assert await code_of(pool.run(Frame({}))) == "done"

    with_pool(body)


def test_a_worker_killed_while_idle_is_replaced_before_it_is_needed() -> None:
    async def body(pool: Pool) -> None:
        pid = (await pool.run(Frame({}))).about["pid"]
        os.kill(pid, signal.SIGKILL)
        while pool.ready:
            await asyncio.sleep(0.01)
        assert (await pool.run(Frame({}))).about["pid"] != pid

    assert with_pool(body, workers=1) == ["it ended while idle"]


def test_the_queue_is_bounded_and_waiting_too() -> None:
    async def body(pool: Pool) -> None:
        await pool.run(Frame({}))
        jobs = [asyncio.create_task(code_of(pool.run(Frame({"sleep": 1.0})))) for _ in range(5)]
        codes = await asyncio.gather(*jobs)
        # one runs and one waits; the one behind it would have waited for longer than a job may
        assert sorted(codes) == ["busy", "busy", "busy", "done", "done"]

    with_pool(body, workers=1, queue=2, timeout=1.6)


def test_jobs_nobody_waits_for_are_not_begun() -> None:
    async def body(pool: Pool) -> None:
        first = asyncio.create_task(pool.run(Frame({"sleep": 0.5})))
        second = asyncio.create_task(pool.run(Frame({"sleep": 60})))
        await asyncio.sleep(0.1)
        second.cancel()
        await first
        assert await code_of(pool.run(Frame({}))) == "done"

    assert with_pool(body, workers=1) == []


def test_workers_that_cannot_start_are_tried_at_growing_intervals() -> None:
    async def body(pool: Pool) -> None:
        assert await code_of(pool.run(Frame({}))) == "busy"

    lost = with_pool(body, command=(sys.executable, "-c", "raise SystemExit"), workers=1, timeout=2.0)
    assert 1 <= len(lost) <= 3
    assert 1 <= len(with_pool(body, command=("/no/such/program",), workers=1, timeout=0.5)) <= 2


def test_stopping_refuses_what_is_left() -> None:
    async def body(pool: Pool) -> None:
        jobs = [asyncio.create_task(code_of(pool.run(Frame({"sleep": 60})))) for _ in range(3)]
        while not pool.running:
            await asyncio.sleep(0.01)
        await pool.stop()
        assert await asyncio.gather(*jobs) == ["stopping"] * 3

    with_pool(body, workers=1)


@pytest.mark.parametrize("workers", [1, 3])
def test_many_jobs(workers: int) -> None:
    async def body(pool: Pool) -> None:
        answers = await asyncio.gather(*(pool.run(Frame({"i": i}, b"x" * i)) for i in range(100)))
        assert [answer.about["i"] for answer in answers] == list(range(100))

    assert with_pool(body, workers=workers, queue=100) == []
