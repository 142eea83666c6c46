"""Answers to conditional and partial requests for files that never change (RFC 9110, sections 13 and 14)."""

import re
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from codec.serve.errors import ApiError

FOREVER = "public, max-age=31536000, immutable"
_TAG = re.compile(r'(?:W/)?("[^"]*")')
_SPAN = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def not_modified(request: Request, etag: str) -> bool:
    """Whether the client has the file already."""
    wanted = request.headers.get("if-none-match")
    return wanted is not None and (wanted.strip() == "*" or etag in _TAG.findall(wanted))


def span(request: Request, etag: str, size: int) -> tuple[int, int] | None:
    """First byte and the one behind the last that are asked for; None for the whole file.

    Several ranges at once are answered with the whole file, as anything malformed is; raises `ApiError` (416).
    """
    match = _SPAN.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if not match or not (match[1] or match[2]) or request.headers.get("if-range", etag) != etag:
        return None
    if not match[1]:  # the last so many
        start, stop = max(0, size - int(match[2])), size
    else:
        start, stop = int(match[1]), min(size, int(match[2]) + 1 if match[2] else size)
        if match[2] and int(match[2]) < int(match[1]):
            return None
    if start >= stop:
        headers = {"Content-Range": f"bytes */{size}"}
        raise ApiError("range_not_satisfiable", f"the file has {size} bytes", headers)
    return start, stop


def respond(request: Request, data: bytes | None, media_type: str, headers: Mapping[str, str]) -> Response:
    """A file, or the part of it that is asked for; `data` is None if the client has it. `headers` hold its ETag."""
    common = {"Cache-Control": FOREVER, "Accept-Ranges": "bytes", **headers}
    if data is None:
        return Response(status_code=304, headers=common)
    wanted = span(request, headers["ETag"], len(data))
    if wanted is None:
        return Response(data, media_type=media_type, headers=common)
    start, stop = wanted
    common["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
    return Response(data[start:stop], 206, common, media_type)
