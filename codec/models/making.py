"""Networks from their configurations."""

from codec.models.hcflow import HCFlow
from codec.models.hcflow_config import HCFlowConfig
from codec.models.sain import SAINet
from codec.models.systems import NetworkConfig

Net = SAINet | HCFlow


def make_network(config: NetworkConfig) -> Net:
    """With random weights; both kinds have `downscale`, `upscale`, `forward` and `inverse`."""
    return HCFlow(config) if isinstance(config, HCFlowConfig) else SAINet(config)
