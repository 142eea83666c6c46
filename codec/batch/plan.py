"""What is to be done: the sources that are pictures, without those that are done already."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from codec.batch.manifest import Manifest
from codec.batch.names import PICTURES, hidden, safe, suffix_of
from codec.batch.records import Job, Row, Task
from codec.batch.stores import Entry, Store, below

PAUSE = 200
"""Files that are looked at before an engine may look after its workers."""


@dataclass
class Plan:
    """The tasks of a run, found while it goes on."""

    job: Job
    source: Store
    target: Store
    manifest: Manifest
    fail: Callable[[Row], None]
    """Is given a row for what fails before it becomes a task."""
    checksum: bool = False
    """Read every source, and believe its bytes instead of size and time."""
    unchanged: int = 0
    """Sources that are done; `Plan` counts those that it need not read."""
    hidden: int = 0
    others: "Counter[str]" = field(default_factory=Counter)
    """Files that are no pictures by their name, by suffix."""

    def tasks(self) -> Iterator[Task | None]:
        """Tasks as they are found; None where it takes a while to find the next."""
        ours = below(self.target, self.source)
        for looked, entry in enumerate(self.source.entries(), 1):
            task = None
            if not (ours and entry.name.startswith(f"{ours}/")) and self._is_picture(entry):
                task = self._task(entry)
            if task or looked % PAUSE == 0:
                yield task

    def _is_picture(self, entry: Entry) -> bool:
        if hidden(entry.name):
            self.hidden += 1
        elif entry.error is not None:
            self._fail(entry, entry.error)
        elif suffix_of(entry.name) not in PICTURES:
            self.others[suffix_of(entry.name) or "without suffix"] += 1
        elif not safe(entry.name):
            self._fail(entry, "its name leads out of the folder")
        else:
            return True
        return False

    def _fail(self, entry: Entry, reason: str) -> None:
        self.fail(Row(entry.name, "", "failed", reason, bytes_in=entry.size, stamp=entry.stamp))

    def _task(self, entry: Entry) -> Task | None:
        before = self.manifest.get(entry.name)
        output = self.manifest.name(entry.name, self.job.suffix)
        if before and not self._holds(before, output):
            before = None
        same = before and before.stamp and (before.bytes_in, before.stamp) == (entry.size, entry.stamp)
        if same and not self.checksum:
            self.unchanged += 1
            return None
        return Task(entry.name, output, entry.size, entry.stamp, before)

    def _holds(self, row: Row, output: str) -> bool:
        """Whether an earlier output is what this run would write, if only the source is the same."""
        wanted = row.status == "ok" and row.params == self.job.params and row.output == output
        return wanted and self.target.size(output) == row.bytes_out
