import pytest

from safelight_operator import handlers


@pytest.mark.parametrize(
    ("host", "url"),
    [("198.19.0.1", "https://198.19.0.1:443"), ("fd00::1", "https://[fd00::1]:443")],
    ids=["IPv4", "IPv6"],
)
def test_api_server_is_found_without_dns(host: str, url: str) -> None:
    environment = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "443"}

    assert handlers.api_server(environment) == url
