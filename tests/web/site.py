"""A site for the tests: files of `web/`, what a test puts beside them, and a record of what was fetched."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from web.serve import POLICY, Handler

WEB = Path(__file__).parents[2] / "web"
RUNTIME = "/node_modules/onnxruntime-web/dist/"
RECORDER = b"""
window.told = [];
for (const name of ["progress", "restored", "failed"]) {
  document.addEventListener(`sain-${name}`, ({ target, detail }) => {
    const { blob, ...facts } = detail;
    if (blob) target.blob = blob;
    window.told.push({ name, id: target.id, ...facts });
  });
}
window.ended = (id) => told.find((event) => event.id === id && event.name !== "progress");
window.base64 = async (blob) => {
  let text = "";
  for (const byte of new Uint8Array(await blob.arrayBuffer())) text += String.fromCharCode(byte);
  return btoa(text);
};
addEventListener("load", () => (document.documentElement.dataset.ready = "1"));
"""


class Site:
    """Serves `files`, the folders in `folders` (`"/models/"` -> path), and `web/`, also below each of `variants`."""

    def __init__(self, headers: dict[str, str] | None = None) -> None:
        self.files: dict[str, bytes] = {"/recorder.js": RECORDER}
        self.folders: dict[str, Path] = {}
        self.variants: set[str] = set()
        self.fetched: list[str] = []
        self.more_headers = headers or {}
        self.policy = POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")  # pages have style="…"
        self.url = ""
        self._count = 0

    def page(self, body: str, variant: str = "", attributes: str = 'data-models="/models/"', head: str = "") -> str:
        """The address of a page of its own that shows `body`."""
        self._count += 1
        path = f"/page-{self._count}.html"
        script = f'<script type="module" src="{variant}/sain.js" data-runtime="{RUNTIME}" {attributes}></script>'
        start = '<!doctype html><html><head><meta charset="utf-8"><link rel="icon" href="data:,">'
        self.files[path] = f'{start}<script src="/recorder.js"></script>{head}{script}</head>{body}</html>'.encode()
        return self.url + path

    def find(self, path: str) -> bytes | None:
        """What lies at a path."""
        if path in self.files:
            return self.files[path]
        for start, folder in self.folders.items():
            if path.startswith(start) and (folder / path[len(start) :]).is_file():
                return (folder / path[len(start) :]).read_bytes()
        first, _, rest = path[1:].partition("/")
        if f"/{first}" in self.variants:
            return self.find(f"/{rest}")
        return (WEB / path[1:]).read_bytes() if (WEB / path[1:]).is_file() else None


class _Handler(Handler):
    def __init__(self, site: Site, *args: object) -> None:
        self.site, self.policy = site, site.policy
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:  # noqa: N802 - the standard library's name
        path = urlsplit(self.path).path
        self.site.fetched.append(path)
        data = self.site.find(path)
        if data is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Length", str(len(data)))
        for name, value in self.site.more_headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def served(site: Site) -> Iterator[Site]:
    """The site, at an address of its own."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, site)) as server:
        site.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield site
        server.shutdown()
