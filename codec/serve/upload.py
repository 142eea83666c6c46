"""A multipart upload, taken in within bounds of bytes, parts and time."""

import asyncio
from typing import NamedTuple

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from codec.serve.errors import ApiError
from codec.serve.settings import Settings

OVERHEAD = 16 << 10
"""Bytes of a request that are no photo: boundaries, headers of parts, parameters."""
FIELDS = 8
FIELD_BYTES = 1024


class Upload(NamedTuple):
    """One photo and what came with it. What its sender calls the file is nobody's business."""

    data: bytes
    fields: dict[str, str]


def _bounded(request: Request, limit: int) -> Request:
    """The request, of which no more than so many bytes are read."""
    try:
        declared = int(request.headers.get("content-length", "0"))
    except ValueError:
        raise ApiError("bad_request", "Content-Length is no number") from None
    too_large = ApiError("upload_too_large", f"an upload may have at most {limit - OVERHEAD:,} bytes")
    if declared > limit:
        raise too_large
    total = 0

    async def receive() -> Message:
        nonlocal total
        message = await request.receive()
        total += len(message.get("body", b""))
        if total > limit:
            raise too_large
        return message

    return Request(request.scope, receive)


async def receive(request: Request, settings: Settings) -> Upload:
    """Take in an upload; raises `ApiError`, and starlette's ClientDisconnect if the client goes away."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise ApiError("unsupported_type", "send a form (multipart/form-data) with the photo as `file`")
    bounded = _bounded(request, settings.max_upload_bytes + OVERHEAD)
    try:
        async with (
            asyncio.timeout(settings.upload_timeout),
            bounded.form(max_files=1, max_fields=FIELDS, max_part_size=FIELD_BYTES) as form,
        ):
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise ApiError("bad_request", "the form has no file named `file`")
            if (file.size or 0) > settings.max_upload_bytes:
                raise ApiError("upload_too_large", f"a photo may have at most {settings.max_upload_bytes:,} bytes")
            texts = {name: value for name, value in form.multi_items() if isinstance(value, str)}
            if len(texts) + 1 < len(form.multi_items()):
                raise ApiError("bad_request", "a field is given twice")
            return Upload(await file.read(), texts)
    except HTTPException as error:
        raise ApiError("bad_request", f"the form cannot be read: {error.detail}") from None
    except TimeoutError:
        raise ApiError("upload_too_slow", f"a request may take {settings.upload_timeout:g} seconds") from None
