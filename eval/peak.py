"""How much memory a process has taken at the most."""

import resource
import sys


def megabytes(usage: resource.struct_rusage) -> float:
    """Peak of resident memory: the system gives bytes on macOS and kilobytes elsewhere."""
    return usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def peak() -> float:
    """Of the calling process, so far, in megabytes."""
    return megabytes(resource.getrusage(resource.RUSAGE_SELF))
