"""Files of scale 1 are restored at their own size; small files where their place has more pixels than they have."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

import codec
from codec.models import registry
from tests.conftest import PICTURES, levels_apart
from tests.serve.browser import Browser
from tests.web.pictures import turned_photo
from tests.web.site import RUNTIME, Site
from tests.web.test_restore import BOX, put, restored

PHOTO = PICTURES / "kodim04-crop.png"  # 192x144
COUNT = '<script src="/jobs.js"></script>'


@pytest.fixture(scope="module")
def whole() -> bytes:
    return codec.encode(PHOTO, 50, scale=1)


def counting(site: Site) -> None:
    """Pages with `COUNT` in their head note in `jobs` how often they ask a worker."""
    site.files["/jobs.js"] = b"""
      window.jobs = 0;
      const Usual = Worker;
      window.Worker = class extends Usual { postMessage(job) { jobs++; super.postMessage(job); } };"""


def wait(browser: Browser) -> None:
    browser.value("new Promise((then) => setTimeout(then, 500))")


def widen(browser: Browser, width: int) -> None:
    browser.value(f"it.style.width = '{width}px'")


@pytest.mark.parametrize("form", ["natural", "attributes", "srcset", "picture"])
def test_a_full_size_file_is_replaced_by_its_restored_pixels(
    browser: Browser, site: Site, whole: bytes, form: str
) -> None:
    put(site, {"whole": whole})
    tags = {
        "natural": '<img id="it" src="/whole.jpg">',
        "attributes": '<img id="it" src="/whole.jpg" width="192" height="144">',
        "srcset": '<img id="it" srcset="/whole.jpg 192w" sizes="192px">',
        "picture": '<picture><source srcset="/whole.jpg 1x"><img id="it" src="/x.jpg"></picture>',
    }
    browser.open(site.page(f"{tags[form]}<p id='below'>below</p>"))
    places = f"[{BOX % 'it'}, {BOX % 'below'}, [it.naturalWidth, it.naturalHeight]]"
    before = browser.value(places)
    assert before[2] == [192, 144]
    browser.value("it.dataset.sain = ''")
    img, expected = restored(browser, "it"), codec.decode(whole, to="numpy")
    assert levels_apart(np.array(img), expected) <= 2
    assert levels_apart(np.array(img), np.array(Image.open(io.BytesIO(whole)))) > 8
    assert browser.value("it.currentSrc.startsWith('blob:')")
    assert browser.value(places) == before
    assert browser.value("ended('it').model") == registry.resolve("sain-x1-lite")
    assert (browser.errors, browser.warnings) == ([], [])


def test_a_full_size_file_is_left_alone_where_less_than_half_of_it_is_seen(
    browser: Browser, site: Site, whole: bytes
) -> None:
    put(site, {"whole": whole})
    styles = {
        "grows": "width: 90px",
        "dense": "width: 60px",
        "inside": "width: 300px; height: 34px; object-fit: contain",
    }
    body = "".join(f'<img id="{i}" data-sain src="/whole.jpg" style="{style}">' for i, style in styles.items())
    browser.open(site.page(body))
    wait(browser)
    assert browser.value("told") == []
    assert "/worker.js" not in site.fetched
    browser.value("document.getElementById('grows').style.width = '96px'")
    restored(browser, "grows")
    assert browser.value("told.map(({ id }) => id).every((id) => id === 'grows')")
    browser.call("Emulation.setDeviceMetricsOverride", width=1001, height=800, deviceScaleFactor=2, mobile=False)
    assert restored(browser, "dense").size == (192, 144)
    wait(browser)
    assert not browser.value("ended('inside')")  # 34 x 2 of 144 pixels high


def test_a_small_file_is_asked_for_its_scale_once_until_its_place_outgrows_it(browser: Browser, site: Site) -> None:
    put(site, {"small": codec.encode(PHOTO, 60)})  # 96 pixels wide
    counting(site)
    browser.open(site.page('<img id="it" data-sain src="/small.jpg" style="width: 60px">', head=COUNT))
    browser.until("jobs === 1")
    for width in (70, 96):
        wait(browser)
        widen(browser, width)
    wait(browser)
    assert browser.value("[jobs, told.length]") == [1, 0]
    assert not [path for path in site.fetched if path.startswith((RUNTIME, "/models/"))]
    widen(browser, 97)
    assert restored(browser, "it").size == (192, 144)
    assert browser.value("jobs") == 2


def test_a_place_that_grows_while_the_worker_reads_is_not_forgotten(browser: Browser, site: Site) -> None:
    put(site, {"small": codec.encode(PHOTO, 60)})
    counting(site)
    site.variants.add("/slow")
    site.files["/slow/worker.js"] = b"""
      onmessage = (event) => setTimeout(() => import("/worker.js").then(() => self.onmessage(event)), 700);"""
    tag = '<img id="it" data-sain src="/small.jpg" style="width: 60px">'
    browser.open(site.page(tag, variant="/slow", head=COUNT))
    browser.until("jobs === 1")
    widen(browser, 300)
    assert restored(browser, "it").size == (192, 144)
    assert browser.value("jobs") == 2


def test_full_size_photos_are_turned_once(browser: Browser, site: Site) -> None:
    files = {f"whole-turned-{n}": codec.encode(turned_photo(n, (45, 27)), 80, scale=1) for n in (3, 6)}
    put(site, files)
    browser.open(site.page("".join(f'<img id="{name}" data-sain src="/{name}.jpg">' for name in files)))
    for name, data in files.items():
        expected = ImageOps.exif_transpose(codec.decode(data))
        assert levels_apart(np.array(restored(browser, name)), np.array(expected)) <= 2, name


def test_a_full_size_file_stays_where_its_model_is_not(browser: Browser, site: Site, whole: bytes) -> None:
    put(site, {"whole": whole})
    browser.open(site.page('<img id="it" data-sain src="/whole.jpg">', attributes='data-models="/none/"'))
    browser.until("ended('it')")
    url = f"{site.url}/none/{registry.resolve('sain-x1-lite')}.upscale.onnx"
    assert browser.value("ended('it').reason") == f"{url} cannot be fetched (status 404)"
    assert browser.value("[it.currentSrc === it.src, it.naturalWidth, it.srcset]") == [True, 192, ""]
    assert len(browser.warnings) == 1
