"""The demo over HTTP, with the headers that let WebAssembly use several threads: `make web`. Standard library only."""

import argparse
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; connect-src 'self' blob:; "
    "img-src 'self' blob: data:; style-src 'self'"
)
"""The strictest that the package runs under; `blob:` in `worker-src` is for the runtime's threads."""


class Handler(SimpleHTTPRequestHandler):
    """Files of a folder."""

    policy = POLICY
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def end_headers(self) -> None:
        for name, value in ISOLATED.items():
            self.send_header(name, value)
        self.send_header("Content-Security-Policy", self.policy)
        self.send_header("Cache-Control", "max-age=60")
        super().end_headers()

    def copyfile(self, source: Any, outputfile: Any) -> None:
        with suppress(ConnectionError):  # a page that is left does not wait for what it asked for
            super().copyfile(source, outputfile)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="Serve the demo, on this machine only.")
    parser.add_argument("--port", type=int, default=8080)
    port = parser.parse_args().port
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), partial(Handler, directory=str(HERE)))
    except OSError as error:
        parser.error(f"cannot listen on port {port}: {error.strerror}; give another by --port, or make web PORT=…")
    with server:
        print(f"http://127.0.0.1:{server.server_address[1]}/demo/ (Ctrl-C ends it)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
