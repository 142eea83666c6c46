"""The page to try it on, in a real browser with a real upload."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import PICTURES
from tests.serve.browser import CHROMIUM, Browser
from tests.serve.running import Running

PHOTO = PICTURES / "kodim23-crop.png"
OVERFLOW = "document.documentElement.scrollWidth > innerWidth"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("Chromium is not at hand")
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


def text(browser: Browser, name: str) -> str:
    return str(browser.value(f"document.getElementById('{name}').innerText"))


def test_a_photo_goes_there_and_comes_back(browser: Browser, service: Running) -> None:
    browser.show(1100, 900)
    browser.open(service.url)
    browser.choose("#file", PHOTO)
    browser.until("!document.getElementById('bytes-section').hidden")
    sizes = browser.value("[small, full, before].map((img) => [img.naturalWidth, img.naturalHeight])")
    assert sizes == [[96, 72], [192, 144], [96, 72]]
    assert "96 × 72 pixels" in text(browser, "small-facts")
    rows = [row.split("\t") for row in text(browser, "bytes").splitlines()]
    assert rows[0][1] == f"{PHOTO.stat().st_size:,}"
    assert [row[0].partition(",")[0] for row in rows] == ["Your photo", "Stored picture", "JPEG", "Restored photo"]
    assert float(rows[2][2]) >= float(rows[1][2]) > 20
    stored, jpeg = (int(row[1].replace(",", "")) for row in rows[1:3])
    assert f"{abs(100 * (stored - jpeg) / jpeg):.1f} %" in text(browser, "verdict")
    assert text(browser, "error") == text(browser, "status") == ""
    assert browser.errors == []


def test_the_line_obeys_the_keyboard(browser: Browser) -> None:
    for _ in range(20):
        browser.press("Tab", 9)
        if browser.value("document.activeElement.id") == "line":
            break
    assert browser.value("document.activeElement.id") == "line"
    for _ in range(4):
        browser.press("ArrowRight", 39)
    assert browser.value("stage.style.getPropertyValue('--x')") == "52%"


def test_one_may_compare_with_the_photo_itself(browser: Browser) -> None:
    browser.value("left.value = 'photo'; left.dispatchEvent(new Event('change'))")
    browser.until("before.naturalWidth === 192")
    assert browser.value("before.alt") == "Your photo"
    assert browser.errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1100])
def test_it_fits_phones_and_the_dark(browser: Browser, width: int, scheme: str, tmp_path: Path) -> None:
    browser.show(width, 700, scheme)
    assert not browser.value(OVERFLOW)
    light = browser.value("getComputedStyle(document.documentElement).backgroundColor") == "rgb(252, 252, 251)"
    assert light == (scheme == "light")
    browser.screenshot(tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 5000


def test_removing(browser: Browser, service: Running) -> None:
    address = browser.value("stored.urls.image")
    assert service.client.get(address).status_code == 200
    browser.value("remove.click()")
    browser.until("document.getElementById('status').innerText.includes('removed')")
    assert service.client.get(address).status_code == 404


def test_errors_are_shown_in_words(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_text("no picture")
    browser.choose("#file", path)
    browser.until("document.getElementById('error').innerText")
    assert "not a picture" in text(browser, "error")


def test_nothing_is_loaded_from_elsewhere(service: Running) -> None:
    for path in ("/", "/static/page.js", "/static/page.css"):
        found = service.client.get(path).text
        assert "://" not in found.replace("http://www.w3.org/2000/svg", "")
        assert "style=" not in found
        assert "onclick" not in found
    policy = service.client.get("/").headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
