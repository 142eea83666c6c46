"""Our figures beside the rescaling papers', at equal quality factor as theirs, and the bytes they leave out."""

from typing import Any

from eval import published


def table(summary: dict[str, Any], dataset: str, scale: int = 2) -> list[str]:
    """Lines: a row per method, PSNR-Y at each quality factor; measured rows also with bits per HR pixel.

    A quality factor is not a rate: our tables are finer than the standard ones at the same number. The bits say so.
    """
    rows = [row for row in published.rescaling_tables() if row.codec == "JPEG" and row.scale == scale]
    names = {row.dataset.lower(): row.dataset for row in rows}
    rows = [row for row in rows if row.dataset == names.get(dataset.lower())]
    qualities = sorted({q for row in rows for q in row.quality if q is not None}) or [30, 50, 70, 80, 90]
    lines = [f"{'PSNR-Y (dB), bpp in brackets':34}" + "".join(f"{f'QF{q}':>15}" for q in qualities)]
    for name, curve in summary["curves"].items():
        points = {point["quality"]: point for point in curve}
        cells = [f"{points[q]['psnr_y']:.2f} ({points[q]['bpp']:.3f})" if q in points else "-" for q in qualities]
        lines.append(f"{name:34}" + "".join(f"{cell:>15}" for cell in cells))
    for row in rows:
        values = dict(zip(row.quality, row.psnr_y, strict=True))
        cells = [f"{values[q]:.2f}" if q in values else "-" for q in qualities]
        lines.append(f"{row.method + ' (published)':34}" + "".join(f"{cell:>15}" for cell in cells))
    return lines
