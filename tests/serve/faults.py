"""What happens when things break, on a real service: `python -m tests.serve.faults`.

Each fault says what it saw, or fails an assertion. The tests run the same functions.
"""

import io
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from PIL import Image

from tests.conftest import PICTURES
from tests.serve.running import Running, running


class CannotRunError(Exception):
    """This machine does not allow it."""


def picture(width: int = 192, height: int = 144) -> bytes:
    """A photo of any size, as PNG."""
    with Image.open(PICTURES / "kodim08-crop.png") as img:
        out = io.BytesIO()
        img.resize((width, height)).save(out, "PNG", compress_level=1)
        return out.getvalue()


SMALL, LARGE = picture(), picture(1200, 900)


def post(service: Running, data: bytes, **query: object) -> httpx.Response:
    """Upload."""
    return service.client.post("/images", params=query, files={"file": ("x", data)})


def files(folder: Path) -> list[Path]:
    """All of a store, temporary ones too."""
    return [path for path in folder.rglob("*") if path.is_file()]


def _kill_busy(service: Running, times: int) -> None:
    """Kill whatever worker is at a job, so many times."""
    for _ in range(times):
        before = service.workers()
        while not service.metric("codec_jobs_running"):
            time.sleep(0.02)
        for worker in service.workers():
            os.kill(worker, signal.SIGKILL)
        while set(service.workers()) & set(before):
            time.sleep(0.02)


def _posted_while_killing(service: Running, times: int) -> httpx.Response:
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(post, service, LARGE)
        _kill_busy(service, times)
        return answer.result()


def killed_worker(service: Running) -> str:
    """The job is tried again, once; the pool recovers."""
    before = service.metric("codec_workers_lost_total")
    answer = _posted_while_killing(service, 1)
    assert answer.status_code == 201, answer.text
    assert service.metric("codec_workers_lost_total") == before + 1
    service.client.delete(f"/images/{answer.json()['id']}")
    answer = _posted_while_killing(service, 2)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "worker_lost")
    assert not files(service.folder)
    service.wait_ready()
    assert post(service, SMALL).status_code == 201
    return "killed once: 201 after a second try; killed twice: 500; then 201 again"


def slow_job(service: Running) -> str:
    """It is answered in time, its worker ends, and the next job has another."""
    before = service.workers()
    started = time.monotonic()
    answer = post(service, LARGE, scale="auto")
    seconds = time.monotonic() - started
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "timeout"), answer.text
    assert seconds < 3
    while set(service.workers()) & set(before):
        time.sleep(0.02)
    service.wait_ready()
    assert post(service, SMALL).status_code == 201
    assert len(files(service.folder)) == 1
    return f"504 after {seconds:.2f} s, worker {before[0]} ended, then 201"


def too_many_jobs(service: Running) -> str:
    """Those that find no place are told to come back."""
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda q: post(service, LARGE, quality=q), range(50, 56)))
    refused = [answer for answer in answers if answer.status_code == 503]
    assert {answer.status_code for answer in answers} == {201, 503}
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    assert all(answer.json()["error"]["code"] == "busy" for answer in refused)
    return f"{len(refused)} of 6 at once had 503, with Retry-After"


def disk_full(service: Running) -> str:
    """507, nothing half-written, and on it goes when there is room."""
    store = service.folder / "store"
    mounting = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(store)]
    if os.getuid() or subprocess.run(mounting, capture_output=True, check=False).returncode:
        raise CannotRunError("mounting a small disk needs root")
    try:
        filler = store / "filler"
        filler.write_bytes(bytes(50_000))
        answer = post(service, picture(800, 600), quality=90)
        assert (answer.status_code, answer.json()["error"]["code"]) == (507, "storage_full"), answer.text
        assert files(store) == [filler]
        filler.unlink()
        assert post(service, SMALL, quality=70).status_code == 201
        return "507, nothing left behind, 201 when there was room"
    finally:
        subprocess.run(["umount", str(store)], check=False)


def aborted_upload(service: Running) -> str:
    """The client is gone: nothing is stored, nothing is kept open."""

    def aborted() -> int:
        return sum(line.get("status") == 499 for line in service.log())

    head = b"POST /images HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=B\r\n"
    part = b'--B\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    before, handles = files(service.folder), Path(f"/proc/{service.process.pid}/fd")
    opened = len(list(handles.iterdir()))
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", service.client.base_url.port or 0)) as raw:
            raw.sendall(head + f"Content-Length: {len(LARGE)}\r\n\r\n".encode() + part + LARGE[: len(LARGE) // 2])
    deadline = time.monotonic() + 10
    while aborted() < 20 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert aborted() == 20
    assert files(service.folder) == before
    assert len(list(handles.iterdir())) <= opened + 2
    assert post(service, SMALL).status_code in (200, 201)
    return "20 uploads ended half-way: nothing stored, no temporary file left"


def same_upload_at_once(service: Running) -> str:
    """One id, one file, one encode."""
    before, jobs = len(files(service.folder)), service.metric("codec_job_seconds_count")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(service, LARGE, quality=33), range(8)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] * 7 + [201], statuses
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(files(service.folder)) == before + 1
    assert service.metric("codec_job_seconds_count") == jobs + 1
    return "8 at once: one 201, seven 200, one file, one encode"


def _all_gone(workers: list[int]) -> bool:
    deadline = time.monotonic() + 20
    while (left := any(Path(f"/proc/{pid}/cmdline").exists() for pid in workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not left


def told_to_stop(service: Running) -> str:
    """A running request ends first, the exit code is 0, and no worker is left."""
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(post, service, LARGE, quality=34)
        while not service.metric("codec_jobs_running"):
            time.sleep(0.02)
        workers = service.workers()
        assert service.stop() == 0
        assert answer.result().status_code == 201
    assert _all_gone(workers)
    return "the request had 201, the exit code was 0, no worker was left"


def killed_service(service: Running) -> str:
    """Its workers end with it."""
    workers = service.workers()
    service.stop(signal.SIGKILL)
    assert _all_gone(workers)
    return "no worker was left"


Fault = Callable[[Running], str]
STEADY: tuple[Fault, ...] = (
    killed_worker,
    too_many_jobs,
    disk_full,
    aborted_upload,
    same_upload_at_once,
    told_to_stop,
)
HASTY: tuple[Fault, ...] = (slow_job, killed_service)
STEADY_OPTIONS: dict[str, object] = {"queue": 1}
HASTY_OPTIONS: dict[str, object] = {"timeout": 0.4}
"""Of the service that faults are tried on, in their order."""


def main() -> int:
    """Try them all; 1 if one went wrong."""
    failures = 0
    for options, faults in ((STEADY_OPTIONS, STEADY), (HASTY_OPTIONS, HASTY)):
        with tempfile.TemporaryDirectory() as folder, running(Path(folder), **options) as service:
            for fault in faults:
                try:
                    print(f"{fault.__name__:22} {fault(service)}", flush=True)
                except CannotRunError as error:
                    print(f"{fault.__name__:22} not tried: {error}", flush=True)
                except AssertionError as error:
                    failures += 1
                    print(f"{fault.__name__:22} FAILED: {error}", file=sys.stderr, flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
