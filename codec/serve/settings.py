"""What an operator decides: by option, by environment variable, or in code."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, cast, get_args

from codec import carriers
from codec.errors import CodecError
from codec.metadata import Strip
from codec.models.choice import Tune
from codec.networks import Backend, Engine, Precision
from codec.scaling import Scale

PREFIX = "CODEC_"
"""Of environment variables: `max_pixels` is `CODEC_MAX_PIXELS`."""
SCALES = tuple(map(str, get_args(Scale)))
MAX_PIXELS = 178_956_970
"""Beyond this, Pillow opens no picture."""
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def _option(default: Any, about: str, low: float = 1, choices: tuple[str, ...] = ()) -> Any:
    return field(default=default, metadata={"help": about, "low": low, "choices": choices})


@dataclass(frozen=True)
class Settings:
    """Of the service. Raises `CodecError` for what cannot be. Sizes are in bytes, times in seconds."""

    host: str = _option("127.0.0.1", "address to listen on")
    port: int = _option(8000, "port to listen on; 0 for any that is free", low=0)
    store: str = _option("images", "where files are kept: a folder, or an fsspec URL such as s3://bucket/photos")
    cache_dir: str = _option("image-cache", "folder for restored pictures, of one service alone")
    cache_bytes: int = _option(1 << 30, "of restored pictures to keep, the ones last used", low=0)
    workers: int = _option(os.cpu_count() or 1, "processes that encode and decode, of one thread each")
    device: str = _option("", "cpu or cuda; cuda where there is one, unless given")
    backend: str = _option("", "what runs networks: torch, if it is there, unless given", choices=get_args(Backend))
    precision: str = _option("float32", "of networks; bfloat16 needs torch", choices=get_args(Precision))
    queue: int = _option(32, "jobs that may wait for a worker; further ones are refused with 503", low=0)
    timeout: float = _option(120.0, "seconds that a job may wait, and again that it may run", low=0.1)
    max_upload_bytes: int = _option(32 << 20, "of one photo")
    max_pixels: int = _option(50_000_000, "of one photo, and of what is restored")
    upload_timeout: float = _option(60.0, "seconds that a request may take to arrive", low=0.1)
    max_uploads: int = _option(64, "uploads that may be arriving at once; further ones are refused with 503")
    header_timeout: float = _option(10.0, "seconds that a request's headers may take to arrive", low=0.1)
    max_connections: int = _option(1000, "at once; further ones are refused with 503")
    grace: int = _option(60, "seconds that running requests get to finish in when the service is told to stop", low=0)
    formats: tuple[str, ...] = _option(
        ("jpeg", "webp", "avif"), "that clients may store in, the default first", choices=tuple(carriers.carriers())
    )
    scales: tuple[str, ...] = _option(
        ("2", "1", "4", "auto"), "that clients may ask for, the default first", choices=SCALES
    )
    tunes: tuple[str, ...] = _option(
        get_args(Tune), "what clients may have restored pictures best by, the default first", choices=get_args(Tune)
    )
    quality: int = _option(75, "of the stored file unless the client says otherwise")
    max_quality: int = _option(100, "that clients may ask for")
    effort: int = _option(0, "0…9, spent on every JPEG", low=0)
    strip: tuple[str, ...] = _option((), "metadata to leave out of every file", choices=get_args(Strip))
    page: bool = _option(True, "whether / is a page to try it on")
    delete: bool = _option(True, "whether DELETE is allowed")

    def __post_init__(self) -> None:
        for about in fields(self):
            self._check(about.name, about.metadata)
        if self.max_pixels > MAX_PIXELS:
            raise CodecError(f"max_pixels must be at most {MAX_PIXELS:,}, not {self.max_pixels:,}")
        if max(self.quality, self.max_quality) > 100 or self.effort > 9:
            raise CodecError("quality and max_quality must be at most 100, effort at most 9")
        if not self.formats or not self.scales or not self.tunes:
            raise CodecError("formats, scales and tunes must name at least one each")
        self.engine.checked()

    @property
    def engine(self) -> Engine:
        """Of the workers."""
        return Engine(self.device or None, cast(Backend, self.backend) or None, cast(Precision, self.precision))

    def _check(self, name: str, about: Mapping[str, Any]) -> None:
        value = getattr(self, name)
        if isinstance(value, int | float) and not isinstance(value, bool) and not value >= about["low"]:
            raise CodecError(f"{name} must be at least {about['low']}, not {value}")
        chosen = value if isinstance(value, tuple) else (value,) if about["choices"] and value else ()
        if unknown := set(chosen).difference(about["choices"]):
            raise CodecError(f"{name} can be {', '.join(about['choices'])}, not {', '.join(sorted(unknown))}")

    @classmethod
    def from_environment(cls, given: Mapping[str, str] | None = None) -> "Settings":
        """From `CODEC_…` variables, and from what is `given` as text by name, which goes first."""
        found = {f.name: os.environ[v] for f in fields(cls) if (v := PREFIX + f.name.upper()) in os.environ}
        found |= given or {}
        defaults = {f.name: f.default for f in fields(cls)}
        return cls(**{name: parsed(name, text, defaults[name]) for name, text in found.items()})


def parsed(name: str, text: str, like: Any) -> Any:
    """Text as a value of the type of another; raises `CodecError`."""
    if isinstance(like, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if isinstance(like, bool):
        if text.lower() not in _YES + _NO:
            raise CodecError(f"{name} must be yes or no, not {text!r}")
        return text.lower() in _YES
    try:
        return type(like)(text)
    except ValueError:
        raise CodecError(f"{name} must be a number, not {text!r}") from None
