"""Mixed load on a real service over loopback: `python -m tests.serve.load --seconds 900 --clients 8`.

Prints requests per second, p50, p95 and p99 by kind, statuses, and how memory grew: of the service, and of its workers.
Clients share the machine with the service, so that latencies are upper bounds. Ends with 1 if anything but 503 failed.
"""

import argparse
import asyncio
import io
import os
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
from PIL import Image
from tqdm import tqdm

from tests.conftest import PICTURES
from tests.serve.running import Running, running

MIX = {"small": 60, "full, cached": 25, "full, uncached": 5, "upload": 10}
"""Kinds of request, and how many there are of each in a hundred."""
KEPT = 200
"""Pictures at most; older ones are deleted."""
PAGE = os.sysconf("SC_PAGE_SIZE")


def photo(path: Path, width: int) -> bytes:
    """A JPEG of a picture, so wide."""
    with Image.open(path) as img:
        out = io.BytesIO()
        img.convert("RGB").resize((width, width * img.height // img.width)).save(out, "JPEG", quality=92)
        return out.getvalue()


def unlike(data: bytes, number: int) -> bytes:
    """The same photo with a comment that no other has, for an id that no other has."""
    comment = f"{number:016x}".encode()
    return data[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + data[2:]


@dataclass
class Load:
    """What is going on, and what was seen."""

    client: httpx.AsyncClient
    photo: bytes
    started: float = field(default_factory=time.monotonic)
    seen: "deque[str]" = field(default_factory=deque)
    """Ids whose restored picture is in the cache, the oldest first."""
    fresh: list[str] = field(default_factory=list)
    """Ids that nobody asked the full picture of."""
    number: int = 0
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: "Counter[tuple[str, int | str]]" = field(default_factory=Counter)

    async def upload(self) -> None:
        """A photo that is not there yet."""
        self.number += 1
        files = {"file": ("x", unlike(self.photo, self.number))}
        answer = await self.timed("upload", "POST", "/images", files=files)
        if answer is not None and answer.status_code == 201:
            self.fresh.append(answer.json()["id"])

    async def uncached(self) -> None:
        """The first restoration of a picture."""
        if not self.fresh:
            return await self.upload()
        name = self.fresh.pop(0)
        answer = await self.timed("full, uncached", "GET", f"/images/{name}/full")
        if answer is not None and answer.status_code == 200:
            self.seen.append(name)
            if len(self.seen) > KEPT:
                await self.timed("delete", "DELETE", f"/images/{self.seen.popleft()}")
        return None

    async def read(self, kind: str, path: str) -> None:
        """A picture that is there, and stays for a while."""
        if not self.seen:
            return await self.uncached()
        names = list(self.seen)
        name = random.choice(names[min(len(names) - 1, KEPT // 10) :])  # noqa: S311 - the oldest may be deleted meanwhile
        await self.timed(kind, "GET", f"/images/{name}{path}")
        return None

    async def timed(self, kind: str, method: str, path: str, **more: object) -> httpx.Response | None:
        """One request, noted."""
        started = time.monotonic()
        try:
            answer = await self.client.request(method, path, **more)  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            self.statuses[kind, type(error).__name__] += 1
            return None
        if answer.is_success:
            self.seconds[kind].append(time.monotonic() - started)
        self.statuses[kind, answer.status_code] += 1
        return answer

    async def one(self) -> None:
        """One request of the mix."""
        kind = random.choices(list(MIX), list(MIX.values()))[0]  # noqa: S311
        if kind == "upload":
            await self.upload()
        elif kind == "full, uncached":
            await self.uncached()
        else:
            await self.read(kind, "" if kind == "small" else "/full")


def resident(pids: list[int]) -> int:
    """Bytes in memory."""
    total = 0
    for pid in pids:
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
        except OSError:
            continue
    return total


async def run(service: Running, data: bytes, clients: int, seconds: float) -> tuple[Load, list[tuple[float, int, int]]]:
    """The load, and samples of time, service's and workers' bytes."""
    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(base_url=service.url, timeout=120, limits=limits) as client:
        load, samples = Load(client, data), []
        end = load.started + seconds

        async def busy() -> None:
            while time.monotonic() < end:
                await load.one()

        tasks = [asyncio.create_task(busy()) for _ in range(clients)]
        with tqdm(total=round(seconds), unit="s", disable=None) as bar:
            while (now := time.monotonic()) < end:
                samples.append((now - load.started, resident([service.process.pid]), resident(service.workers())))
                bar.update(min(bar.total, round(now - load.started)) - bar.n)
                await asyncio.sleep(min(1.0, seconds / 20))
        await asyncio.gather(*tasks)
        return load, samples


def report(load: Load, samples: list[tuple[float, int, int]], seconds: float) -> bool:
    """Print; whether all was well."""
    print(f"{'':16}{'count':>8}{'per s':>9}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}")
    for kind, times in sorted(load.seconds.items()):
        marks = "".join(f"{1000 * value:>9.1f}" for value in np.percentile(times, (50, 95, 99)))
        print(f"{kind:16}{len(times):>8}{len(times) / seconds:>9.2f}{marks}")
    total = sum(map(len, load.seconds.values()))
    print(f"{'all':16}{total:>8}{total / seconds:>9.2f}")
    print(
        "statuses:", ", ".join(f"{kind} {status}: {n}" for (kind, status), n in sorted(load.statuses.items(), key=str))
    )
    times, *kinds = np.array(samples, float).T
    late = times > times[-1] / 3  # behind the warm-up
    for name, sizes in zip(("service", "workers"), kinds, strict=True):
        slope = np.polyfit(times[late] / 3600, sizes[late] / 2**20, 1)[0]
        ends = f"{sizes[late][0] / 2**20:.1f} MiB after a third, {sizes[-1] / 2**20:.1f} at the end"
        print(f"memory of the {name}: {ends}, most {sizes.max() / 2**20:.1f}, slope {slope:+.1f} MiB an hour")
    return all(status == 503 or (isinstance(status, int) and status < 400) for _, status in load.statuses)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.serve.load", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=8, help="requests at the same time (default: 8)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="of the service (default: all cores)")
    parser.add_argument("--picture", type=Path, default=PICTURES / "kodim08-crop.png")
    parser.add_argument("--width", type=int, default=640, help="of the photos, in pixels (default: 640)")
    args = parser.parse_args()
    data = photo(args.picture, args.width)
    print(f"photos of {args.width} pixels, {len(data):,} bytes; {args.clients} clients, {args.workers} workers")
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), workers=args.workers) as service:
        load, samples = asyncio.run(run(service, data, args.clients, args.seconds))
        print(f"cache hits {service.metric('codec_cache_hits_total'):.0f}, misses "
              f"{service.metric('codec_cache_misses_total'):.0f}, workers lost "
              f"{service.metric('codec_workers_lost_total'):.0f}, "
              f"bytes saved {service.metric('codec_saved_bytes'):,.0f}")  # fmt: skip
        return 0 if report(load, samples, args.seconds) else 1


if __name__ == "__main__":
    sys.exit(main())
