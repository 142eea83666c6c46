"""What restoring one megapixel in headless Chromium takes, and how large everything is: `python -m tests.web.measure`.

Needs `make web` to have been run once (models and runtime).
"""

import argparse
import io
import os
import subprocess
import tempfile
from itertools import product
from pathlib import Path
from typing import Literal

from PIL import Image

import codec
from codec.demo import SAMPLE
from tests.serve.browser import Browser
from tests.web.site import WEB, Site, served

SIZE = (1224, 816)
SCALES: tuple[Literal[1, 2], ...] = (2, 1)
SIZES = """
const fs = require("fs"), zlib = require("zlib");
for (const line of process.argv.slice(1)) {
  const data = Buffer.concat(line.split(",").map((path) => fs.readFileSync(path)));
  const quality = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 11 } };
  console.log(data.length, zlib.gzipSync(data, { level: 9 }).length, zlib.brotliCompressSync(data, quality).length);
}
"""


def times(site: Site, threads: int, scale: Literal[1, 2]) -> tuple[dict[str, float], dict[str, float], int]:
    """Of the first picture, and of the second, in milliseconds; and how many threads there were."""
    site.files["/threads.js"] = f'import {{ configure }} from "/sain.js"; configure({{ threads: {threads} }});'.encode()
    tags = "".join(f'<img id="{n}" data-sain src="/{n}-{scale}.jpg" width="1200">' for n in ("first", "second"))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(Path(profile))
        try:
            browser.show(1300, 2000)
            browser.open(site.page(tags, head='<script type="module" src="/threads.js"></script>'))
            for name in ("first", "second"):
                browser.until(f"ended('{name}')")
            first, second = (browser.value(f"ended('{name}')") for name in ("first", "second"))
        finally:
            browser.close()
    return first["times"], second["times"], first["threads"]


def sizes() -> None:
    """Bytes of our code, the model and the builds of the runtime: raw, gzip, brotli."""
    dist = WEB / "node_modules" / "onnxruntime-web" / "dist"
    groups = {
        "our code": sorted(WEB.glob("*.js")),
        **{path.name: [path] for path in sorted((WEB / "models").glob("*.onnx"))},
        "runtime, wasm": [dist / f for f in ("ort.wasm.min.mjs", *_wasm(""))],
        "runtime, WebGPU": [dist / f for f in ("ort.jspi.min.mjs", *_wasm(".jspi"))],
        "runtime, WebGPU (older browsers)": [dist / f for f in ("ort.webgpu.min.mjs", *_wasm(".asyncify"))],
    }
    lists = [",".join(map(str, paths)) for paths in groups.values()]
    done = subprocess.run(["node", "-e", SIZES, *lists], capture_output=True, text=True, check=True)  # noqa: S607
    for name, line in zip(groups, done.stdout.splitlines(), strict=True):
        print(f"{name}: {line} bytes (raw, gzip, brotli)")


def _wasm(build: str) -> tuple[str, str]:
    return f"ort-wasm-simd-threaded{build}.mjs", f"ort-wasm-simd-threaded{build}.wasm"


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["times", "sizes"])
    only = parser.parse_args().only
    if only != "times":
        sizes()
    if only == "sizes":
        return
    out = io.BytesIO()
    with Image.open(SAMPLE) as img:
        img.resize(SIZE).save(out, "PNG")
    with served(Site()) as site:
        site.folders["/models/"] = WEB / "models"
        for scale, threads in product(SCALES, (1, 2)):
            for name, quality in (("first", 60), ("second", 61)):
                site.files[f"/{name}-{scale}.jpg"] = codec.encode(out.getvalue(), quality, scale=scale)
            first, second, used = times(site, threads, scale)
            cold, warm = ({k: round(v / 1000, 2) for k, v in t.items()} for t in (first, second))
            told = f"scale {scale}, {used} threads: first picture {cold}, second {warm} (seconds)"
            print(f"{told}; load {os.getloadavg()[0]:.1f}", flush=True)


if __name__ == "__main__":
    main()
