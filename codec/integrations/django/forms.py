"""The form field of `SainImageField`: whatever is wrong with an upload is a ValidationError."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import FileExtensionValidator
from django.utils.translation import gettext_lazy as _

from codec.errors import CodecError
from codec.integrations.django.pictures import MAX_SOURCE_BYTES, source_bytes
from codec.integrations.django.storage import picture_suffixes
from codec.picture import load_image, open_image


def validate_picture_name(value: Any) -> None:
    """Refuse names that are not a picture's: a web server goes by them. Raises ValidationError."""
    FileExtensionValidator(sorted(suffix[1:] for suffix in picture_suffixes()))(value)


class SainImageFormField(forms.ImageField):
    """An upload that is a picture, HEIC and JPEG XL included where their extras are installed.

    Unlike Django's own, it decodes the picture, once its size is known to be at most `max_pixels` (Pillow's limit
    unless given) and the file to be at most `max_source_bytes`: a file that was cut short is found here.
    """

    default_validators = (validate_picture_name,)
    default_error_messages = {"unfit": _("This picture cannot be taken: %(reason)s.")}  # noqa: RUF012 - Django's way

    def __init__(
        self, *, max_pixels: int | None = None, max_source_bytes: int = MAX_SOURCE_BYTES, **options: Any
    ) -> None:
        super().__init__(**options)
        self.max_pixels, self.max_source_bytes = max_pixels, max_source_bytes

    def to_python(self, data: Any) -> Any:
        upload = forms.FileField.to_python(self, data)
        if upload is None:
            return None
        try:
            source = source_bytes(upload, self.max_source_bytes)
            load_image(open_image(source, self.max_pixels))
        except CodecError as error:
            raise unfit(error, self.error_messages["unfit"]) from error
        upload.image = open_image(source)  # as Django's field has it; the pixels just decoded are let go
        upload.content_type = upload.image.get_format_mimetype()
        return upload


def unfit(error: CodecError, message: Any = SainImageFormField.default_error_messages["unfit"]) -> ValidationError:
    """What a form says of a picture that the codec refused."""
    return ValidationError(message, code="unfit", params={"reason": str(error)})
