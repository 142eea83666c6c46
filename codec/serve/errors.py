"""What can go wrong for a client: one shape, a code for programs and a sentence for people."""

import errno
from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse, Response

STATUS = {
    "bad_request": 400,
    "not_found": 404,
    "method_not_allowed": 405,
    "not_acceptable": 406,
    "upload_too_slow": 408,
    "upload_too_large": 413,
    "picture_too_large": 413,
    "unsupported_type": 415,
    "range_not_satisfiable": 416,
    "broken_picture": 422,
    "invalid_parameter": 422,
    "impossible": 422,
    "headers_too_large": 431,
    "client_gone": 499,
    "internal": 500,
    "cannot_restore": 500,
    "worker_lost": 500,
    "busy": 503,
    "stopping": 503,
    "storage_failed": 503,
    "timeout": 504,
    "storage_full": 507,
}
"""Of every code. 499 is nginx's, for logs: nobody is there to receive it."""
RETRY_SECONDS = 5
"""What `Retry-After` says of a busy service."""


class ApiError(Exception):
    """An answer other than the one asked for; `code` is one of `STATUS`."""

    def __init__(self, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code, self.message = code, message
        self.headers = dict(headers or {})
        if STATUS[code] == 503:
            self.headers["Retry-After"] = str(RETRY_SECONDS)

    def response(self) -> Response:
        """The error as JSON."""
        body = {"error": {"code": self.code, "message": self.message}}
        return JSONResponse(body, STATUS[self.code], {"Cache-Control": "no-store", **self.headers})


def of_os(error: OSError) -> ApiError:
    """What a failing disk means to a client."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ApiError("storage_full", "there is no room left to store the picture; nothing was stored")
    return ApiError("storage_failed", "the storage cannot be used just now: try again later")


def responses(*codes: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's description of errors."""
    other = {"description": "any other error", "content": {"application/json": {"schema": SCHEMA}}}
    by_status: dict[int | str, dict[str, Any]] = {"default": other}
    for code in codes:
        entry = by_status.setdefault(
            STATUS[code], {"description": "", "content": {"application/json": {"schema": SCHEMA, "examples": {}}}}
        )
        entry["description"] += (" or " if entry["description"] else "") + f"`{code}`: {ABOUT[code]}"
        example = {"error": {"code": code, "message": f"{ABOUT[code]}, in a sentence that says what to do"}}
        entry["content"]["application/json"]["examples"][code] = {"value": example}
    return by_status


ABOUT = {
    "bad_request": "the request is malformed",
    "not_found": "there is no such picture",
    "not_acceptable": "none of AVIF, WebP and JPEG is accepted",
    "upload_too_slow": "the request took too long to arrive",
    "upload_too_large": "more bytes than allowed",
    "picture_too_large": "more pixels than allowed",
    "unsupported_type": "not a form, or not a picture of a kind that is read",
    "range_not_satisfiable": "the range lies outside the file",
    "broken_picture": "the picture is damaged or cut short",
    "invalid_parameter": "a parameter is unknown, malformed or not allowed here",
    "impossible": "the parameters ask for what this picture cannot be",
    "internal": "the service failed",
    "cannot_restore": "the stored file cannot be restored by this installation",
    "worker_lost": "the picture ended two workers",
    "busy": "too many jobs are waiting",
    "stopping": "the service is being stopped",
    "timeout": "the job took too long and was ended",
    "storage_failed": "the storage cannot be reached",
    "storage_full": "the disk is full; nothing was stored",
}
SCHEMA = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string", "description": "one of a fixed set, for programs"},
                "message": {"type": "string", "description": "for people"},
            },
        }
    },
}
