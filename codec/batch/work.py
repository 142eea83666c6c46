"""One file: read, encode or decode or compare, write, tell."""

import hashlib
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import codec
from codec import alpha, carriers
from codec.batch.records import Job, Row, Task
from codec.batch.stores import open_store
from codec.encoding import mean_square
from codec.fidelity import decibels
from codec.picture import Pixels, read_picture
from codec.saving import FORMATS, saved


class Work:
    """The work of a job. Raises `CodecError` if its stores cannot be opened."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.source, self.target = open_store(job.source), open_store(job.target)
        self._done: Callable[[Task, bytes], dict[str, Any]] = {
            "encode": self._encoded, "decode": self._decoded, "verify": self._verified
        }[job.kind]  # fmt: skip

    def __call__(self, task: Task) -> Row:
        """The row of a task: whatever is wrong with its file, it says so and does not raise."""
        start = time.perf_counter()
        row = _row(task, self.job)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                data = self.source.read(task.source)
                row = replace(row, bytes_in=len(data), sha256=hashlib.sha256(data).hexdigest())
                if self.job.kind != "verify" and task.known and task.known.sha256 == row.sha256:
                    return replace(task.known, stamp=task.stamp)
                row = replace(row, status="ok", **self._done(task, data))
            except Exception as error:  # a fault of ours in one picture is no reason to leave all others undone
                row = replace(row, status="failed", error=reason(error))
        told = dict.fromkeys(str(w.message) for w in warned if issubclass(w.category, UserWarning))
        return replace(row, warnings="; ".join(told) or None, seconds=round(time.perf_counter() - start, 4))

    def _encoded(self, task: Task, data: bytes) -> dict[str, Any]:
        small = codec.encode(data, **self.job.options)
        told = _told(small, self.job.options.get("max_pixels"))
        self.target.write(task.output, small)
        return {**told, "bytes_out": len(small)}

    def _decoded(self, task: Task, data: bytes) -> dict[str, Any]:
        told = _told(data, self.job.options.get("max_pixels"))
        img = codec.decode(data, **self.job.options)
        full = saved(img, FORMATS[self.job.suffix])
        self.target.write(task.output, full)
        return {**told, "width": img.width, "height": img.height, "bytes_out": len(full)}

    def _verified(self, task: Task, data: bytes) -> dict[str, Any]:
        if task.known and task.known.sha256 != hashlib.sha256(data).hexdigest():
            raise codec.CodecError("the source has changed since it was encoded: run codec batch again")
        small = self.target.read(task.output)
        restored = codec.decode(small, to="numpy", **self.job.options)
        error = mean_square(_without_alpha(restored), _comparable(data, small, self.job.options.get("max_pixels")))
        return {"bytes_out": len(small), "psnr": round(decibels(error), 3)}


def _row(task: Task, job: Job) -> Row:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return Row(
        task.source, task.output, "failed", params=job.params, stamp=task.stamp, bytes_in=task.size,
        codec=codec.__version__, time=now,
    )  # fmt: skip


def lost(task: Task, job: Job, error: str) -> Row:
    """The row of a task whose worker could tell nothing any more."""
    return replace(_row(task, job), error=error)


def reason(error: Exception) -> str:
    """One line, without the type where it is an error of ours or of the system."""
    text = (str(error).splitlines() or [""])[0][:300]
    return text if isinstance(error, codec.CodecError | OSError) and text else f"{type(error).__name__}: {text}"


def _told(small: bytes, max_pixels: int | None) -> dict[str, Any]:
    """What a small file says of itself."""
    info = codec.inspect(small, max_pixels=max_pixels)
    (width, height), (w, h) = info.header.full_size, info.header.lr_size
    return {
        "width": width, "height": height, "stored_width": w, "stored_height": h,
        "bpp": round(info.bpp, 5), "model": info.header.model,
    }  # fmt: skip


def _without_alpha(pixels: Pixels) -> Pixels:
    """`[H, W]` or `[H, W, 3]` of what `codec.decode` returns."""
    if pixels.ndim == 2 or pixels.shape[2] == 3:
        return pixels
    return pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3]


def _comparable(data: bytes, small: bytes, max_pixels: int | None) -> Pixels:
    """The source's pixels as the small file was to keep them: in a JPEG, white where nothing shows."""
    picture, file = read_picture(data, max_pixels), carriers.read(small, max_pixels)
    if picture.alpha is None or file is None or file.carrier.transparent:
        return picture.pixels
    return alpha.hide(picture.pixels, picture.alpha)
