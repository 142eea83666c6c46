"""The demo's server: a taken port, a browser that goes away, Ctrl-C."""

import signal
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from web.serve import Handler


def test_a_taken_port_is_one_line_and_an_interrupt_is_no_failure() -> None:
    command = [sys.executable, "-m", "web.serve", "--port"]
    with subprocess.Popen([*command, "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as first:
        assert first.stdout
        assert first.stderr
        address = first.stdout.readline().split()[0]
        assert "sain.js" in httpx.get(address).text
        second = subprocess.run([*command, address.split(":")[2].split("/")[0]], capture_output=True, text=True)
        first.send_signal(signal.SIGINT)
        assert first.wait(10) == 0
        assert "Traceback" not in first.stderr.read()
    assert second.returncode == 2
    assert "give another by --port, or make web PORT=" in second.stderr.splitlines()[-1]


def test_a_browser_that_goes_away_is_no_fault(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 26)  # more than the system takes in for a client that does not read
    done = threading.Event()

    class Told(Handler):
        def finish(self) -> None:
            super().finish()
            done.set()

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Told, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever).start()
        with socket.create_connection(server.server_address) as client:
            client.sendall(b"GET /large HTTP/1.0\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.0 200")
        assert done.wait(10)
        time.sleep(0.1)  # what is raised is told behind `finish`
        server.shutdown()
    assert "Traceback" not in capfd.readouterr().err
