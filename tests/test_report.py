"""The HTML report: it shows what was measured, runs nothing that came with the data, and loads nothing."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from eval.report import render

HOSTILE = "</script><script>alert(1)</script>"
MARKUP = '<img src=x onerror="document.documentElement.dataset.hit = 1">'
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# Added behind the page's own script: what a reader would click, and how many curves that leaves.
CLICKS = """<script>
  const count = () => document.querySelectorAll("#chart .line").length, note = document.documentElement.dataset;
  const choose = (id, value) => { $(id).value = value; $(id).dispatchEvent(new Event("change")); };
  note.first = count();
  document.querySelector("#legend button").click();
  note.clicked = count();
  choose("metric", 1);
  note.other = count();
  choose("picture", summary.pictures[0].name);
  $("log").click();
  note.single = count();
  $("chart").querySelector("svg").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
  note.tip = $("tip").textContent;
  choose("anchor", "AVIF");
  const range = document.querySelector(".stage input");
  range.value = 70;
  range.dispatchEvent(new Event("input"));
</script></body>"""


def points(gain: float, **more: float) -> list[dict[str, float]]:
    rates = enumerate((0.1, 0.3, 0.9))
    timed = {"encode_s": 0.3, "decode_s": 0.5, **more}
    return [{"quality": 20 + i, "bpp": r, "psnr": 25 + gain + 5 * i, "ssim": 0.8 + 0.05 * i, **timed} for i, r in rates]


def bd(anchor: str, codec: str, metric: str, **more: Any) -> dict[str, Any]:
    entry = {"bd_rate": -44.13, "bd_quality": 2.3, "low": 24.0, "high": 32.1, "interval": [-46.02, -41.9]}
    return {"anchor": anchor, "codec": codec, "metric": metric, **entry, "wins": 1, "pictures": 1, **more}


def summary() -> dict[str, Any]:
    curves = {"sain": points(2.0, lr_psnr=37.25, lr_ssim=0.98, lr_ssimulacra2=80.0), "JPEG": points(0.0), "AVIF": []}
    about = {"identity": "codec 0.1.0", "description": MARKUP, "peak_mb": None}
    return {
        "dataset": "kodak & <others>",
        "command": "python -m eval run kodak",
        "pictures": [{"name": HOSTILE, "width": 768, "height": 512}],
        "codecs": [{"name": name, "ours": name == "sain", **about} for name in curves],
        "metrics": [
            {"key": "psnr", "label": "PSNR RGB", "unit": "dB"},
            {"key": "ssim", "label": "SSIM", "unit": ""},
        ],
        "curves": curves,
        "per_picture": {name: {HOSTILE: curve} for name, curve in curves.items()},
        "bd": [
            bd("JPEG", "sain", "psnr"),
            bd("JPEG", "sain", "psnr", span=[26, 31], bd_rate=-31.25),
            bd("JPEG", "sain", "ssim", bd_rate=None, reason=f"no overlap {MARKUP}"),
            bd("AVIF", "sain", "psnr", bd_rate=12.34, interval=[None, None], bd_quality=-0.001),
        ],
        "published": {
            "VTM": {"source": "CompressAI", "bpp": [0.1, 0.5], "psnr": [28.0, 34.0]},
            "BPG": {"source": "CompressAI", "bpp": [0.1, 0.5], "psnr": [27.0, 33.0], "ssim": [0.8, 0.9]},
        },
        "missing": [
            {"codec": "JPEG XL", "picture": None, "quality": None, "reason": "pillow-jxl-plugin is not installed"},
            {"codec": "AVIF", "picture": HOSTILE, "quality": 75, "reason": MARKUP},
        ],
    }


def gallery() -> list[dict[str, Any]]:
    crops = [("original", None, None), ("sain", 14267, 29.1), ("JPEG", 14301, 27.2)]
    listed = [
        {"label": label, "png": PIXEL, "bytes": size, "psnr": psnr, "ssimulacra2": psnr and 2 * psnr}
        for label, size, psnr in crops
    ]
    return [{"picture": HOSTILE, "rank": "best", "gain_db": 1.9, "crops": listed}]


def data_of(page: str) -> Any:
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert match
    return json.loads(match[1])


def dom_after_scripts(page: str, folder: Path) -> str:
    if not CHROMIUM:
        pytest.skip("Chromium is not at hand")
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    quiet = [f"--disable-{what}" for what in ("gpu", "quic", "background-networking", "component-update", "sync")]
    options = ["--headless", "--no-sandbox", "--no-first-run", *quiet, f"--user-data-dir={folder / 'profile'}"]
    command = [CHROMIUM, *options, "--virtual-time-budget=3000", "--dump-dom", path.as_uri()]
    run = subprocess.run(command, capture_output=True, check=True, timeout=120)
    return run.stdout.decode()


def state_of(dom: str) -> dict[str, str]:
    """The data attributes of the html element."""
    match = re.search(r"<html[^>]*>", dom)
    assert match
    return {key: html.unescape(value) for key, value in re.findall(r'data-(\w+)="([^"]*)"', match[0])}


def test_no_string_leaves_the_place_where_it_is_put() -> None:
    page = render(summary(), gallery())
    assert "alert(1)</script>" not in page
    assert MARKUP not in page
    assert page.count("<script") == 3
    assert "<title>Rate and distortion: kodak &amp; &lt;others&gt;, 1 picture</title>" in page
    assert data_of(page) == {"summary": summary(), "gallery": gallery()}


def test_names_like_placeholders_and_names_that_are_no_unicode_stay_what_they_are() -> None:
    odd = summary() | {"dataset": "@@DATA@@ \udcff"}
    page = render(odd, [])
    page.encode()
    assert data_of(page)["summary"]["dataset"] == odd["dataset"]
    assert "<title>Rate and distortion: @@DATA@@ ?, 1 picture</title>" in page


def test_values_that_are_not_finite_count_as_absent() -> None:
    page = render(summary() | {"curves": {"sain": [{"psnr": float("inf"), "ssim": float("nan"), "bpp": 0.1}]}}, [])
    assert data_of(page)["summary"]["curves"] == {"sain": [{"psnr": None, "ssim": None, "bpp": 0.1}]}


def test_the_page_loads_nothing() -> None:
    page = render(summary(), gallery())
    assert set(re.findall(r"https?://[^\s\"'`<>)]+", page)) == {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert not re.search(r"""(?:src|href)\s*=\s*["']?\s*//|@import|url\((?!#)""", page)
    assert "default-src 'none'" in page


def test_the_page_draws_curves_tables_and_what_is_missing(tmp_path: Path) -> None:
    dom = dom_after_scripts(render(summary(), gallery()), tmp_path)
    assert state_of(dom) == {"ready": "1"}  # neither an error nor a hit by what came with the data
    assert dom.count("<script") == 3
    assert '<img src="x"' not in dom
    # Ours, JPEG and the published VTM; AVIF has no points and BPG is off at first.
    assert len(re.findall(r'class="line" stroke="[^"]+" d="M[\d.]+ [\d.]+L[\d. L]+"', dom)) == 3
    for text in (
        "−44.1 %",
        "[−46.0, −41.9]",
        "24.0…32.1 dB",
        "+2.30 dB · 1 of 1",
        "37.25",
        "14,267 bytes · 29.10 dB · SSIMULACRA2 58.2",
    ):
        assert text in dom
    assert "no overlap &lt;img" in dom
    heads = re.findall(r'<th scope="col">([^<]*)', dom[dom.index('id="bd"') :])[:4]
    assert heads == ["Codec", "PSNR RGB", "PSNR RGB · 26…31", "SSIM"]
    assert "−31.3 %" in dom
    assert "<b>JPEG XL</b>: pillow-jxl-plugin is not installed<small>all of it</small>" in dom
    assert f"<b>AVIF</b>: {html.escape(MARKUP, quote=False)}" in dom
    assert re.search(r'<section id="missing">', dom)


def test_the_page_answers_to_clicks_and_keys(tmp_path: Path) -> None:
    dom = dom_after_scripts(render(summary(), gallery()).replace("</body>", CLICKS), tmp_path)
    # Ours off; VTM has no SSIM; one picture has no published curve.
    counts = {"first": "3", "clicked": "2", "other": "1", "single": "1"}
    assert state_of(dom) == {"ready": "1", **counts, "tip": "JPEGquality 20 · 0.100 bppSSIM 0.8000"}
    assert '<td class="even"><b>+12.3 %</b><small>24.0…32.1 dB</small>' in dom
    assert "<small>0.00 dB · 1 of 1</small>" in dom
    assert "−44.1 %" not in dom
    assert 'style="--x: 70%' in dom


def test_sections_without_anything_to_say_are_hidden(tmp_path: Path) -> None:
    empty = summary() | {"missing": [], "bd": [], "published": {}, "curves": {"JPEG": points(0.0)}}
    dom = dom_after_scripts(render(empty, []), tmp_path)
    assert state_of(dom) == {"ready": "1"}
    for name in ("missing", "bd-section", "lr-section", "gallery"):
        assert f'<section id="{name}" hidden="">' in dom
