"""The codec in Django: `SainStorage` stores photos small, `SainImageField` knows and gives them in full size.

Importing this takes Django 4.2 or later, which `pip install 'sain-codec[django]'` brings.
"""

try:
    import django  # noqa: F401 - whether it is there at all
except ImportError:
    raise ImportError("codec.integrations.django needs Django: pip install 'sain-codec[django]'") from None

from codec.integrations.django.fields import SainFieldFile, SainImageField
from codec.integrations.django.forms import SainImageFormField
from codec.integrations.django.storage import SainStorage

__all__ = ["SainFieldFile", "SainImageField", "SainImageFormField", "SainStorage"]
