"""What is done: a row for each file, appended as JSON lines in the target, and an index of them.

Every run writes files of its own, `_manifest/000007-1f3a.jsonl`; of several rows for a source the last one counts. A
line that is not whole, as SIGKILL may leave it, is passed over: its file is done again.
"""

import json
import secrets
import sqlite3
import sys
from collections.abc import Iterator
from itertools import islice
from types import TracebackType

from codec.batch.names import OURS, candidates, safe, same_place
from codec.batch.records import Row
from codec.batch.stores import Log, Store

AT_ONCE = 10_000
"""Lines that are read into the index at a time."""
Indexed = tuple[bytes, bytes, str, str]
"""Source, place of the output, status, row as JSON."""


class Manifest:
    """The rows of a target. The index is SQLite's, in a temporary file that goes when the process does.

    A dictionary of ten million rows would take some ten gigabytes of memory.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._log: Log | None = None
        self._index = sqlite3.connect("", isolation_level=None)
        self._index.execute("PRAGMA synchronous=OFF")
        self._index.execute("PRAGMA cache_size=-131072")  # KiB
        self._index.execute("CREATE TABLE rows (source BLOB PRIMARY KEY, place BLOB, status TEXT, json TEXT)")
        self._load()
        self._index.execute("CREATE INDEX places ON rows (place)")

    def _load(self) -> None:
        names = [name for name in self._store.names(OURS) if name.endswith(".jsonl")]
        self._number = max((int(n.split("/")[1][:6]) for n in names if n.split("/")[1][:6].isdecimal()), default=0) + 1
        lines, torn = self._store.lines(names), 0
        while some := list(islice(lines, AT_ONCE)):
            rows = [row for row in map(_indexed, some) if row is not None]
            torn += len(some) - len(rows)
            self._index.execute("BEGIN")
            self._index.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)", rows)
            self._index.execute("COMMIT")
        if torn:
            print(f"codec: {torn} lines of the manifest are not whole: their files are done again", file=sys.stderr)

    def __enter__(self) -> "Manifest":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._log:
            self._log.close()
        self._index.close()

    def get(self, source: str) -> Row | None:
        """The last row of a source."""
        found = self._index.execute("SELECT json FROM rows WHERE source = ?", (_key(source),)).fetchone()
        return Row.from_json(found[0]) if found else None

    def add(self, row: Row) -> None:
        """Keep a row, here and in the target."""
        self._keep(row)
        if self._log is None:
            self._log = self._store.log(f"{OURS}/{self._number:06}-{secrets.token_hex(2)}.jsonl")
        self._log.write(row.to_json() + "\n")

    def _keep(self, row: Row) -> None:
        indexed = (_key(row.source), same_place(row.output), row.status, row.to_json())
        self._index.execute("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)", indexed)

    def name(self, source: str, suffix: str) -> str:
        """The name of a source's output: the one it has, else the best that no other source has.

        A name that is not the best is written down before anything is done under it. Otherwise a killed run could be
        resumed in another order, and the file appear under two names.
        """
        before = self.get(source)
        if before and before.output.endswith(suffix):
            return before.output
        names = candidates(source, suffix)
        best = name = next(names)
        while self._taken(name, source):
            name = next(names)
        row = Row(source, name, "named")
        if name == best:
            self._keep(row)
        else:
            self.add(row)
        return name

    def _taken(self, name: str, source: str) -> bool:
        others = "SELECT 1 FROM rows WHERE place = ? AND source <> ? LIMIT 1"
        return self._index.execute(others, (same_place(name), _key(source))).fetchone() is not None

    def rows(self) -> Iterator[Row]:
        """The last row of every source that anything was done about, sorted by source."""
        found = self._index.execute("SELECT json FROM rows WHERE status <> 'named' ORDER BY source")
        return (Row.from_json(text) for (text,) in found)

    def sample(self, count: int) -> list[Row]:
        """So many rows of files that are done, at random; all of them for 0."""
        query = "SELECT json FROM rows WHERE status = 'ok' ORDER BY random() LIMIT ?"
        return [Row.from_json(text) for (text,) in self._index.execute(query, (count or -1,))]


def _key(source: str) -> bytes:
    return source.encode("utf-8", "surrogatepass")  # names that are not UTF-8 hold what SQLite's text cannot


def _indexed(line: bytes) -> Indexed | None:
    """A line of the manifest for the index, None if it is not whole or its names lead elsewhere."""
    try:
        row = json.loads(line)
        source, output, status = row["source"], row["output"], row["status"]
        if not (safe(source) and safe(output)) and not (status == "failed" and not output):
            return None
        return _key(source), same_place(output), status, line.decode("ascii").rstrip("\n")
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
