"""The networks by name. A weight file carries its own configuration; these are what training starts from."""

from dataclasses import replace

from codec.models import hcflow_config
from codec.models.config import SAINConfig
from codec.models.systems import NetworkConfig

_DENSE = dict.fromkeys("FGH", "dense-32")
_FOLDED = {"F": "folded-64x2", "G": "folded-64x2", "H": "folded-32x0"}
_NARROW = {"F": "folded-48x2", "G": "folded-48x2", "H": "folded-16x0"}
_X4 = ((_NARROW,), (_NARROW,) * 3)
_ENHANCED = {"E": "dense-32", **_DENSE}

_FULL_SIZE = SAINConfig(levels=(({"E": "folded-64x4"},),), latent="conditional:folded-96x10", modulated=True, kept=True)

CONFIGS: dict[str, NetworkConfig] = {
    # ours, scale 1: a light encoder, whose work no decoder has to undo
    "sain-x1-lite": _FULL_SIZE,
    "sain-x1-psnr": _FULL_SIZE,
    # behind other formats' own encoders, which an encoder network would have to know
    "sain-x1-modern": replace(_FULL_SIZE, levels=((),)),
    # ours: one cheap vanilla block lets the encoder's E see the low band too; the decoder's work is the latent's
    "sain-x2-lite": SAINConfig(
        levels=(({"G": "folded-64x2"}, {"E": "folded-64x4"}),),
        latent="conditional:folded-64x10",
        modulated=True,
    ),
    # the same at the paper's size: wide layers are what the matrix units of CPUs and GPUs are best at
    "sain-x2-base": SAINConfig(
        levels=(({"G": "folded-64x2"}, {"E": "folded-96x4"}),),
        latent="conditional:folded-128x10",
        modulated=True,
    ),
    # 45 high bands, and a sixteenth of the pixels: wider layers at the price of x2's
    "sain-x4-lite": SAINConfig(
        levels=((), ({"G": "folded-64x2"}, {"E": "folded-96x4"})),
        latent="conditional:folded-128x8",
        modulated=True,
    ),
    # the paper's (its table 1 networks): 5 + 3 blocks on one Haar level, 10 + 6 on two
    "sain-x2-paper": SAINConfig(levels=((_ENHANCED,) * 5 + (_DENSE,) * 3,), latent="mixture-5"),
    "sain-x4-paper": SAINConfig(levels=((), (_ENHANCED,) * 10 + (_DENSE,) * 6), latent="mixture-5"),
    # IRN (ECCV 2020): eight vanilla blocks behind each Haar level
    "irn-x2-paper": SAINConfig(levels=((_DENSE,) * 8,), latent="zero"),
    "irn-x4-paper": SAINConfig(levels=((_DENSE,) * 8, (_DENSE,) * 8), latent="zero"),
    # the same mechanism for one CPU core: fewer blocks, wide subnets on folded pixels
    "irn-x2": SAINConfig(levels=((_FOLDED,) * 4,), latent="zero"),
    "irn-x4": SAINConfig(levels=_X4, latent="zero"),
    # IRN with its compression restore module (IJCV 2022)
    "irn-crm-x2": SAINConfig(levels=((_FOLDED,) * 4,), latent="crm:folded-48x4"),
    # DLV-IRN (ACM MM 2022): a second latent, for the downscaling
    "dlv-irn-x4": SAINConfig(levels=_X4, latent="zero", dual=True),
    # HCFlow (ICCV 2021)
    "hcflow-x4-paper": hcflow_config.PAPER,
    "hcflow-x4": hcflow_config.LITE,
}
