"""Messages between the service and its workers: JSON and bytes, so that neither side unpickles what a photo did."""

import json
import struct
from typing import IO, Any, NamedTuple

LENGTHS = struct.Struct(">IQ")
"""Of the JSON, and of the bytes behind it."""


class Frame(NamedTuple):
    """One message."""

    about: dict[str, Any]
    body: bytes = b""


def head(frame: Frame) -> bytes:
    """All of a frame but its body."""
    about = json.dumps(frame.about).encode()
    return LENGTHS.pack(len(about), len(frame.body)) + about


def send(pipe: IO[bytes], frame: Frame) -> None:
    """Write one message."""
    pipe.write(head(frame))
    pipe.write(frame.body)
    pipe.flush()


def receive(pipe: IO[bytes]) -> Frame | None:
    """The next message; None when the other side is gone."""
    lengths = pipe.read(LENGTHS.size)
    if len(lengths) < LENGTHS.size:
        return None
    about, body = LENGTHS.unpack(lengths)
    text, data = pipe.read(about), pipe.read(body)
    return Frame(json.loads(text), data) if len(data) == body else None
