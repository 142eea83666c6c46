"""A worker: `python -m codec.serve.worker ENGINE`, which the service starts and speaks to by its standard streams.

ENGINE is a `codec.networks.Engine` as JSON.
"""

import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from codec.serve.frames import Frame, receive, send


def main() -> None:
    """Load the usual network, say so (or why not), and do jobs until the service is gone."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not end up in an answer
    with suppress(OSError):  # if memory runs out, a worker goes before the service does: it is replaced
        Path("/proc/self/oom_score_adj").write_text("500")
    from codec import rescaler
    from codec.errors import CodecError
    from codec.models import registry
    from codec.networks import Engine
    from codec.serve.work import do

    engine = Engine(*json.loads(sys.argv[1]))
    try:
        rescaler.load(registry.DEFAULT, engine)
    except CodecError as error:
        send(answers, Frame({"error": str(error)}))
        return
    send(answers, Frame({"ready": True}))
    with suppress(BrokenPipeError):
        while job := receive(sys.stdin.buffer):
            send(answers, do(job, engine))


if __name__ == "__main__":
    main()
