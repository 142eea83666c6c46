"""Frames per second that a GPU restores: 6K frames on it, photos in batches, and the codec's own way from bytes.

    python -m eval.gpu --out results/gpu.json
    python -m eval.gpu --device cpu --size 960x540 --seconds 1 --photos 2 --out /tmp/dry.json   # does it all work?

Variants that fail are named in the result, and the exit code is 1 then. Every variant's picture is compared with the
one in single precision (`psnr`, dB; null where they are equal): how fast a wrong one comes out is of no interest.
"""

import argparse
import gc
import json
import shlex
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, get_args

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.backends import cudnn
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

import codec
from codec import rescaler
from codec.demo import SAMPLE
from codec.fidelity import decibels
from codec.files import check_free, write_whole
from codec.models import registry
from codec.models.weights import read_weights
from codec.networks import Engine, Precision
from codec.networks.on_torch import network_of
from eval.frames import VARIANTS, Restorer, Variant, made, timed

BAR = 60
"""Frames of 5760x3240 a second, one at a time, in bfloat16."""
FULL, PHOTO = "5760x3240", "1224x816"
CONDITION = 2.7
"""About that of quality 75; it does not change the time."""
Row = dict[str, Any]
Task = Callable[[], Row]


def picture(width: int, height: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The sample photo, mirrored outwards for ever, as far as `[height, width, 3]`."""
    with Image.open(SAMPLE) as img:
        sample = np.array(img.convert("RGB"))
    more = [(0, max(0, length - have)) for length, have in zip((height, width), sample.shape, strict=False)]
    return np.pad(sample, [*more, (0, 0)], "symmetric")[:height, :width]


class Bench:
    """What is measured on one device, of one model."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.device = args, torch.device(args.device)
        self.model = registry.resolve(args.model)
        self.net = network_of(read_weights(registry.path_of(self.model))).to(self.device)
        self.condition = torch.tensor([CONDITION], device=self.device)

    def small(self, size: tuple[int, int], count: int = 1) -> Tensor:
        """LR frames uint8 `[count, h, w, 3]` on the device, whose restored ones are of `size`."""
        scale = self.net.config.scale
        frame = torch.from_numpy(picture(size[0] // scale, size[1] // scale))
        return frame.expand(count, *frame.shape).contiguous().to(self.device)

    @torch.no_grad()
    def variants(self, lr: Tensor) -> dict[str, Task]:
        """What each variant takes for these frames."""
        expected = Restorer(self.net, self.condition, "float32")(lr[:1]).cpu()
        usable = [variant for variant in VARIANTS if self.device.type == "cuda" or not variant.captured]
        return {variant.name: partial(self._variant, variant, lr, expected) for variant in usable}

    @torch.no_grad()
    def _variant(self, variant: Variant, lr: Tensor, expected: Tensor) -> Row:
        with cudnn.flags(enabled=True, benchmark=True, allow_tf32=True):
            run = made(variant, self.net, self.condition, lr, self.args.compiler)
            apart = (run()[:1].cpu().double() - expected).abs()
            row = self._row(run, len(lr))
        error = (apart**2).mean().item()
        return {**row, "levels_apart": int(apart.max()), "psnr": round(decibels(error), 2) if error else None}

    def way(self, size: tuple[int, int]) -> dict[str, Task]:
        """The codec's own way: from LR pixels in the computer's memory to full ones there, and from a file's bytes."""
        lr = self.small(size)[0].cpu().numpy()
        data = codec.encode(picture(*size), 75, model=self.model, device=self.args.device, backend="torch")
        tasks: dict[str, Task] = {}
        for precision in get_args(Precision):
            engine = Engine(self.args.device, "torch", precision)
            resc = rescaler.load(self.model, engine)
            ways: dict[str, Callable[[], object]] = {
                "network, in one piece": partial(resc.network.upscale, lr, CONDITION),
                "rescaler, in tiles": partial(resc.upscale, lr, CONDITION, size),
                "codec.decode": partial(codec.decode, data, to="numpy", **engine._asdict()),
            }
            tasks |= {f"{name}, {precision}": partial(self._row, run, 1) for name, run in ways.items()}
        return tasks

    def _row(self, run: Callable[[], object], frames: int) -> Row:
        times = timed(run, self.device, self.args.seconds)
        middle = median(times)
        row: Row = {"ms": round(middle, 3), "ms_slowest": round(max(times), 3), "runs": len(times)}
        row["frames_per_second"] = round(1000 * frames / middle, 2)
        if self.device.type == "cuda":
            row["peak_mb"] = round(torch.cuda.max_memory_allocated(self.device) / 1e6)
        return row

    def forget(self) -> None:
        """Give back what the task before has left: compiled code, memory."""
        torch.compiler.reset()
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)

    @torch.no_grad()
    def teraflops(self, lr: Tensor) -> float:
        """Floating-point operations that one frame takes, 1e12."""
        with FlopCounterMode(display=False) as counter:
            Restorer(self.net, self.condition, "float32")(lr)
        return round(float(counter.get_total_flops()) / 1e12, 4)

    def about(self) -> Row:
        """The machine."""
        row: Row = {"device": str(self.device), "torch": torch.__version__, "threads": torch.get_num_threads()}
        if self.device.type == "cuda":
            free, total = torch.cuda.mem_get_info(self.device)
            row |= {
                "name": torch.cuda.get_device_name(self.device),
                "memory_mb": total // 10**6,
                "free_mb": free // 10**6,
            }
            row |= {"cuda": torch.version.cuda, "cudnn": cudnn.version()}  # type: ignore[no-untyped-call]
        return row


def measure(args: argparse.Namespace, told: list[str]) -> bool:
    """All of it, written anew after each row; whether all of it worked."""
    bench = Bench(args)
    frame, photos = bench.small(args.size), bench.small(args.photo, args.photos)
    result: Row = {"command": shlex.join(["python", "-m", "eval.gpu", *told]), "machine": bench.about()}
    result |= {"model": bench.model, "size": args.size, "photo": args.photo, "photos": args.photos, "bar": BAR}
    result["teraflops_a_frame"] = bench.teraflops(frame)
    sections = {
        "frames": bench.variants(frame),
        "photos_in_batches": bench.variants(photos),
        "codec": bench.way(args.size),
    }
    every = [(section, name, task) for section, tasks in sections.items() for name, task in tasks.items()]
    for section, name, task in tqdm(every, disable=None):
        bench.forget()
        try:
            row = task()
        except Exception as error:  # a GPU is lent for minutes: one that fails must not cost the others
            row = {"error": f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:300]}"}
        result.setdefault(section, {})[name] = row
        write_whole(args.out, json.dumps(result, indent=1).encode() + b"\n", force=True)
        print(f"{section}: {name}: {json.dumps(row)}")
    return not any("error" in row for section in sections for row in result[section].values())


def size(text: str) -> tuple[int, int]:
    """`"640x480"`; raises ValueError, for sides that are no multiples of 4, the largest scale, too."""
    width, height = (int(side) for side in text.split("x"))
    if min(width, height) < 16 or width % 4 or height % 4:
        raise ValueError(text)
    return width, height


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="eval.gpu", description="Frames per second that a GPU restores.")
    parser.add_argument("--model", default=registry.DEFAULT, help="default: %(default)s")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu to see that all of it works")
    parser.add_argument("--size", type=size, default=FULL, metavar="WxH", help="of a restored frame (%(default)s)")
    parser.add_argument("--photo", type=size, default=PHOTO, metavar="WxH", help="of a restored photo (%(default)s)")
    parser.add_argument("--photos", type=int, default=24, help="in a batch (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=5, help="of each row's timing (default: %(default)s)")
    parser.add_argument("--compiler", default="inductor", help="of torch.compile (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True)
    told = sys.argv[1:] if argv is None else argv
    args = parser.parse_args(told)
    try:
        if args.device == "cuda" and not torch.cuda.is_available():
            parser.error("torch finds no CUDA device here: run it where there is one, or give --device cpu")
        check_free(args.out, force=True)
        return 0 if measure(args, told) else 1
    except codec.CodecError as error:
        parser.error(str(error))


if __name__ == "__main__":
    sys.exit(main())
