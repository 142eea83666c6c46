"""The kinds of network that there are, by their configurations. Knows no torch."""

from typing import Any

from codec.models.config import SAINConfig
from codec.models.hcflow_config import HCFlowConfig

NetworkConfig = SAINConfig | HCFlowConfig


def config_of(data: dict[str, Any]) -> NetworkConfig:
    """Of a weight file's description; SAIN's family came first, and has no `system` in it."""
    return HCFlowConfig.from_json(data) if "system" in data else SAINConfig.from_json(data)
