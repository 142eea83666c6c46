"""WebGPU, on a graphics card that Chromium computes on the CPU: slow, but the same code runs."""

import base64
from collections.abc import Iterator
from typing import Literal

import numpy as np
import pytest

import codec
from tests.conftest import PICTURES, levels_apart, pixels_of
from tests.serve.browser import Browser
from tests.web.pictures import shown
from tests.web.site import RUNTIME, Site

SOFTWARE = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--ignore-gpu-blocklist")


@pytest.fixture(scope="module")
def with_gpu(chromium: str, site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"), *SOFTWARE)
    browser.show(1000, 800)
    browser.open(site.page(""))
    if not browser.value("navigator.gpu ? navigator.gpu.requestAdapter().then(Boolean) : false"):
        browser.close()
        pytest.skip("this Chromium has no software WebGPU")
    yield browser
    browser.close()


@pytest.mark.parametrize(("driver", "scale"), [("sound", 2), ("broken", 2), ("sound", 1)])
def test_the_gpu_computes_where_it_computes_what_the_cpu_does(
    with_gpu: Browser, site: Site, driver: str, scale: Literal[1, 2]
) -> None:
    data = codec.encode(pixels_of(PICTURES / "kodim04-crop.png")[:64, :64], 60, scale=scale)
    site.files[f"/gpu-{scale}.jpg"] = data
    site.variants.add("/broken")
    site.files["/broken/driver.js"] = b"GPUComputePassEncoder.prototype.dispatchWorkgroups = () => {};"
    site.files["/broken/worker.js"] = b"import '/broken/driver.js'; import '/worker.js';"
    site.fetched.clear()
    with_gpu.call("Network.clearBrowserCache")  # or a second test would find the first one's files there
    tag = f'<img id="it" data-sain src="/gpu-{scale}.jpg" width="200">'
    with_gpu.open(site.page(tag, variant="/broken" if driver == "broken" else ""))
    with_gpu.until("ended('it')")
    assert with_gpu.value("ended('it').device") == ("webgpu" if driver == "sound" else "wasm")
    img = shown(base64.b64decode(with_gpu.value("base64(it.blob)")))
    assert levels_apart(np.array(img), codec.decode(data, to="numpy")) <= 2
    assert (with_gpu.errors, with_gpu.warnings) == ([], [])
    if driver == "sound":
        assert f"{RUNTIME}ort.jspi.min.mjs" in site.fetched
