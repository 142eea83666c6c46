"""Networks from their configurations."""

from codec.models.hcflow import HCFlow
from codec.models.hcflow_config import HCFlowConfig
from codec.models.restorer import FullSizeNet
from codec.models.sain import SAINet
from codec.models.systems import NetworkConfig

Net = SAINet | FullSizeNet | HCFlow


def make_network(config: NetworkConfig) -> Net:
    """With random weights; all kinds have `downscale`, `upscale`, `forward` and `inverse`."""
    if isinstance(config, HCFlowConfig):
        return HCFlow(config)
    return FullSizeNet(config) if config.kept else SAINet(config)
