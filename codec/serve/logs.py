"""One line of JSON per request and event, on standard error: no address, no name, no query."""

import json
import logging
import time
import traceback
from typing import Any

log = logging.getLogger("codec.serve")
_PLAIN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


class JsonLines(logging.Formatter):
    """A record as one line; what was given as `extra` becomes fields."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        line |= {key: value for key, value in vars(record).items() if key not in _PLAIN}
        if record.exc_info:
            line["traceback"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(line, default=str)


CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "codec.serve.logs.JsonLines"}},
    "handlers": {"json": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["json"], "level": "WARNING"},
    "loggers": {
        "codec.serve": {"handlers": ["json"], "level": "INFO", "propagate": False},
        "uvicorn": {"handlers": ["json"], "level": "INFO", "propagate": False},
    },
}
"""For `logging.config.dictConfig`."""


def failed(error: BaseException) -> None:
    """An error that is the service's own fault."""
    log.error("request failed", exc_info=error)
