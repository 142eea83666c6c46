"""What the service counts, as Prometheus reads it."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """Of one service, in a registry of its own: an app may hold several."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        names = ("method", "route", "status")
        self.requests = Counter("codec_requests", "Requests answered", names, registry=registry)
        self.seconds = Histogram(
            "codec_request_seconds", "Until a request was answered", ("route",), buckets=SECONDS, registry=registry
        )
        self.job_seconds = Histogram(
            "codec_job_seconds", "Waiting and work of a job", ("what",), buckets=SECONDS, registry=registry
        )
        self.waiting = Gauge("codec_queue_depth", "Jobs that wait for a worker", registry=registry)
        self.running = Gauge("codec_jobs_running", "Jobs that a worker is at", registry=registry)
        self.ready = Gauge("codec_workers_ready", "Workers that are up", registry=registry)
        self.lost = Counter("codec_workers_lost", "Workers that ended", ("reason",), registry=registry)
        self.uploaded = Counter("codec_upload_bytes", "Bytes of photos that were stored", registry=registry)
        self.stored = Counter("codec_stored_bytes", "Bytes of the files stored for them", registry=registry)
        self.saved = Gauge("codec_saved_bytes", "The difference of the two", registry=registry)
        self.hits = Counter("codec_cache_hits", "Restored pictures from the cache", registry=registry)
        self.misses = Counter("codec_cache_misses", "Restored pictures that were made", registry=registry)
        self.cached = Gauge("codec_cache_bytes", "Bytes of the cache", registry=registry)

    def text(self) -> bytes:
        """All of it."""
        return generate_latest(self.registry)
