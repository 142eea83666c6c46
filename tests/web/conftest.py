"""One browser and one site for all tests of `web/`; what npm provides is installed where it is missing."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.browser import CHROMIUM, Browser
from tests.web.pictures import OLDER
from tests.web.site import WEB, Site, served
from web.build import write_models


@pytest.fixture(scope="session")
def node() -> str:
    return shutil.which("node") or pytest.skip("node is not at hand")


@pytest.fixture(scope="session")
def packages() -> Path:
    """`web/node_modules`."""
    folder = WEB / "node_modules"
    if not (folder / "onnxruntime-web" / "package.json").exists():
        npm = shutil.which("npm") or pytest.skip("npm is not at hand")
        command = [npm, "ci", "--prefix", str(WEB), "--no-audit", "--no-fund", "--ignore-scripts"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
        except subprocess.TimeoutExpired:
            pytest.skip("npm ci did not end in time")
        if done.returncode:
            pytest.skip(f"npm ci failed: {done.stderr.strip().splitlines()[-1:]}")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    return CHROMIUM or pytest.skip("Chromium is not at hand")


@pytest.fixture(scope="session")
def site(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    pytest.importorskip("onnxscript")
    models = tmp_path_factory.mktemp("models")
    write_models(models, [OLDER])
    with served(Site()) as site:
        site.folders["/models/"] = models
        yield site


@pytest.fixture(scope="session")
def _browser(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def browser(_browser: Browser, site: Site) -> Browser:
    """With nothing noted or kept, in a window of 1000x800."""
    for noted in (_browser.errors, _browser.warnings, site.fetched):
        noted.clear()
    _browser.call("Network.clearBrowserCache")
    _browser.show(1000, 800)
    return _browser
