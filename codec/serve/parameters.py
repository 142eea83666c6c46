"""What a client may ask of an upload, within what the operator allows; and the id that follows from both."""

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import codec
from codec import carriers, scaling
from codec.models import registry
from codec.models.choice import Tune
from codec.serve.errors import ApiError
from codec.serve.settings import Settings


class Wanted(BaseModel):
    """Parameters of an upload, in the query or as fields of the form."""

    model_config = ConfigDict(extra="forbid")

    quality: int | None = Field(None, ge=1, le=100, description="of the format's encoder; excludes `max_bytes`")
    format: str | None = Field(None, max_length=8, description="of the stored file: jpeg, webp, avif …, as allowed")
    scale: Literal["1", "2", "4", "auto"] | None = Field(None, description="how many times smaller a side is")
    tune: Tune | None = Field(None, description="what the restored picture is to be best by")
    max_bytes: int | None = Field(None, ge=1, le=1 << 40, description="the finest file of at most so many bytes")


def merged(query: Wanted, fields: dict[str, str]) -> Wanted:
    """Query and form as one; raises `ApiError` for a field that is wrong, or given in both."""
    if twice := query.model_fields_set & set(fields):
        raise ApiError("invalid_parameter", f"{', '.join(sorted(twice))}: given in the query and in the form")
    try:
        form = Wanted.model_validate(fields)
    except ValidationError as error:
        raise ApiError("invalid_parameter", sentence(error.errors())) from None
    return query.model_copy(update=form.model_dump(exclude_unset=True))


def sentence(errors: Any) -> str:
    """The first of pydantic's errors; names are the client's, so they are cut short."""
    first = errors[0]
    return f"{str(first['loc'][-1])[:40]}: {first['msg']}"


def options(wanted: Wanted, settings: Settings) -> dict[str, Any]:
    """Arguments of `codec.encode`; raises `ApiError` for what the operator does not allow."""
    if wanted.quality is not None and wanted.max_bytes is not None:
        raise ApiError("invalid_parameter", "quality and max_bytes exclude each other")
    if wanted.quality is not None and wanted.quality > settings.max_quality:
        raise ApiError("invalid_parameter", f"quality: at most {settings.max_quality} here")
    name = _allowed("format", wanted.format, settings.formats)
    scale = _allowed("scale", wanted.scale, settings.scales)
    tune = _allowed("tune", wanted.tune, settings.tunes)
    quality = wanted.quality if wanted.quality or wanted.max_bytes else settings.quality
    return {
        "quality": quality,
        "max_bytes": wanted.max_bytes,
        "format": name,
        "scale": scale if scale == "auto" else int(scale),
        "tune": tune,
        "effort": settings.effort if name == "jpeg" else 0,
        "strip": sorted(settings.strip),
    }


def _allowed(name: str, value: str | None, choices: tuple[str, ...]) -> str:
    if value is not None and value not in choices:
        raise ApiError("invalid_parameter", f"{name}: one of {', '.join(choices)} here")
    return value or choices[0]


def id_of(data: bytes, chosen: dict[str, Any], precision: str) -> str:
    """The same photo, options, weights, release and precision give the same id.

    Hashing takes a while: call it in a thread.
    """
    models = [
        registry.resolve(name) for name in scaling.models_of(**{k: chosen[k] for k in ("scale", "tune", "format")})
    ]
    computed = [] if precision == "float32" else [precision]
    about = json.dumps([chosen, models, codec.__version__, *computed], sort_keys=True)
    digest = hashlib.sha256(about.encode() + b"\0")
    digest.update(data)
    return digest.hexdigest()[:40] + carriers.get(chosen["format"]).suffixes[0]
