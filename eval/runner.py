"""Measure codecs on pictures, in processes, keeping every result as soon as it is there."""

import hashlib
import json
import math
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from codec.picture import Pixels, read_picture
from eval import metrics
from eval.codecs import build
from eval.peak import peak

Record = dict[str, Any]
"""One codec on one picture at one quality: bytes, bpp, CPU seconds (all threads; other load hardly moves them) and
metrics; or `error`."""


@dataclass(frozen=True)
class Job:
    """One result to be had."""

    codec: str
    """As `eval.codecs.build` takes it."""
    picture: Path
    quality: int
    border: int
    """Pixels left out on each side by PSNR-Y."""
    modulo: int
    """The picture is cropped to a multiple of this (1: not at all)."""
    longest: int | None = None
    """Pixels of the longer side to which larger pictures are reduced first."""

    def original(self) -> Pixels:
        """What is to be stored; raises as `codec.picture.read_picture`."""
        return load_picture(self.picture, self.modulo, self.longest)


def load_picture(path: Path, modulo: int = 1, longest: int | None = None) -> Pixels:
    """RGB pixels `[H, W, 3]`, cropped at right and bottom; raises as `codec.picture.read_picture`.

    Larger pictures are reduced to `longest` pixels a side by Lanczos, which leaves little of a camera's own JPEG.
    """
    pixels = read_picture(path).rgb
    if longest is not None and max(pixels.shape[:2]) > longest:
        img = Image.fromarray(pixels)
        img.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        pixels = np.array(img)
    return pixels[: pixels.shape[0] // modulo * modulo, : pixels.shape[1] // modulo * modulo]


@lru_cache(maxsize=4096)
def _content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def key_of(job: Job) -> str:
    """What the result depends on: codec and its versions, pixels, quality, metrics. Raises `MissingCodecError`."""
    parts = [build(job.codec).identity, _content(job.picture), job.quality, job.border, job.modulo, metrics.VERSION]
    parts += [job.longest] if job.longest else []
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


def measure(job: Job) -> Record:
    """Run one job. Whatever goes wrong becomes the record's `error`: one bad picture must not end a long run."""
    torch.set_num_threads(1)
    record: Record = {"codec": job.codec, "picture": job.picture.stem, "quality": job.quality}
    try:
        codec, original = build(job.codec), job.original()
        height, width = original.shape[:2]
        started = time.process_time()
        data = codec.encode(original, job.quality)
        written = time.process_time()
        restored = codec.decode(data, (width, height))
        done = time.process_time()
        record |= {"width": width, "height": height, "bytes": len(data), "bpp": 8 * len(data) / (width * height)}
        record |= {"encode_s": written - started, "decode_s": done - written}
        values = metrics.all_of(original, restored, job.border)
        stored = codec.stored(data)
        if stored is not None:
            values |= metrics.lr_fidelity(original, stored)
        record |= {key: round(value, 6) if math.isfinite(value) else None for key, value in values.items()}
    except Exception as error:
        record["error"] = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return record


def peak_memory(job: Job) -> float:
    """MB that encoding and decoding once add to a process that has everything imported. Run it in a fresh process."""
    codec, original = build(job.codec), job.original()
    codec.decode(codec.encode(original[:64, :64], job.quality), (64, 64))
    before = peak()
    codec.decode(codec.encode(original, job.quality), (original.shape[1], original.shape[0]))
    return peak() - before


class Cache:
    """Results by key in a JSON-lines file, written one by one: an interrupted run loses only what was in flight."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records: dict[str, Record] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                try:
                    entry = json.loads(line)
                    self.records[entry["key"]] = entry["record"]
                except (json.JSONDecodeError, KeyError, TypeError):
                    continue  # a line cut short when the machine went down

    def put(self, key: str, record: Record) -> None:
        """Keep a record; failures are not kept, so that they are tried again."""
        self.records[key] = record
        if "error" not in record:
            with self.path.open("a") as file:
                file.write(json.dumps({"key": key, "record": record}) + "\n")


def run(jobs: Sequence[Job], cache: Cache, workers: int) -> list[Record]:
    """The records of all jobs, in their order; what the cache has is not measured again."""
    keys = [key_of(job) for job in jobs]
    missing = [(job, key) for job, key in zip(jobs, keys, strict=True) if key not in cache.records]
    if missing:
        # a fresh interpreter per worker: torch does not survive a fork once its threads have run
        with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
            futures = {pool.submit(measure, job): key for job, key in missing}
            try:
                for future in tqdm(as_completed(futures), total=len(futures), unit="file", disable=None):
                    cache.put(futures[future], future.result())
            except KeyboardInterrupt:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return [cache.records[key] for key in keys]


def memory_of(jobs: Iterable[Job]) -> dict[str, float]:
    """Peak memory in MB by codec, each in a process of its own; codecs that fail are left out."""
    peaks = {}
    for job in jobs:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            try:
                peaks[job.codec] = round(pool.submit(peak_memory, job).result(), 1)
            except Exception:  # noqa: S112 - `run` has reported why
                continue
    return peaks


def mean_curve(records: Sequence[Record]) -> list[Record]:
    """The mean of one codec's records over pictures at each quality, ascending; values that are None are left out."""
    curve = []
    for quality in sorted({record["quality"] for record in records}):
        group = [record for record in records if record["quality"] == quality]
        numbers = [key for key, value in group[0].items() if isinstance(value, float)]
        means = {k: float(np.mean([r[k] for r in group])) for k in numbers if all(r.get(k) is not None for r in group)}
        curve.append({"quality": quality, **means})
    return curve
