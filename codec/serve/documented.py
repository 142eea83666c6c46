"""What the OpenAPI document says of each route."""

from typing import Any

from starlette.responses import Response

from codec.serve.errors import responses
from codec.serve.negotiation import FULL as FORMATS

ID = "4f1c2a9e0b7d5c3e8a6f1d2b3c4a5e6f70819203.jpg"
STORED = {
    "id": ID,
    "media_type": "image/jpeg",
    "model": "sain-x2-lite-ab3f736a",
    "width": 4000,
    "height": 3000,
    "stored_width": 2000,
    "stored_height": 1500,
    "bytes": 812345,
    "upload_bytes": 4123456,
    "bytes_saved": 3311111,
    "warnings": [],
    "urls": {"image": f"/images/{ID}", "full": f"/images/{ID}/full"},
}
_TYPES = {int: "integer", str: "string", list: "array", dict: "object"}
_SCHEMA = {"type": "object", "properties": {key: {"type": _TYPES[type(value)]} for key, value in STORED.items()}}
_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "format": "binary", "description": "the photo"},
        "quality": {"type": "integer", "minimum": 1, "maximum": 100},
        "format": {"type": "string"},
        "scale": {"type": "string", "enum": ["1", "2", "4", "auto"]},
        "tune": {"type": "string", "enum": ["eye", "psnr"]},
        "max_bytes": {"type": "integer", "minimum": 1},
    },
}
_CACHED = {
    "ETag": {"description": "strong", "schema": {"type": "string"}},
    "Cache-Control": {"description": "a year, immutable", "schema": {"type": "string"}},
}


def _json(description: str, example: dict[str, Any], schema: dict[str, Any] | None = None) -> dict[str, Any]:
    content = {"schema": schema or {"type": "object"}, "example": example}
    return {"description": description, "content": {"application/json": content}}


def _picture(description: str, types: list[str]) -> dict[str, Any]:
    content = {name: {"schema": {"type": "string", "format": "binary"}} for name in types}
    return {"description": description, "content": content, "headers": _CACHED}


UPLOAD: dict[str, Any] = {
    "summary": "Store a photo",
    "description": "The same photo with the same parameters has the same id, and is stored once.",
    "response_class": Response,
    "status_code": 201,
    "openapi_extra": {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}},
    },
    "responses": {
        201: _json("stored", STORED, _SCHEMA),
        200: _json("stored before", STORED, _SCHEMA),
        **responses(
            "bad_request", "upload_too_slow", "upload_too_large", "picture_too_large", "unsupported_type",
            "broken_picture", "invalid_parameter", "impossible", "worker_lost", "busy", "stopping", "timeout",
            "storage_failed", "storage_full",
        ),
    },
}  # fmt: skip
SMALL: dict[str, Any] = {
    "summary": "The stored file",
    "description": "An ordinary picture, smaller than the photo. Answers If-None-Match, Range and If-Range.",
    "response_class": Response,
    "responses": {
        200: _picture("the file", ["image/jpeg", "image/webp", "image/avif"]),
        206: _picture("a part of it", ["image/jpeg"]),
        304: {"description": "the client has it"},
        **responses("not_found", "range_not_satisfiable", "storage_failed"),
    },
}
FULL: dict[str, Any] = {
    "summary": "The restored photo",
    "description": "In the format that Accept prefers; the smallest of those named, JPEG where none is.",
    "response_class": Response,
    "responses": {
        200: _picture("the photo at full size", list(FORMATS.values())),
        206: _picture("a part of it", list(FORMATS.values())),
        304: {"description": "the client has it"},
        **responses("not_found", "not_acceptable", "range_not_satisfiable", "cannot_restore", "worker_lost", "busy",
                    "storage_failed", "timeout"),
    },
}  # fmt: skip
COMPARISON: dict[str, Any] = {
    "summary": "The stored file against JPEG",
    "description": "Takes the photo again, for it was not kept. The JPEG is the optimised, progressive one of lowest "
    "quality whose PSNR (RGB) is at least that of the restored picture.",
    "response_class": Response,
    "openapi_extra": {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}},
    "responses": {
        200: _json(
            "bytes and decibels",
            {"bytes": 812345, "upload_bytes": 4123456, "psnr": 34.1, "jpeg_bytes": 1390000, "jpeg_psnr": 34.2,
             "jpeg_quality": 71},
        ),
        **responses("bad_request", "not_found", "upload_too_large", "picture_too_large", "unsupported_type",
                    "broken_picture", "impossible", "busy", "timeout"),
    },
}  # fmt: skip
LIVE: dict[str, Any] = {
    "response_class": Response,
    "responses": {200: _json("it does", {"live": True, "version": "0.1.0"})},
}
READY: dict[str, Any] = {
    "response_class": Response,
    "responses": {
        200: _json("yes", {"live": True, "ready": True, "workers": True, "storage": True}),
        503: _json("no", {"live": True, "ready": False, "workers": False, "storage": True}),
    },
}
METRICS: dict[str, Any] = {
    "response_class": Response,
    "responses": {200: {"description": "text", "content": {"text/plain": {"schema": {"type": "string"}}}}},
}
