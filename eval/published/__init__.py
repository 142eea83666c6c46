"""Figures that others published, each with its source: rate-distortion curves, and tables of rescaling methods.

The JSON files beside this one hold the data. MS-SSIM belongs to the same files as PSNR: networks are those trained for
MSE.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eval.curves import Points

FOLDER = Path(__file__).parent
DATASETS = ("kodak", "clic-pro")
PICTURES = {"kodak": 24}
"""What a published mean is over: no curve to lay beside a part of the set."""


@dataclass(frozen=True)
class Published:
    """Mean curve of one codec over a data set, ascending in rate. Tuples of equal length."""

    name: str
    source: str
    bpp: tuple[float, ...]
    """Bits per pixel."""
    psnr: tuple[float, ...]
    """RGB, dB."""
    ms_ssim: tuple[float, ...] | None
    """RGB, 0…1; None where the source has none."""

    def points(self, metric: str = "psnr") -> Points:
        """`[2, n]`: bpp, and "psnr" or "ms_ssim_db" (-10 log10(1 - MS-SSIM)). Raises ValueError for any other."""
        if metric == "psnr":
            return np.array([self.bpp, self.psnr])
        if metric != "ms_ssim_db":
            raise ValueError(f"no metric {metric!r}: choose psnr or ms_ssim_db")
        if self.ms_ssim is None:
            raise ValueError(f"no MS-SSIM is published for {self.name}")
        return np.array([self.bpp, -10 * np.log10(1 - np.array(self.ms_ssim))])


@dataclass(frozen=True)
class Rescaling:
    """One method's row of a table at equal quality factor. Tuples of equal length, one value per quality factor."""

    dataset: str
    scale: int
    """The LR picture's sides are 1/scale of the HR picture's."""
    method: str
    codec: str
    """How the LR picture is stored: "JPEG" or "PNG"."""
    quality: tuple[int | None, ...]
    """JPEG quality factors; None for PNG."""
    psnr_y: tuple[float, ...]
    """dB."""
    ssim_y: tuple[float, ...] | None
    """0…1; None where the source has none."""
    source: str
    how: str
    """How the values were taken from the source."""
    protocol: str
    """How the source measured them."""


def _read(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


def _values(row: dict[str, Any], key: str) -> tuple[float, ...] | None:
    return tuple(row[key]) if key in row else None


def curves(dataset: str) -> dict[str, Published]:
    """Name -> curve of every codec published for a data set. Raises ValueError for one that is not in `DATASETS`."""
    if dataset not in DATASETS:
        raise ValueError(f"no published curves for {dataset!r}: choose {' or '.join(DATASETS)}")
    return {
        name: Published(name, row["source"], tuple(row["bpp"]), tuple(row["psnr"]), _values(row, "ms_ssim"))
        for name, row in _read(dataset).items()
    }


def rescaling_tables() -> tuple[Rescaling, ...]:
    """Every published row of rescaling methods, by source, scale, data set and method."""
    return tuple(
        Rescaling(
            dataset=dataset,
            scale=block["scale"],
            method=method,
            codec=block["codec"],
            quality=tuple(block["quality"]),
            psnr_y=tuple(row["psnr_y"]),
            ssim_y=_values(row, "ssim_y"),
            source=block["source"],
            how=block["how"],
            protocol=block["protocol"],
        )
        for block in _read("rescaling")
        for dataset, rows in block["datasets"].items()
        for method, row in rows.items()
    )
