"""HTTP/1.1 by uvicorn, with an end to requests that never arrive: uvicorn itself waits for them for ever."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from codec.serve.settings import Settings

LINGER = 2
"""Seconds that the rest of a refused upload is read and thrown away, so that its sender gets to see the answer."""


def protocol(settings: Settings) -> type[H11Protocol]:
    """The protocol with the deadlines of the settings, in seconds."""
    # the app answers a slow upload itself, and first
    seconds = {h11.IDLE: settings.header_timeout, h11.SEND_BODY: settings.upload_timeout + 5}

    class Impatient(H11Protocol):
        due: asyncio.TimerHandle | None = None
        state: Any = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._unwatch()
            super().connection_lost(exc)

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._unwatch()  # from here on it is uvicorn's keep-alive that waits, until the next byte
            if self.conn.their_state is h11.SEND_BODY:
                self.state = h11.SEND_BODY
                self.due = self.loop.call_later(LINGER, self.transport.abort)

        def _watch(self) -> None:
            if self.conn.their_state is self.state:
                return
            self._unwatch()
            self.state = self.conn.their_state
            if self.state in seconds:
                self.due = self.loop.call_later(seconds[self.state], self.transport.abort)

        def _unwatch(self) -> None:
            self.state = None
            if self.due:
                self.due.cancel()
            self.due = None

    return Impatient
