"""A storage that keeps photos as small ordinary pictures in another storage."""

import inspect
import logging
from datetime import datetime
from functools import cached_property
from posixpath import basename, splitext
from typing import Any, Literal, get_args

from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.core.files.utils import validate_file_name
from django.utils.deconstruct import deconstructible
from PIL import Image

from codec import carriers
from codec.api import encode
from codec.errors import CodecError
from codec.integrations.django.pictures import MAX_SOURCE_BYTES, ours, restored, source_bytes
from codec.models import registry
from codec.opening import OnStale
from codec.saving import saved
from codec.scaling import models_of
from codec.wish import Wish

_log = logging.getLogger(__name__)
Others = Literal["store", "refuse"]


@deconstructible(path="codec.integrations.django.SainStorage")
class SainStorage(Storage):
    """What is saved here lies in another storage, photos encoded; everything else is that storage's business.

    * `storage`: the other one: a storage object, an alias of Django's `STORAGES`, or a `dict` as such an alias holds
      (`BACKEND` and `OPTIONS`); files in `MEDIA_ROOT` unless given.
    * `others`: what happens to files that cannot be stored as a small picture without a loss (no pictures at all,
      damaged ones, animations, pictures too large, those that `max_bytes` or `psnr` cannot be met with): `"store"`
      them as they are, or `"refuse"` them with the `CodecError` that says why.
    * `max_source_bytes`: no larger file is taken for a picture.
    * all other options are those of `codec.encode`: quality, max_bytes, format, scale, tune, strip, max_pixels, …

    A file that `codec.encode` wrote is stored as it is. The name gets the suffix of the format. Raises
    `ImproperlyConfigured` for options that cannot be, and TypeError for unknown ones.
    """

    def __init__(
        self,
        storage: Any = None,
        *,
        others: Others = "store",
        max_source_bytes: int = MAX_SOURCE_BYTES,
        **options: Any,
    ) -> None:
        if others not in get_args(Others):
            raise ImproperlyConfigured(f"SainStorage: others must be one of {', '.join(get_args(Others))}")
        _check(options)
        self._storage, self.others, self.max_source_bytes, self.options = storage, others, max_source_bytes, options

    @cached_property
    def inner(self) -> Any:
        """The storage that holds the files."""
        if self._storage is None or isinstance(self._storage, Storage):
            return self._storage or FileSystemStorage()
        if isinstance(self._storage, dict):
            return storages.create_storage(self._storage)
        found = storages[self._storage]
        if found is self:
            raise ImproperlyConfigured(f"SainStorage cannot store in itself: {self._storage!r} names another alias")
        return found

    # photos -----------------------------------------------------------------------------------------------------

    def prepared(self, content: Any) -> tuple[Any, carriers.Carrier | None]:
        """What is to be stored of a Django file, and its format if that is ours.

        Raises `CodecError` for a file that is to be refused.
        """
        if not content.seekable():  # it can be read once only
            content = ContentFile(content.read(), content.name)
        try:
            return self._encoded(source_bytes(content, self.max_source_bytes), content.name)
        except CodecError as error:
            if self.others == "refuse":
                raise
            _log.info("%s is stored as it is: %s", content.name, error)
            return content, None

    def _encoded(self, data: bytes, name: str | None) -> tuple[Any, carriers.Carrier]:
        if info := ours(data, self.max_pixels):
            carrier = carriers.get(info.carrier)
        else:
            data, carrier = encode(data, **self.options), carriers.get(self.options.get("format", "jpeg"))
        content = ContentFile(data, name)
        content.content_type = carrier.mime  # what storages in the network tell browsers
        return content, carrier

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """Store a file, a photo encoded; the name that it got. Raises `CodecError` for what `others` refuses."""
        name = str(content.name if name is None else name)
        validate_file_name(name, allow_relative_path=True)
        content, carrier = self.prepared(content if hasattr(content, "chunks") else File(content, name))
        if carrier is not None:
            name = with_suffix(name, carrier)
        stored: str = self.inner.save(name, content, max_length=max_length)
        return stored

    def full(self, name: str, *, on_stale: OnStale = "raise") -> Image.Image:
        """The full picture of a stored file; an ordinary picture as it is. Raises as `codec.decode`."""
        with self.open(name) as file:
            data = source_bytes(file, self.max_source_bytes)
        return restored(data, on_stale, self.max_pixels, self.options)

    def open_full(self, name: str, format: str = "PNG", *, on_stale: OnStale = "raise", **options: Any) -> Any:  # noqa: A002
        """As `full`, as a Django `File` in a format of Pillow's; `options` are those of its writer."""
        return as_file(self.full(name, on_stale=on_stale), name, format, **options)

    @property
    def max_pixels(self) -> int | None:
        """The option, which holds for what is restored, too."""
        return self.options.get("max_pixels")

    # the other storage's --------------------------------------------------------------------------------------------

    def open(self, name: str, mode: str = "rb") -> Any:
        """The stored file: a small picture."""
        return self.inner.open(name, mode)

    def path(self, name: str) -> str:
        """Where it lies, if the other storage has paths."""
        return str(self.inner.path(name))

    def url(self, name: str | None) -> str:
        """Of the small picture."""
        return str(self.inner.url(name))

    def size(self, name: str) -> int:
        """Bytes of the stored file."""
        return int(self.inner.size(name))

    def delete(self, name: str) -> None:
        self.inner.delete(name)

    def exists(self, name: str) -> bool:
        return bool(self.inner.exists(name))

    def listdir(self, path: str) -> Any:
        return self.inner.listdir(path)

    def get_accessed_time(self, name: str) -> datetime:
        return self.inner.get_accessed_time(name)  # type: ignore[no-any-return]

    def get_created_time(self, name: str) -> datetime:
        return self.inner.get_created_time(name)  # type: ignore[no-any-return]

    def get_modified_time(self, name: str) -> datetime:
        return self.inner.get_modified_time(name)  # type: ignore[no-any-return]

    def get_valid_name(self, name: str) -> str:
        return str(self.inner.get_valid_name(name))

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return str(self.inner.get_available_name(name, max_length=max_length))

    def generate_filename(self, filename: str) -> str:
        return str(self.inner.generate_filename(filename))


def with_suffix(name: str, carrier: carriers.Carrier) -> str:
    """`name` as a file of the carrier's format: another picture's suffix is replaced, anything else kept."""
    root, suffix = splitext(name)
    if suffix.lower() in carrier.suffixes:
        return name
    return (root if suffix.lower() in picture_suffixes() else name) + carrier.suffixes[0]


def picture_suffixes() -> set[str]:
    """Of all picture formats that can be read, with their dots."""
    return {*Image.registered_extensions(), *(s for c in carriers.carriers().values() for s in c.suffixes)}


def as_file(img: Image.Image, name: str, format: str, **options: Any) -> Any:  # noqa: A002
    """A full picture as a Django file named after the stored one."""
    suffix = next((s for s in (".jpg", ".tif") if Image.registered_extensions()[s] == format), f".{format.lower()}")
    return ContentFile(saved(img, format, **options), splitext(basename(name))[0] + suffix)


def _check(options: dict[str, Any]) -> None:
    """A wrong option must fail when Django starts, not look like a fault of the first upload."""
    inspect.signature(encode).bind(None, **options)
    wishes = ("quality", "max_bytes", "bpp", "psnr")
    chosen = {k: v for k, v in options.items() if k in ("scale", "model", "tune", "format")}
    aside = {*wishes, "scale", "model", "tune"}
    tried = {k: v for k, v in options.items() if k not in aside and (k, v) != ("header", "none")}
    try:
        Wish.of(*(options.get(k) for k in wishes))
        models_of(**chosen)
        encode(Image.new("L", (8, 8)), model=registry.PLAIN, **tried)  # takes no network
    except (CodecError, TypeError) as error:
        raise ImproperlyConfigured(f"SainStorage: {error}") from None
