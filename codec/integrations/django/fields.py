"""A model field for pictures in a `SainStorage`, whose width and height are those of the full picture."""

from typing import Any

from django.core import checks
from django.core.files.base import File
from django.db import models
from django.db.models.fields.files import ImageFieldFile
from PIL import Image

from codec.errors import CodecError
from codec.integrations.django.forms import SainImageFormField, unfit
from codec.integrations.django.pictures import MAX_SOURCE_BYTES, full_size, restored, source_bytes
from codec.integrations.django.storage import SainStorage, as_file
from codec.opening import OnStale


class SainFieldFile(ImageFieldFile):
    """A stored small picture: `url`, `open`, `size` are its own; `width`, `height` and `full` the full picture's."""

    def full(self, *, on_stale: OnStale = "raise") -> Image.Image:
        """The full picture; one that is not ours, or not yet stored, as it is. Raises as `codec.decode`."""
        self._require_file()
        options = self.storage.options if isinstance(self.storage, SainStorage) else {}
        return restored(self._bytes(), on_stale, _limits(self.storage)[1], options)

    def open_full(self, format: str = "PNG", *, on_stale: OnStale = "raise", **options: Any) -> Any:  # noqa: A002
        """As `full`, as a Django `File` in a format of Pillow's; `options` are those of its writer."""
        return as_file(self.full(on_stale=on_stale), self.name, format, **options)

    full.alters_data = open_full.alters_data = True  # type: ignore[attr-defined] # templates are not to run networks

    def _bytes(self) -> bytes:
        limit = _limits(self.storage)[0]
        if not self._committed:
            self.file.open()
            return source_bytes(self.file, limit)
        with self.storage.open(self.name) as file:  # one of its own: threads may share the instance
            return source_bytes(file, limit)

    def _set_instance_attribute(self, name: str, content: Any) -> None:
        # sizes are taken from `content` here, and would be None if that had no name
        super()._set_instance_attribute(name, content if getattr(content, "name", None) else File(content, name))

    def _get_image_dimensions(self) -> tuple[int | None, int | None]:
        if not hasattr(self, "_dimensions_cache"):
            try:
                self._dimensions_cache = full_size(self._bytes(), _limits(self.storage)[1]) or (None, None)
            except CodecError:
                self._dimensions_cache = (None, None)
        return self._dimensions_cache


class SainImageField(models.ImageField):
    """An `ImageField` that takes all of its options; `storage` (or the default one) should be a `SainStorage`.

    Width and height, in `width_field` and `height_field` too, are those of the full picture as its pixels are stored:
    a photo that its orientation tag turns has them exchanged on the screen, as with Django's own field.

    Cleaning a model (which a `ModelForm` does) encodes the picture, so that whatever the codec refuses is an error of
    the form and not of `save`.
    """

    attr_class = SainFieldFile

    def clean(self, value: Any, model_instance: Any) -> Any:
        value = super().clean(value, model_instance)
        if value and not value._committed and isinstance(value.storage, SainStorage):
            try:
                value.file, _carrier = value.storage.prepared(value.file)
            except CodecError as error:
                raise unfit(error) from error
        return value

    def formfield(self, **options: Any) -> Any:
        field = super().formfield(**{"form_class": SainImageFormField, **options})
        if isinstance(field, SainImageFormField):
            field.max_source_bytes, field.max_pixels = _limits(self.storage)
        return field

    def check(self, **options: Any) -> list[Any]:
        return [*super().check(**options), *self._check_storage()]

    def _check_storage(self) -> list[Any]:
        if isinstance(self.storage, SainStorage):
            return []
        hint = "Give storage=…, or make a SainStorage the default one in STORAGES."
        message = "Pictures are stored as they are uploaded: the storage is no SainStorage."
        return [checks.Warning(message, hint=hint, obj=self, id="sain_codec.W001")]

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, _path, args, kwargs = super().deconstruct()
        return name, "codec.integrations.django.SainImageField", args, kwargs


def _limits(storage: Any) -> tuple[int, int | None]:
    """Bytes of a file, and pixels."""
    if isinstance(storage, SainStorage):
        return storage.max_source_bytes, storage.max_pixels
    return MAX_SOURCE_BYTES, None
