"""The engine of many machines: Ray Data, with a pool of actors, each of which has a worker process with the network.

SRC and DST must be reachable under the same name from every node, and this package installed there. Workers read and
write the files themselves, so that no picture travels through the driver or Ray's object store; what travels is names
and rows.

Ray tries again what an actor was at when it died, for ever: right where a node went away, and endless where a picture
takes more memory than there is. So the work is done not by the actor but by a process of its own, as in the local
engine, which knows what to do when that dies.
"""

import json
import logging
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from typing import Any

from codec.batch.local import Crew
from codec.batch.records import Job, Row, Task
from codec.errors import CodecError

CHUNK = 100_000
"""Files of one Ray dataset: the next one starts when they are done."""
BATCH = 16
"""Files that an actor is handed at once."""


def run(tasks: Iterator[Task | None], job: Job, workers: int | None, timeout: float) -> Generator[Row, None, None]:
    """The row of every task, as they are done; `workers`: actors, by default one for each GPU, else for each CPU.

    Uses the cluster that `RAY_ADDRESS` names or that this machine has, else starts one of this machine. `timeout`:
    seconds that a file may take. Raises `CodecError` if Ray is not installed, or fails.
    """
    found = (task for task in tasks if task is not None)
    with _cluster() as ray:
        share = _share(ray, job, workers)
        while chunk := list(islice(found, CHUNK)):
            waiting = {task.source for task in chunk}
            for row in _rows(chunk, job, share, timeout):
                if row.source in waiting:  # what was done again after a death brings its rows again
                    waiting.remove(row.source)
                    yield row


@contextmanager
def _cluster() -> Iterator[Any]:
    try:
        import ray
        import ray.data
    except ImportError:
        raise CodecError("--engine ray needs more packages: pip install 'sain-codec[ray]'") from None
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ours = not ray.is_initialized()
    try:
        if ours:
            ray.init(log_to_driver=False, logging_level="ERROR")
        yield ray
    except ray.exceptions.RayError as error:
        raise CodecError(f"Ray gave up: {str(error).strip().splitlines()[-1]}") from None
    finally:
        if ours:
            ray.shutdown()


def _share(ray: Any, job: Job, workers: int | None) -> dict[str, Any]:
    """What `map_batches` is told of the actors and of the hardware that each one needs."""
    has = ray.cluster_resources()
    gpus = 0 if job.options.get("device") == "cpu" else int(has.get("GPU", 0))
    count = workers or gpus or int(has.get("CPU", 1))
    pool = ray.data.ActorPoolStrategy(min_size=1, max_size=count, initial_size=count)
    # Ray hides GPUs from actors that have not asked for one
    return {"compute": pool, "num_cpus": 1, "num_gpus": min(1, gpus / count)}


def _rows(tasks: list[Task], job: Job, share: dict[str, Any], timeout: float) -> Iterator[Row]:
    import pyarrow as pa
    import ray.data

    table = pa.table({"task": [json.dumps(asdict(task)) for task in tasks]})
    dataset = ray.data.from_arrow(table, override_num_blocks=-(-len(tasks) // BATCH))
    dataset.context.enable_progress_bars = False  # there is one already
    arguments = (job, timeout)
    dataset = dataset.map_batches(
        Actor, fn_constructor_args=arguments, batch_size=BATCH, batch_format="pyarrow", **share
    )
    for rows in dataset.iter_batches(batch_size=None, batch_format="pyarrow"):
        yield from map(Row.from_json, rows["row"].to_pylist())


class Actor:
    """Lives as long as its chunk."""

    def __init__(self, job: Job, timeout: float) -> None:
        self._crew = Crew(job, timeout)

    def __call__(self, batch: Any) -> Iterable[dict[str, list[str]]]:
        """Rows, as each is done."""
        for text in batch["task"].to_pylist():
            self._crew.give(_task(text))
            while self._crew.busy:
                for row in self._crew.done():
                    yield {"row": [row.to_json()]}


def _task(text: str) -> Task:
    fields = json.loads(text)
    known = fields.pop("known")
    return Task(**fields, known=Row(**known) if known else None)
