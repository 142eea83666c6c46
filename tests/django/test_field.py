"""Pictures in models: sizes, columns, migrations."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from codec.picture import Pixels
from tests.conftest import psnr
from tests.django.files import png, upload


def test_columns_hold_the_full_size(models: Any, photo_jpeg: bytes, one_photo: Pixels) -> None:
    photo = models.Photo.objects.create(title="a", image=upload(photo_jpeg))
    found = models.Photo.objects.get(width=192, height__gte=100)
    assert (found, found.height) == (photo, 144)
    assert (found.image.width, found.image.height) == (192, 144)
    with found.image.open() as file, Image.open(file) as small:
        assert small.size == (96, 72)
    assert psnr(found.image.full(), one_photo) > 27
    with Image.open(found.image.open_full("JPEG", quality=90)) as img:
        assert (img.format, img.size) == ("JPEG", (192, 144))
    assert models.Photo.objects.filter(image=found.image.name).count() == 1


def test_nothing_is_read_for_sizes_that_are_in_columns(models: Any, photo_jpeg: bytes) -> None:
    models.Photo.objects.create(title="a", image=upload(photo_jpeg))
    photo = models.Photo.objects.get()
    Path(photo.image.path).unlink()
    assert (models.Photo.objects.get().width, photo.height) == (192, 144)
    with pytest.raises(FileNotFoundError):
        photo.image.full()


def test_replacing_and_deleting(models: Any, photo_jpeg: bytes, one_photo: Pixels) -> None:
    photo = models.Photo.objects.create(title="a", image=upload(photo_jpeg))
    first = photo.image.name
    photo.image = upload(png(one_photo[:60, :91]), "other.png")
    assert (photo.width, photo.image.full().size) == (91, (91, 60))  # not stored yet: as it is
    photo.save()
    photo = models.Photo.objects.get(width=91, height=60)
    assert photo.image.name.endswith("other.jpg")
    assert photo.image.storage.exists(first)  # as with Django's own: deleting files is the application's business
    photo.image.save("third.jpg", upload(photo_jpeg))
    assert models.Photo.objects.get(width=192).image.name.endswith("third.jpg")
    path = Path(photo.image.path)
    photo.image.delete()
    assert not path.exists()
    empty = models.Photo.objects.get(width=None, height=None)
    assert (bool(empty.image), empty.image.name) == (False, "")
    with pytest.raises(ValueError, match="no file"):
        empty.image.full()


def test_content_without_a_name(models: Any, photo_jpeg: bytes) -> None:
    from django.core.files.base import ContentFile

    for content in (ContentFile(photo_jpeg), io.BytesIO(photo_jpeg)):
        photo = models.Photo(title="a")
        photo.image.save("a.jpg", content)
        assert (photo.width, models.Photo.objects.get(pk=photo.pk).height) == (192, 144)


def test_sizes_where_no_columns_are(models: Any, photo_jpeg: bytes) -> None:
    strict = models.Strict(image=upload(photo_jpeg))
    assert (strict.image.width, strict.image.height) == (192, 144)
    strict.save()
    image = models.Strict.objects.get().image
    assert (image.name, image.width, image.height) == ("strict/photo.webp", 192, 144)
    assert models.Strict(image=upload(b"no picture")).image.width is None
    image.delete(save=False)


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("name", ["JPEG", "HEIF"])
def test_turned_photos(name: str, orientation: int, models: Any, one_photo: Pixels) -> None:
    from PIL import ImageOps

    out, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    if name == "HEIF":
        import pillow_heif

        pillow_heif.from_pillow(Image.fromarray(one_photo)).save(out, quality=90, exif=exif.tobytes())
    else:
        Image.fromarray(one_photo).save(out, name, quality=95, exif=exif)
    photo = models.Photo.objects.create(title="a", image=upload(out.getvalue(), f"a.{name.lower()}"))
    at_upload = (photo.width, photo.height)
    stored = models.Photo.objects.get().image
    assert (stored.width, stored.height) == at_upload == stored.full().size
    shown = ImageOps.exif_transpose(stored.full())
    assert shown.size == ((192, 144) if orientation == 1 else (144, 192))


def test_a_field_over_another_storage_is_warned_of_and_shows_plain_pictures(models: Any, photo_jpeg: bytes) -> None:
    field = models.Unencoded._meta.get_field("image")
    assert [warning.id for warning in field.check()] == ["sain_codec.W001"]
    assert models.Photo._meta.get_field("image").check() == []
    image = models.Unencoded(image=upload(photo_jpeg)).image
    assert (image.width, image.full().size) == (192, (192, 144))


def test_instances_are_pickled_and_serialised(models: Any, photo_jpeg: bytes) -> None:
    import pickle

    from django.core import serializers
    from django.core.serializers.json import DjangoJSONEncoder

    photo = models.Photo.objects.create(title="a", image=upload(photo_jpeg))
    again = pickle.loads(pickle.dumps(photo))  # noqa: S301 - our own
    assert again.image.full().size == (192, 144)
    text = serializers.serialize("json", [photo])
    assert json.loads(text)[0]["fields"] == {"title": "a", "image": photo.image.name, "width": 192, "height": 144}
    [back] = serializers.deserialize("json", text)
    assert back.object.image.full().size == (192, 144)
    row = models.Photo.objects.values("image", "width").get()
    assert json.loads(json.dumps(row, cls=DjangoJSONEncoder)) == {"image": photo.image.name, "width": 192}


def test_templates_do_not_run_networks(models: Any, photo_jpeg: bytes) -> None:
    from django.template import Context, Template

    photo = models.Photo.objects.create(title="a", image=upload(photo_jpeg))
    template = Template("{{ p.image.url }} {{ p.image.width }} {{ p.image.full }}")
    assert template.render(Context({"p": photo})) == f"{photo.image.url} 192 "


def test_migrations_are_complete_and_stay_so(project: Path) -> None:
    from django.core.management import call_command

    call_command("makemigrations", "gallery", check=True, dry_run=True, verbosity=0)  # exits if anything changed
    text = (project / "gallery_migrations" / "0001_initial.py").read_text()
    assert "codec.integrations.django.SainImageField(" in text
    assert "storage=tests.django.project.gallery.models.strict" in text
    assert "codec.integrations.django.SainStorage(quality=40, strip=['gps'])" in text


def test_changed_options_are_a_change(project: Path) -> None:
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.state import ModelState, ProjectState

    from codec.integrations.django import SainImageField, SainStorage

    def state(quality: int) -> ProjectState:
        project = ProjectState()
        project.add_model(ModelState("a", "Photo", [("image", SainImageField(storage=SainStorage(quality=quality)))]))
        return project

    assert MigrationAutodetector(state(40), state(40))._detect_changes() == {}
    assert "a" in MigrationAutodetector(state(40), state(50))._detect_changes()
