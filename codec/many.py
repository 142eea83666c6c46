"""Many pictures: each on a thread of its own, as many at a time as there are cores.

One picture keeps several cores busy only while its network runs; pictures side by side keep them busy all the time. On
two cores that gains little (up to a sixth in bfloat16, nothing in float32), for a network shares them well.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from threading import Barrier
from typing import Any, Literal

from codec.api import decode, encode
from codec.errors import CodecError
from codec.networks import Engine
from codec.wish import whole

Errors = Literal["raise", "return"]


def encode_batch(
    images: Iterable[Any],
    quality: int | None = None,
    *,
    workers: int | None = None,
    errors: Errors = "raise",
    **options: Any,
) -> Iterator["bytes | CodecError"]:
    """The files of many pictures, in their order, as `encode` makes them of each; lazy in reading `images`.

    * `workers`: pictures at a time; as many as there are cores, unless given. Memory grows with them.
    * `errors`: what to do with a picture that cannot be stored: `"raise"` when its turn comes, or `"return"` the
      `CodecError` in its place, and go on.
    * all else as for `encode`.
    """
    return _each(lambda image: encode(image, quality, **options), images, workers, errors, options)


def decode_batch(
    files: Iterable[Any], *, workers: int | None = None, errors: Errors = "raise", **options: Any
) -> Iterator[Any]:
    """The full-size pictures of many files, in their order, as `decode` makes them of each; see `encode_batch`.

    A `reference` is that of all files. It is read at once, and what is wrong with it is raised at once, too.
    """
    if options.get("reference") is not None:
        from codec.transfer import References

        options["reference"] = References.read(options["reference"], max_pixels=options.get("max_pixels")).sources
    return _each(lambda data: decode(data, **options), files, workers, errors, options)


def _each(
    work: Callable[[Any], Any], items: Iterable[Any], workers: int | None, errors: Errors, options: dict[str, Any]
) -> Iterator[Any]:
    if errors not in ("raise", "return"):
        raise CodecError(f"errors must be raise or return, not {errors!r}")
    count = whole("workers", _cores() if workers is None else workers, 1, 4096)
    engine = Engine(*(options.get(name) for name in Engine._fields)).checked()

    def done(future: Future[Any]) -> Any:
        try:
            return future.result()
        except CodecError as error:
            if errors == "raise":
                raise
            return error

    def results() -> Iterator[Any]:
        source, waiting = iter(items), deque[Future[Any]]()
        pool = _pool(count, engine)
        try:
            waiting.extend(pool.submit(work, item) for item in islice(source, 2 * count))
            while waiting:
                yield done(waiting.popleft())
                waiting.extend(pool.submit(work, item) for item in islice(source, 1))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    return results()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _pool(workers: int, engine: Engine) -> ThreadPoolExecutor:
    """Threads each of which computes on one core; the caller's setting for torch stays what it was."""
    if engine.backend != "torch":
        return ThreadPoolExecutor(workers)
    import torch

    before, all_there = torch.get_num_threads(), Barrier(workers + 1)

    def start() -> None:
        torch.set_num_threads(1)  # this thread's, and those that are still to come
        all_there.wait()

    pool = ThreadPoolExecutor(workers, initializer=start)
    for _ in range(workers):
        pool.submit(int)
    all_there.wait()
    torch.set_num_threads(before)
    return pool
