"""A command line's wishes as a job: checked before ten million files fail of them one by one."""

import hashlib
import json
import os
from argparse import Namespace
from typing import Any

import numpy as np

from codec import carriers, header, scaling
from codec.batch.records import Job
from codec.carriers.base import Options
from codec.command_options import LIMITS, options_of
from codec.encoding import Encoder
from codec.encoding import Job as EncodeJob
from codec.errors import CodecError
from codec.models import registry
from codec.saving import FORMATS, check_suffix
from codec.wish import Wish, whole

REVISION = 1
"""Raise it when the same options and weights lead to better files, worth encoding archives again for."""
YOUNGER = ("downscaler", "tune")
"""Options that came later: left out where they are not given, so that older archives keep their digests."""


def job_of(args: Namespace) -> Job:
    """The job; raises `CodecError` for options that contradict each other or cannot be."""
    whole("workers", 1 if args.workers is None else args.workers, 0, 4096)
    whole("sample", args.sample or 0, 0, 1 << 40)
    if not args.timeout > 0:
        raise CodecError(f"timeout must be a number of seconds above 0, not {args.timeout:g}")
    if not args.verify and (args.sample is not None or args.min_psnr is not None):
        raise CodecError("--sample and --min-psnr go with --verify")
    return _restoring(args) if args.decode or args.verify else _encoding(args)


def _encoding(args: Namespace) -> Job:
    if args.on_stale != "raise":
        raise CodecError("--on-stale goes with --decode")
    options = options_of(args)
    name = args.format or "jpeg"
    suffix = carriers.get(name).suffixes[0]
    wish = Wish.of(*(options[name] for name in ("quality", "max_bytes", "bpp", "psnr")))
    chosen = scaling.models_of(options["scale"], options["model"], options["tune"], name)
    models = [registry.resolve(model) for model in chosen]
    effort = whole("effort", options["effort"], 0, 9)
    for model in models:
        told = Options(subsampling=options["subsampling"], form=args.header)
        more = {"effort": effort, "downscaler": options["downscaler"]}
        Encoder(np.zeros((8, 8, 3), np.uint8), EncodeJob(name, told, options["strip"], model, **more))
    default = {k for k in YOUNGER if options[k] is None}
    decisive = {k: v for k, v in options.items() if k not in LIMITS and k not in default} | vars(wish)
    said = {**decisive, "strip": sorted(options["strip"]), "models": models, "header": args.header, "format": name}
    options |= {"format": name, "header": args.header}
    return Job("encode", *_places(args), suffix, options, _digest({**said, "version": header.VERSION}))


def _restoring(args: Namespace) -> Job:
    given = [k for k, v in options_of(args).items() if k not in LIMITS and v not in (None, 0, [])]
    if given or args.header != "xmp":
        option = (given or ["header"])[0].replace("_", "-")
        raise CodecError(f"--{option} says how to encode: it does not go with --decode or --verify")
    options = {name: getattr(args, name) for name in LIMITS} | {"on_stale": args.on_stale}
    if args.verify:
        return Job("verify", *_places(args), "", options)
    given_suffix = check_suffix(f"x.{args.format or 'png'}")
    suffix = next(suffix for suffix, name in FORMATS.items() if name == FORMATS[given_suffix])
    params = _digest({"decode": suffix, "on_stale": args.on_stale})
    return Job("decode", *_places(args), suffix, options, params)


def _places(args: Namespace) -> tuple[str, str]:
    """SRC and DST as other processes find them."""
    source, target = (p if "://" in p else os.path.abspath(p) for p in (args.source, args.target))
    return source, target


def _digest(said: dict[str, Any]) -> str:
    """Sixteen hex digits that stand for all that decides what an output holds."""
    text = json.dumps({**said, "revision": REVISION}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
