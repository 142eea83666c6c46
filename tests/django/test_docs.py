"""The page about Django, block by block, in a project that its own commands make."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PICTURES

pytest.importorskip("django")
ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"(?:# |<!-- )([\w/]+\.\w+)(, at its end)?(?: -->)?\n")
BEGINNING = """
import io, os, sys, django
os.environ["DJANGO_SETTINGS_MODULE"] = "mysite.settings"
sys.path.insert(0, "")
django.setup()
from django.core.management import call_command
from django.test import Client
from django.test.utils import setup_test_environment
from gallery.models import *
setup_test_environment()
client = Client()
"""
UPLOAD = """
with open(PHOTO, "rb") as photo:
    assert client.post("/", {"image": photo}).status_code == 302
assert client.post("/", {"image": io.BytesIO(b"none")}).status_code == 200
page = client.get("/").content.decode()
assert "192 x 144" in page
small = client.get(page.split('<img src="')[1].split('"')[0])
assert (small.status_code, small["Content-Type"]) == (200, "image/jpeg")
small.close()
full = client.get("/full/1")
assert full["Content-Type"] == "image/jpeg"
full.close()
"""
AFTERWARDS = """
call_command("makemigrations", verbosity=0)
call_command("migrate", verbosity=0)
assert (img.size, default_storage.full(name).size, name) == ((192, 144), (192, 144), "holiday.jpg")
assert Portrait._meta.get_field("image").storage.options["max_bytes"] == 60_000
ours, plain = photo.image.name, Photo(width=192, height=144)
with open(PHOTO, "rb") as file:
    plain.image = plain.image.storage.inner.save("old.png", file)
plain.save()
call_command("encode_photos")
plain.refresh_from_db()
photo.refresh_from_db()
assert (plain.image.name[-4:], photo.image.name) == (".jpg", ours)
assert plain.image.full().size == (192, 144)
assert not plain.image.storage.exists("old.png")
"""


def written(folder: Path, block: str) -> bool:
    """Whether a block is a file, which then lies there."""
    if not (named := FILE.match(block)):
        return False
    path = folder / named[1]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text((path.read_text() if named[2] else "") + block)
    return True


def test_the_page(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    env.pop("DJANGO_SETTINGS_MODULE", None)

    def run(*command: str) -> None:
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def script(text: str) -> None:
        run(sys.executable, "-c", f"PHOTO = {str(PICTURES / 'kodim04-crop.png')!r}\n{BEGINNING}{text}")

    loose = ""
    for kind, block in BLOCK.findall((ROOT / "docs" / "django.md").read_text()):
        if kind != "sh":
            loose += "" if written(tmp_path, block) else block
            continue
        for line in block.splitlines():
            if "runserver" in line:
                script(UPLOAD)
            elif not line.startswith("pip install"):
                run(*line.split())
    script(loose + AFTERWARDS)
