"""Headers that keep browsers from taking an answer for anything else than it is."""

from starlette.datastructures import MutableHeaders

NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox"
PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""Content security policies: of everything, and of the page."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": NOTHING,
}


def secure(headers: MutableHeaders) -> None:
    """Add what an answer does not say itself."""
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
