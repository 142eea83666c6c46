"""Pictures come back in the browser as Python restores them, where and when they are wanted."""

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

import codec
from codec.models import registry
from tests.conftest import PICTURES, levels_apart, pixels_of
from tests.serve.browser import Browser
from tests.web.pictures import (
    OLDER,
    SRGB,
    is_progressive,
    shown,
    small_files,
    swapped_profile,
    turned_photo,
    with_profile,
)
from tests.web.site import RUNTIME, Site, served

LOOK = """(img) => { const c = document.createElement("canvas"); [c.width, c.height] = [24, 24];
  const x = c.getContext("2d"); x.drawImage(img, 0, 0, 24, 24); return [...x.getImageData(0, 0, 24, 24).data]; }"""
BOX = "(({ x, y, width, height }) => [x, y, width, height])(%s.getBoundingClientRect())"


def put(site: Site, files: dict[str, bytes]) -> None:
    site.files |= {f"/{name}.jpg": data for name, data in files.items()}


def restored(browser: Browser, name: str) -> Image.Image:
    """What the img of that id was given; waits for it."""
    browser.until(f"ended({name!r})")
    assert browser.value(f"ended({name!r}).name") == "restored", browser.value(f"ended({name!r}).reason")
    return shown(base64.b64decode(browser.value(f"base64(document.getElementById({name!r}).blob)")))


def look(browser: Browser, name: str) -> Any:
    return np.array(browser.value(f"({LOOK})(document.getElementById({name!r}))"), float)


def test_pictures_of_all_kinds_are_what_python_restores(browser: Browser, site: Site) -> None:
    files = small_files()
    assert {is_progressive(data) for data in files.values()} == {True, False}
    put(site, files)
    body = "".join(f'<img id="{name}" data-sain src="/{name}.jpg" style="width: 700px">' for name in files)
    browser.show(1000, 20_000)  # all at once
    browser.open(site.page(body))
    for name, data in files.items():
        img, expected = restored(browser, name), codec.decode(data)
        assert (img.mode, img.size) == (expected.mode, expected.size), name
        assert levels_apart(np.array(img), np.array(expected)) <= 2, name
        assert img.info.get("icc_profile") == (SRGB if name == "profile" else None)
        assert browser.value(f"document.getElementById({name!r}).src") == f"{site.url}/{name}.jpg"
    for name in ("several-tiles", "whole-tiles"):
        assert browser.value(f"told.filter(({{ id, name }}) => id === {name!r} && name === 'progress').length") == 3
    progress = browser.value("told.filter(({ name }) => name === 'progress').map(({ progress }) => progress)")
    assert set(progress) == {0, 0.5, 1}
    facts = browser.value("ended('odd')")
    assert facts["model"] == registry.resolve(registry.DEFAULT)
    assert (facts["width"], facts["height"], facts["device"]) == (171, 133, "wasm")
    assert browser.value("[ended('older').model, ended('whole').model]") == [OLDER, registry.resolve("sain-x1-lite")]
    assert (browser.errors, browser.warnings) == ([], [])  # nothing refused under the demo's content security policy


def test_the_runtime_is_fetched_when_the_first_of_our_pictures_comes_into_view(browser: Browser, site: Site) -> None:
    put(site, {"far": codec.encode(PICTURES / "kodim04-crop.png", 60)})
    site.files["/ordinary.png"] = (PICTURES / "kodim08-crop.png").read_bytes()
    near = '<img id="near" data-sain src="/ordinary.png" style="width: 400px">'
    browser.open(site.page(f'{near}<p style="height: 4000px"></p><img id="far" data-sain src="/far.jpg" width="300">'))
    browser.until("ended('near')")
    assert browser.value("ended('near').reason") == "an ordinary picture"
    assert not [path for path in site.fetched if path.startswith(RUNTIME) or path.endswith(".onnx")]
    browser.value("document.getElementById('far').scrollIntoView()")
    restored(browser, "far")
    fetched = [path for path in site.fetched if path.startswith((RUNTIME, "/models/"))]
    name = registry.resolve(registry.DEFAULT)
    build = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
    assert set(fetched) == {f"/models/{name}.upscale.onnx", *(RUNTIME + part for part in build)}
    assert (browser.errors, browser.warnings) == ([], [])


def test_nothing_is_done_before_the_screen_has_more_pixels_than_the_file(browser: Browser, site: Site) -> None:
    put(site, {"retina": codec.encode(PICTURES / "kodim04-crop.png", 60)})  # 96 pixels wide
    sizes = {
        "grows": "width: 96px",
        "dense": "width: 60px",
        "inside": "width: 300px; height: 36px; object-fit: contain",
    }
    body = "".join(f'<img id="{i}" data-sain src="/retina.jpg" style="{style}">' for i, style in sizes.items())
    candidates = 'srcset="/retina.jpg 96w" sizes="96px"'  # natural size 96 CSS pixels, as the file's
    browser.open(site.page(f'{body}<img id="set" data-sain {candidates}><img id="last" data-sain src="/none.jpg">'))
    browser.value("new Promise((then) => setTimeout(then, 500))")
    assert browser.value("told") == []
    assert not [path for path in site.fetched if path.startswith((RUNTIME, "/models/"))]
    browser.value("document.getElementById('grows').style.width = '97px'")
    restored(browser, "grows")
    assert browser.value("told.map(({ id }) => id).every((id) => id === 'grows')")
    browser.call("Emulation.setDeviceMetricsOverride", width=1001, height=800, deviceScaleFactor=2, mobile=False)
    restored(browser, "dense")
    restored(browser, "set")
    assert not browser.value("ended('inside')")  # 36 x 2 pixels high, as the file's 72


@pytest.mark.parametrize("form", ["plain", "attributes", "srcset", "picture", "natural"])
def test_nothing_moves_when_a_picture_is_replaced(browser: Browser, site: Site, form: str) -> None:
    put(site, {"odd-sides": codec.encode(pixels_of(PICTURES / "kodim08-crop.png")[:121, :63], 60)})
    tags = {
        "plain": '<img id="it" src="/odd-sides.jpg" style="width: 50%; height: auto">',
        "attributes": '<img id="it" src="/odd-sides.jpg" width="320" height="610">',
        "srcset": '<img id="it" srcset="/odd-sides.jpg 100w" sizes="50vw">',
        "picture": '<picture><source srcset="/odd-sides.jpg 1x"><img id="it" src="/x.jpg" width="200"></picture>',
        "natural": '<img id="it" src="/odd-sides.jpg">',
    }
    dense = 2 if form == "natural" else 1
    browser.call("Emulation.setDeviceMetricsOverride", width=1000, height=800, deviceScaleFactor=dense, mobile=False)
    browser.open(site.page(f"{tags[form]}<p id='below'>below</p>"))
    places = f"[{BOX % 'it'}, {BOX % 'below'}, [it.naturalWidth, it.naturalHeight]]"
    before, looked = browser.value(places), look(browser, "it")
    browser.value("it.dataset.sain = ''")
    assert restored(browser, "it").size == (63, 121)
    assert browser.value("it.currentSrc.startsWith('blob:')")
    after = browser.value(places)
    assert after[:2] == before[:2]
    assert after[2] == pytest.approx(before[2], rel=0.01)  # of the photo's sides, which are odd
    assert np.abs(look(browser, "it") - looked).mean() < 8


def test_turned_photos_stay_turned_and_are_turned_once(browser: Browser, site: Site) -> None:
    files = {f"turned-{n}": codec.encode(turned_photo(n), 90) for n in range(1, 9)}
    put(site, files)
    body = "".join(f'<img id="{name}" data-sain src="/{name}.jpg" width="300">' for name in files)
    forbidden = '<img id="raw" data-sain src="/turned-6.jpg" width="300" style="image-orientation: none">'
    browser.show(1000, 5000)
    browser.open(site.page(body + forbidden))
    small = {name: ImageOps.exif_transpose(Image.open(io.BytesIO(data))) for name, data in files.items()}
    for name, data in files.items():
        img = restored(browser, name)
        expected = ImageOps.exif_transpose(codec.decode(data))
        assert levels_apart(np.array(img), np.array(expected)) <= 2, name
        thumbnail = np.array(small[name].resize((24, 24)), float)
        assert np.abs(look(browser, name).reshape(24, 24, 4)[..., :3] - thumbnail).mean() < 10, name
    assert levels_apart(np.array(restored(browser, "raw")), codec.decode(files["turned-6"], to="numpy")) <= 2


def test_a_colour_profile_goes_on_to_be_honoured(browser: Browser, site: Site) -> None:
    photo = pixels_of(PICTURES / "kodim04-crop.png")
    put(site, {"swapped": codec.encode(with_profile(photo, swapped_profile()), 80)})
    tag = '<img id="small" src="/swapped.jpg"><img id="full" data-sain src="/swapped.jpg" width="300">'
    browser.open(site.page(tag))
    img = restored(browser, "full")
    assert img.info["icc_profile"] == swapped_profile()
    small, full = look(browser, "small"), look(browser, "full")
    assert np.abs(full - small).mean() < 4
    plain = np.array(img.resize((24, 24)), float)
    assert np.abs(full.reshape(24, 24, 4)[..., :3] - plain).mean() > 20  # that profile does change colours


def test_the_module_works_from_another_origin(browser: Browser, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    put(site, {"own": codec.encode(PICTURES / "kodim04-crop.png", 60)})
    allowed = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
    with served(Site(allowed)) as cdn:
        cdn.folders, cdn.policy = site.folders, "worker-src *"
        monkeypatch.setattr(site, "policy", f"worker-src blob: {cdn.url}")
        places = f'data-models="{cdn.url}/models/" data-runtime="{cdn.url}{RUNTIME}"'
        script = f'<script type="module" src="{cdn.url}/sain.js" {places}></script>'
        img = '<img id="own" data-sain src="/own.jpg" width="200">'
        site.files["/cdn.html"] = f'<html><script src="/recorder.js"></script>{script}{img}</html>'.encode()
        browser.open(f"{site.url}/cdn.html")
        assert restored(browser, "own").size == (192, 144)
        assert browser.warnings == []
        assert not [path for path in site.fetched if path.endswith((".mjs", ".wasm", ".onnx", "sain.js", "worker.js"))]


def test_pictures_that_come_or_change_later_are_restored_too(browser: Browser, site: Site) -> None:
    put(site, {"early": codec.encode(PICTURES / "kodim04-crop.png", 60)})
    put(site, {"late": codec.encode(PICTURES / "kodim23-crop.png", 60)})
    browser.open(site.page('<div id="place"></div>'))
    browser.value("place.innerHTML = '<p><img id=it data-sain src=/early.jpg width=200></p>'")
    first = restored(browser, "it")
    old = browser.value("it.currentSrc")
    assert browser.value(f"fetch('{old}').then(({{ ok }}) => ok)")
    browser.value("(told.length = 0, it.src = '/late.jpg')")
    second = restored(browser, "it")
    assert levels_apart(np.array(first), np.array(second)) > 100
    assert browser.value("[it.clientWidth, it.naturalWidth]") == [200, 96]
    assert browser.value("it.currentSrc") not in ("", old)
    assert browser.value(f"fetch('{old}').then(() => 'there', () => 'gone')") == "gone"
    browser.errors.clear()
    browser.value("(told.length = 0, it.removeAttribute('data-sain'), it.srcset = '/early.jpg')")
    browser.until("it.currentSrc.endsWith('/early.jpg')")
