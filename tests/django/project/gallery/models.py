from django.core.files.storage import storages
from django.db import models

from codec.integrations.django import SainImageField, SainStorage


def strict():
    return storages["strict"]


def plain():
    return storages["plain"]


class Photo(models.Model):
    title = models.CharField(max_length=40)
    image = SainImageField(upload_to="photos/%Y", width_field="width", height_field="height", blank=True)
    width = models.PositiveIntegerField(null=True, editable=False)
    height = models.PositiveIntegerField(null=True, editable=False)


class Strict(models.Model):
    image = SainImageField(upload_to="strict", storage=strict)
    attachment = models.FileField(upload_to="attachments", blank=True)
    own = SainImageField(upload_to="own", storage=SainStorage(quality=40, strip=["gps"]), blank=True)


class Unencoded(models.Model):
    image = SainImageField(storage=plain)

    class Meta:
        managed = False
