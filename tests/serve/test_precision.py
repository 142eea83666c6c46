"""A service that computes in half the digits: what it stores and restores is what the library makes so."""

from pathlib import Path

import codec
from codec.saving import saved
from codec.serve import Settings
from codec.serve.parameters import Wanted, id_of, options
from codec.serve.work import SAVING
from tests.serve.running import running


def test_the_service_computes_in_the_precision_it_was_started_with(tmp_path: Path, photo: bytes) -> None:
    with running(tmp_path, precision="bfloat16") as service:
        about = service.client.post("/images", files={"file": ("x", photo)}).json()
        small = service.client.get(about["urls"]["image"])
        full = service.client.get(about["urls"]["full"], headers={"Accept": "image/webp"})
        compared = service.client.post(f"{about['urls']['image']}/comparison", files={"file": ("x", photo)}).json()
    assert small.content == codec.encode(photo, 75, precision="bfloat16")
    assert small.content != codec.encode(photo, 75)
    exact, fast = (
        saved(codec.decode(small.content, precision=precision), "WEBP", **SAVING["webp"])
        for precision in ("float32", "bfloat16")
    )
    assert full.content == fast != exact
    assert 25 < compared["psnr"] < 45
    assert full.headers["etag"].endswith('-bfloat16"')
    by_default = options(Wanted(), Settings())
    assert about["id"] == id_of(photo, by_default, "bfloat16") != id_of(photo, by_default, "float32")
