"""Whatever goes wrong, the small picture stays, and one line says why."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import codec
from codec import embed
from codec.models import registry
from tests.conftest import PICTURES, pixels_of
from tests.serve.browser import Browser
from tests.web.site import WEB, Site, served
from tests.web.test_restore import restored

PHOTO = PICTURES / "kodim04-crop.png"


def encoded_again(data: bytes, xmp: bytes | None = None, quality: int | str = 60) -> bytes:
    """By a program that keeps metadata; `"keep"`: with the same tables."""
    img, out = Image.open(io.BytesIO(data)), io.BytesIO()
    img.save(out, "JPEG", xmp=xmp or img.info["xmp"], quality=quality)
    return out.getvalue()


def stating(data: bytes, **changes: Any) -> bytes:
    """With another header."""
    header = replace(codec.inspect(data).header, **changes)
    return encoded_again(data, embed.insert(header, None), "keep")


def show_pictures(browser: Browser, site: Site, files: dict[str, bytes], **options: str) -> None:
    site.files |= {f"/{name}.jpg": data for name, data in files.items()}
    body = "".join(f'<img id="{name}" data-sain src="/{name}.jpg" width="300">' for name in files)
    browser.open(site.page(body, **options))


def open_pictures(browser: Browser, site: Site, files: dict[str, bytes], **options: str) -> None:
    """And wait until something has become of each."""
    show_pictures(browser, site, files, **options)
    for name in files:
        browser.until(f"ended({name!r})")


def stays(browser: Browser, name: str) -> str:
    """Why; nothing about it has changed."""
    event = browser.value(f"ended({name!r})")
    assert event["name"] == "failed"
    img = f"document.getElementById({name!r})"
    assert browser.value(f"{img}.currentSrc === {img}.src && {img}.complete && {img}.naturalWidth > 0")
    assert browser.value(f"{img}.getAttributeNames().join()") == "id,data-sain,src,width"
    return str(event["reason"])


def reason_of(warning: str) -> str:
    return warning.partition(" stays as it is: ")[2]


@pytest.fixture(scope="module")
def small() -> bytes:
    return codec.encode(PHOTO, 60)


def test_ordinary_pictures_stay_without_a_word(browser: Browser, site: Site, small: bytes) -> None:
    jpeg, strange, webp = io.BytesIO(), io.BytesIO(), codec.encode(PHOTO, 60, format="webp")
    Image.open(PHOTO).save(jpeg, "JPEG", comment=b"sain; is a name", optimize=True)
    Image.open(PHOTO).save(strange, "JPEG", qtables=[[7 + n % 5 for n in range(64)]] * 2)  # of a camera, say
    full = codec.encode(PHOTO, 60, model="plain")
    files = {"jpeg": jpeg.getvalue(), "strange": strange.getvalue(), "plain": full, "webp": webp}
    open_pictures(browser, site, files)
    for name in files:
        assert stays(browser, name) == "an ordinary picture"
        assert browser.value(f"ended({name!r}).ordinary")
    assert (browser.warnings, browser.errors) == ([], [])
    assert "/models/tables.json" in site.fetched
    assert not [path for path in site.fetched if path.endswith((".onnx", ".wasm"))]


def test_what_cannot_be_restored_says_why_in_one_line(browser: Browser, site: Site, small: bytes) -> None:
    whole = codec.encode(PHOTO, 60, scale=1)
    with_alpha = np.dstack([pixels_of(PHOTO), np.tile(np.arange(192, dtype=np.uint8), (144, 1))])
    files = {
        "stale": encoded_again(small),
        "whole-stale": encoded_again(whole),
        "whole-inconsistent": stating(whole, full_size=(191, 144)),
        "resized": stating(small, lr_size=(95, 72), full_size=(190, 144)),
        "alpha": codec.encode(with_alpha, 60),
        "alpha-too": codec.encode(with_alpha, 70),
        "version": small.replace(b'"1;sain', b'"2;sain'),
        "malformed": small.replace(b'"1;sain-x2', b'"1;sain x2'),
        "newer": small.replace(b";c", b";z", 1),
        "inconsistent": stating(small, full_size=(292, 144)),
        "huge": stating(small, full_size=(99_999, 99_999)),
        "cut": small[:-400],
    }
    open_pictures(browser, site, files)
    reasons = {name: stays(browser, name) for name in files}
    assert reasons["stale"] == reasons["resized"] == "it was resized or encoded again after codec.encode wrote it"
    assert reasons["whole-stale"] == reasons["stale"]
    assert reasons["alpha"] == reasons["alpha-too"] == "it has transparency, which is not restored in a browser"
    assert reasons["version"] == "its format version is 2, not 1"
    assert reasons["malformed"] == "its header is malformed"
    assert reasons["newer"].startswith("its header has a field that is not known here: z")
    assert reasons["inconsistent"] == reasons["whole-inconsistent"] == "its header is inconsistent"
    assert reasons["huge"] == "it is too large to be restored in a browser"
    assert reasons["cut"] == "the JPEG file is damaged"
    expected = {f"sain: {site.url}/{name}.jpg stays as it is: {reason}" for name, reason in reasons.items()}
    assert set(browser.warnings) <= expected
    assert sorted(map(reason_of, browser.warnings)) == sorted(set(reasons.values()))
    assert browser.errors == []


def test_damage_inside_pixels_breaks_nothing(browser: Browser, site: Site, small: bytes) -> None:
    scan = small.rindex(b"\xff\xda")
    rng = np.random.default_rng(3)
    files = {}
    for n in range(6):
        data = bytearray(small)
        for at in rng.integers(2, len(small) if n % 2 else scan, 12):
            data[at] = rng.integers(256)
        files[f"damaged-{n}"] = bytes(data)
    show_pictures(browser, site, files)
    browser.until("[...document.images].every((img) => img.complete)")
    for name in files:
        if browser.value(f"document.getElementById({name!r}).naturalWidth"):  # the browser itself can read it
            browser.until(f"ended({name!r})")
    assert browser.errors == []
    assert all(line.startswith("sain: ") for line in browser.warnings)


def test_another_sites_pictures_need_its_leave(
    browser: Browser, site: Site, small: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    embeddable = {"Cross-Origin-Resource-Policy": "cross-origin"}
    with served(Site(embeddable)) as closed, served(Site(embeddable | {"Access-Control-Allow-Origin": "*"})) as open_:
        for other in (closed, open_):
            other.files["/photo.jpg"] = small
        tag = '<img id="{}" data-sain {} src="{}/photo.jpg" width="300">'.format
        page = site.page(tag("closed", "", closed.url) + tag("open", "crossorigin", open_.url))
        monkeypatch.setattr(site, "policy", "script-src 'self' 'wasm-unsafe-eval'")
        browser.open(page)
        assert restored(browser, "open").size == (192, 144)
        browser.until("ended('closed')")
        assert stays(browser, "closed").startswith("it cannot be fetched again: its site must allow it with CORS")
    assert len(browser.warnings) == 1


def test_a_model_file_must_be_the_model_that_the_header_names(browser: Browser, site: Site, small: bytes) -> None:
    name = registry.resolve(registry.DEFAULT)
    graph = (site.folders["/models/"] / f"{name}.upscale.onnx").read_bytes()
    other = name[:-8] + "00000000"
    cases = {
        "another": (graph.replace(name.encode(), other.encode()), f"is not the model {name}, but {other}"),
        "cut-off": (graph[:5000], f"is not the model {name}, but no file of codec export"),
        "absent": (None, "cannot be fetched (status 404)"),
    }
    for case, (content, reason) in cases.items():
        if content is not None:
            site.files[f"/{case}/{name}.upscale.onnx"] = content
        browser.warnings.clear()
        open_pictures(browser, site, {case: small, f"{case}-2": small}, attributes=f'data-models="/{case}/"')
        url = f"{site.url}/{case}/{name}.upscale.onnx"
        assert stays(browser, case) == stays(browser, f"{case}-2") == f"{url} {reason}"
        assert len(browser.warnings) == 1
    assert not [path for path in site.fetched if path.endswith(".wasm")]


WORKERS = {
    "throws": (b'onmessage = () => { throw new Error("out of memory"); };', "the worker died: Uncaught Error: out of"),
    "silent": (b"onmessage = () => {};", "the worker died: it did not answer in time"),
    "broken": (b"import 'nowhere';", "the worker died: "),
    "ended": (b"close();", "the worker died: it did not answer in time"),
}


@pytest.mark.parametrize("kind", WORKERS)
def test_workers_that_die_or_say_nothing_are_given_up(browser: Browser, site: Site, small: bytes, kind: str) -> None:
    script, reason = WORKERS[kind]
    site.variants.add(f"/{kind}")
    site.files[f"/{kind}/worker.js"] = script
    site.files[f"/{kind}/impatient.js"] = b"import { configure } from './sain.js'; configure({ timeout: 300 });"
    head = f'<script type="module" src="/{kind}/impatient.js"></script>'
    files = {f"{kind}-{n}": small for n in range(4)}
    open_pictures(browser, site, files, variant=f"/{kind}", head=head)
    assert all(stays(browser, f"{kind}-{n}").startswith(reason) for n in range(3))
    assert stays(browser, f"{kind}-3") == "the worker has died too often"
    first, second = map(reason_of, browser.warnings)
    assert first.startswith(reason)
    assert second == "the worker has died too often"


def test_a_worker_that_died_is_replaced(browser: Browser, site: Site, small: bytes) -> None:
    site.variants.add("/once")
    site.files["/once/worker.js"] = b"""
      onmessage = (event) => {
        if (event.data.url.includes("deadly")) throw new Error("out of memory");
        import("/worker.js").then(() => self.onmessage(event));
      };"""
    open_pictures(browser, site, {"deadly": small, "survivor": small}, variant="/once")
    assert stays(browser, "deadly") == "the worker died: Uncaught Error: out of memory"
    assert restored(browser, "survivor").size == (192, 144)


def test_an_idle_worker_ends_and_another_one_takes_its_place(browser: Browser, site: Site, small: bytes) -> None:
    site.variants.add("/brief")
    usual = (WEB / "restore.js").read_text()
    site.files["/brief/restore.js"] = usual.replace("IDLE = 60_000", "IDLE = 200").encode()
    assert site.files["/brief/restore.js"] != usual.encode()
    site.files["/count.js"] = b"""
      window.workers = [];
      const Usual = Worker;
      window.Worker = class extends Usual {
        constructor(...how) { super(...how); workers.push("started"); }
        terminate() { super.terminate(); workers.push("ended"); }
      };"""
    open_pictures(browser, site, {"before": small}, variant="/brief", head='<script src="/count.js"></script>')
    assert restored(browser, "before").size == (192, 144)
    browser.until("workers.length === 2")
    browser.value("document.body.insertAdjacentHTML('beforeend', '<img id=after data-sain src=/before.jpg width=200>')")
    assert restored(browser, "after").size == (192, 144)
    browser.until("workers.join() === 'started,ended,started,ended'")
    assert browser.warnings == []


def test_a_browser_that_gives_other_pixels_is_noticed(browser: Browser, site: Site, small: bytes) -> None:
    site.variants.add("/noisy")
    site.files["/noisy/noise.js"] = b"""
      const context = OffscreenCanvasRenderingContext2D.prototype, read = context.getImageData;
      context.getImageData = function (...place) {
        const image = read.apply(this, place);
        image.data.forEach((value, n) => { image.data[n] = value ^ 4; });
        return image;
      };"""
    site.files["/noisy/worker.js"] = b"import '/noisy/noise.js'; import '/worker.js';"
    open_pictures(browser, site, {"noisy": small}, variant="/noisy")
    assert stays(browser, "noisy").startswith("this browser does not give the exact pixels of a JPEG")
    assert not [path for path in site.fetched if path.endswith(".wasm")]


def test_without_simd_nothing_is_fetched(chromium: str, site: Site, small: bytes, tmp_path: Path) -> None:
    old = Browser(tmp_path, "--js-flags=--no-enable-sse4-1 --no-enable-ssse3")
    try:
        site.fetched.clear()
        old.show(1000, 800)
        open_pictures(old, site, {"no-simd": small})
        assert stays(old, "no-simd") == "this browser has no WebAssembly with SIMD"
        assert len(old.warnings) == 1
        assert not [path for path in site.fetched if path.endswith((".wasm", ".min.mjs"))]
    finally:
        old.close()


def test_a_runtime_that_is_not_there_is_named(browser: Browser, site: Site, small: bytes) -> None:
    site.files["/elsewhere.js"] = b"import { configure } from '/sain.js'; configure({ runtime: '/nowhere' });"
    open_pictures(browser, site, {"no-runtime": small}, head='<script type="module" src="/elsewhere.js"></script>')
    reason = f"the runtime cannot be loaded from {site.url}/nowhere/ort.wasm.min.mjs"
    assert stays(browser, "no-runtime") == reason
    assert len(browser.warnings) == 1
