"""The manifest as a Parquet file."""

import os
from collections.abc import Iterator
from dataclasses import asdict, fields
from itertools import islice
from pathlib import Path
from typing import Any

from codec.batch.records import Row
from codec.errors import CodecError

GROUP = 50_000
"""Rows that are held at a time."""


def check_installed() -> None:
    """Raise `CodecError` before any work if Parquet cannot be written."""
    try:
        import fsspec  # noqa: F401
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise CodecError("--manifest-parquet needs more packages: pip install 'sain-codec[batch]'") from None


def write_parquet(rows: Iterator[Row], url: str) -> None:
    """Write rows to a file or an fsspec URL, which appears when it is whole."""
    import fsspec
    import pyarrow as pa
    import pyarrow.parquet as pq

    local = "://" not in url
    place = str(Path(url).with_name(f".{Path(url).name}.partial")) if local else url
    schema = pa.schema([(field.name, _type(pa, field.type)) for field in fields(Row)])
    try:
        with fsspec.open(place, "wb") as file, pq.ParquetWriter(file, schema) as writer:
            while group := [_plain(row) for row in islice(rows, GROUP)]:
                writer.write_table(pa.Table.from_pylist(group, schema=schema))
        if local:
            os.replace(place, url)
    finally:
        if local:
            Path(place).unlink(missing_ok=True)


def _type(pa: Any, annotation: Any) -> Any:
    if annotation in (int, int | None):
        return pa.int64()
    return pa.float64() if annotation in (float, float | None) else pa.string()


def _plain(row: Row) -> dict[str, Any]:
    """Without what is no UTF-8, as a file's name may be."""
    return {
        k: v.encode("utf-8", "backslashreplace").decode() if isinstance(v, str) else v for k, v in asdict(row).items()
    }
