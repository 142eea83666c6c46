"""Object stores and whatever else fsspec opens: `s3://`, `gs://`, `memory://`."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from codec.batch.stores import Entry, check_length
from codec.errors import CodecError

PART_ROWS, PART_SECONDS = 1000, 30.0
"""When a log is written: objects cannot be appended to, so that it is cut in parts. What a killed run had not written
is done again."""
AT_ONCE = 64
"""Parts that are read at a time."""
STAMPS = ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "last_modified", "mtime", "updated", "created")
"""What file systems call the thing that changes with an object, the surest first."""


@contextmanager
def _our_errors(what: str) -> Iterator[None]:
    """Every store has errors of its own, and not all are OSErrors."""
    try:
        yield
    except CodecError:
        raise
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0][:200]
        raise CodecError(f"{what}: {reason or type(error).__name__}") from None


class ObjectStore:
    """A prefix. One folder's listing is held at a time, for fsspec lists folders whole."""

    def __init__(self, url: str) -> None:
        try:
            import fsspec.core
        except ImportError:
            raise CodecError(f"{url} needs more packages: pip install 'sain-codec[batch]'") from None
        try:
            # a cache of listings would hold them all, and be out of date
            self._fs, root = fsspec.core.url_to_fs(url, use_listings_cache=False, skip_instance_cache=True)
        except Exception as error:  # the store's own package is missing, or nobody knows the scheme
            raise CodecError(f"cannot open {url}: {error}") from None
        self.root = str(root).rstrip("/")
        protocol = self._fs.protocol
        self.scheme = protocol if isinstance(protocol, str) else protocol[0]
        self._listed: tuple[str | None, dict[str, int]] = (None, {})

    def check(self) -> None:
        with _our_errors(f"cannot open {self.root}"):
            if not self._fs.exists(self.root):
                raise CodecError(f"there is nothing in {self.scheme}://{self.root.lstrip('/')}")

    def entries(self) -> Iterator[Entry]:
        folders = [self.root]
        while folders:
            folder = folders.pop()
            try:
                found = self._list(folder, missing=folder == self.root)
            except CodecError as error:
                yield Entry(f"{self._relative(folder)}/", 0, "", str(error))
                continue
            for info in sorted(found, key=lambda info: str(info["name"])):
                name = self._relative(info["name"])
                if info["type"] == "directory":
                    folders.append(info["name"].rstrip("/"))
                elif name and not name.endswith("/"):  # consoles make empty objects to stand for folders
                    stamp = next((str(info[key]) for key in STAMPS if info.get(key)), "")
                    yield Entry(name, int(info["size"] or 0), stamp)

    def _list(self, folder: str, missing: bool = False) -> list[dict[str, Any]]:
        """What lies in a folder; nothing if there is none and it may be `missing`."""
        with _our_errors(f"cannot list {folder}"):
            try:
                found: list[dict[str, Any]] = self._fs.ls(folder, detail=True)
            except FileNotFoundError:
                if not missing:
                    raise
                return []
        return found

    def _relative(self, path: str) -> str:
        return path.removeprefix(self.root).removeprefix("/")

    def _full(self, name: str) -> str:
        return f"{self.root}/{name}"

    def size(self, name: str) -> int | None:
        """From a listing of the folder: a question for each of its files would take far longer."""
        folder = name.rpartition("/")[0]
        if self._listed[0] != folder:
            found = self._list(self._full(folder).rstrip("/"), missing=True)
            sizes = {self._relative(info["name"]): int(info["size"] or 0) for info in found if info["type"] == "file"}
            self._listed = (folder, sizes)
        return self._listed[1].get(name)

    def read(self, name: str) -> bytes:
        path = self._full(name)
        with _our_errors(f"cannot read {name}"):
            check_length(int(self._fs.size(path) or 0))
            data: bytes = self._fs.cat_file(path)
        return data

    def write(self, name: str, data: bytes) -> None:
        """One PUT, which object stores make visible when it is complete."""
        path = self._full(name)
        with _our_errors(f"cannot write {name}"):
            try:
                self._fs.pipe_file(path, data)
            except FileNotFoundError:  # a store with real folders; in others, asking for one costs a request
                self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
                self._fs.pipe_file(path, data)

    def log(self, name: str) -> "PartLog":
        return PartLog(self, name)

    def names(self, folder: str) -> list[str]:
        found = self._list(self._full(folder), missing=True)
        return sorted(self._relative(info["name"]) for info in found if info["type"] == "file")

    def lines(self, names: list[str]) -> Iterator[bytes]:
        for start in range(0, len(names), AT_ONCE):
            paths = [self._full(name) for name in names[start : start + AT_ONCE]]
            with _our_errors("cannot read the manifest"):
                texts: dict[str, bytes] = self._fs.cat(paths)
            for path in paths:
                yield from texts[path].splitlines(keepends=True)

    def locked(self) -> AbstractContextManager[None]:
        """Not: a lock here would outlive its holder. Listings are sorted, so that two runs choose the same names."""
        return nullcontext()


class PartLog:
    """`x.jsonl` as `x-000001.jsonl`, `x-000002.jsonl`, …"""

    def __init__(self, store: ObjectStore, name: str) -> None:
        self._store, self._name = store, name
        self._lines: list[str] = []
        self._parts = 0
        self._since = time.monotonic()

    def write(self, line: str) -> None:
        self._lines.append(line)
        if len(self._lines) >= PART_ROWS or time.monotonic() - self._since >= PART_SECONDS:
            self._flush()

    def _flush(self) -> None:
        if self._lines:
            self._parts += 1
            stem, dot, suffix = self._name.rpartition(".")
            self._store.write(f"{stem}-{self._parts:06}{dot}{suffix}", "".join(self._lines).encode("ascii"))
        self._lines, self._since = [], time.monotonic()

    def close(self) -> None:
        self._flush()
