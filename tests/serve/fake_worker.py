"""A worker for tests of the pool: does what it is told, and needs no torch."""

import os
import sys
import time
from pathlib import Path

from codec.serve.frames import Frame, receive, send

send(sys.stdout.buffer, Frame({"ready": True}))
while job := receive(sys.stdin.buffer):
    marker = job.about.get("die_unless")
    if marker and not Path(marker).exists():  # die the first time only
        Path(marker).touch()
        os._exit(1)
    time.sleep(job.about.get("sleep", 0))
    if job.about.get("die"):
        os._exit(1)
    if job.about.get("babble"):
        sys.stdout.buffer.write(b"\0\0\0\5\0\0\0\0\0\0\0\0hello")
        sys.stdout.buffer.flush()
        continue
    send(sys.stdout.buffer, Frame({"pid": os.getpid(), **job.about}, job.body[::-1]))
