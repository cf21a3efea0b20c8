"""Where things are: the checkout, the cache that survives it, the state of the local cluster."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[3]
"""The checkout."""
LOCAL: Final = ROOT / "local"
STATE: Final = LOCAL / "state"
"""All that the local cluster writes but its sockets; git ignores it."""
LOGS: Final = STATE / "logs"
ENV_FILE: Final = STATE / "env"
CRDS: Final = ROOT / "crds"
CHART: Final = ROOT / "charts" / "safelight"


def cache_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where slow results are kept: SAFELIGHT_CACHE, or ~/.cache/safelight."""
    chosen = environment.get("SAFELIGHT_CACHE")
    return Path(chosen).resolve() if chosen else Path.home() / ".cache" / "safelight"
