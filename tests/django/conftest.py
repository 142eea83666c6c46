"""A real Django project, set up once."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codec.picture import Pixels
from tests.conftest import jpeg_bytes

pytest.importorskip("django")


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a project whose migrations were made and applied."""
    folder = tmp_path_factory.mktemp("django")
    (folder / "gallery_migrations").mkdir()
    (folder / "gallery_migrations" / "__init__.py").touch()
    os.environ |= {"SAIN_PROJECT_FOLDER": str(folder), "DJANGO_SETTINGS_MODULE": "tests.django.project.settings"}
    sys.path.insert(0, str(folder))
    import django
    from django.core.management import call_command
    from django.db import connections
    from django.test.utils import setup_test_environment, teardown_test_environment

    django.setup()
    call_command("makemigrations", "gallery", verbosity=0)
    call_command("migrate", verbosity=0)
    setup_test_environment()
    yield folder
    teardown_test_environment()
    connections.close_all()
    sys.path.remove(str(folder))


@pytest.fixture
def models(project: Path) -> Iterator[Any]:
    from tests.django.project.gallery import models

    yield models
    models.Photo.objects.all().delete()
    models.Strict.objects.all().delete()


@pytest.fixture
def client(models: Any) -> Any:
    from django.test import Client

    return Client()  # raises whatever a view raises


@pytest.fixture
def storage(project: Path) -> Any:
    from codec.integrations.django import SainStorage

    with tempfile.TemporaryDirectory(dir=project) as folder:
        from django.core.files.storage import FileSystemStorage

        yield SainStorage(FileSystemStorage(folder, base_url="/files/"), quality=60)


@pytest.fixture
def photo_jpeg(one_photo: Pixels) -> bytes:
    return jpeg_bytes(one_photo, quality=95)
