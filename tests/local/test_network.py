"""The network of the local cluster, where its node runs."""

from pathlib import Path

import pytest

from safelight_local import network

BRIDGE = Path("/sys/class/net") / network.BRIDGE
SET_BY_SOMEBODY = "3"
"""NET_ADDR_SET of Linux: the kernel does not change it by itself."""


@pytest.mark.usefixtures("installation")
def test_the_bridge_keeps_its_address_whatever_hangs_on_it() -> None:
    assert (BRIDGE / "address").read_text().strip() == network.MAC == "0a:58:c6:12:00:01"
    assert (BRIDGE / "addr_assign_type").read_text().strip() == SET_BY_SOMEBODY
