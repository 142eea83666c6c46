"""A service in a process of its own, as an operator would start it."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from codec.serve.settings import PREFIX

BOOT_SECONDS = 90


class Running:
    """`codec serve` on a free port; `options` are its options, with underscores."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        chosen = {"port": 0, "store": folder / "store", "cache_dir": folder / "cache", "workers": 1, **options}
        arguments = [part for name, value in chosen.items() for part in (f"--{name.replace('_', '-')}", str(value))]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "codec", "serve", *arguments],
            stderr=subprocess.PIPE,
            env={**environment, "TMPDIR": str(folder)},
            text=True,
        )
        self.lines: list[str] = []
        self._up = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        if not self._up.wait(BOOT_SECONDS) or self.process.poll() is not None:
            self.stop()
            raise RuntimeError("the service did not start:\n" + "".join(self.lines))
        self.client = httpx.Client(base_url=self.url, timeout=60)
        self.wait_ready()

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.lines.append(line)
            if found := re.search(r"running on (http://[\d.:]+)", line):
                self.url = found[1]
                self._up.set()
        self._up.set()

    def wait_ready(self, workers: int = 1) -> None:
        """Until so many workers are up."""
        deadline = time.monotonic() + BOOT_SECONDS
        while self.metric("codec_workers_ready") < workers:
            if time.monotonic() > deadline:
                raise RuntimeError("no worker came up:\n" + "".join(self.lines))
            time.sleep(0.1)

    def metric(self, name: str) -> float:
        """The sum of a metric's values over its labels."""
        values = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", self.client.get("/metrics").text, re.MULTILINE)
        return sum(map(float, values))

    def workers(self) -> list[int]:
        """Process ids of the workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def log(self) -> list[dict[str, Any]]:
        """Its lines so far, each of which must be JSON."""
        lines = list(self.lines)
        assert all(line.startswith("{") for line in lines), "".join(lines)
        return [json.loads(line) for line in lines]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it; returns the exit code."""
        self.process.send_signal(how)
        code = self.process.wait(60)
        self._reader.join(10)
        if self.process.stderr:
            self.process.stderr.close()
        if hasattr(self, "client"):
            self.client.close()
        return code


@contextmanager
def running(folder: Path, **options: Any) -> Iterator[Running]:
    """A service for as long as the block runs."""
    service = Running(folder, **options)
    try:
        yield service
    finally:
        if service.process.poll() is None:
            service.stop()
