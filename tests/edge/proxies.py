"""Proxies in front of the API as people run them, each on ports of 127.0.0.1 of its own.

Each keeps its connections to the API and gives them to whoever comes next: that is what makes a
body that is read as a request one client's weapon against another. One thread or worker each, so
that all clients share one pool; time-outs far above what a busy machine needs.
"""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from safelight_local import processes
from safelight_local.control_plane import free_ports
from safelight_local.processes import Daemon
from tests.edge.programs import Program, Programs

READY_WITHIN: Final = 30.0
DIRECT: Final = "direct"
WAYS: Final = (
    DIRECT,
    "nginx",
    "nginx-unbuffered",
    "haproxy-safe",
    "haproxy-always",
    "caddy",
    "go",
)
"""How a client can reach the API; `direct` is without a proxy."""


@dataclass(frozen=True, slots=True)
class Way:
    """An address that leads to the API."""

    name: str
    host: str
    port: int

    @property
    def url(self) -> str:
        """The start of every URL."""
        return f"http://{self.host}:{self.port}"


def nginx_configuration(upstream: str, ports: dict[str, int], directory: Path) -> str:
    """Return nginx's configuration with the values that ingress-nginx gives it.

    Those of its template and its defaults (docs/user-guide/nginx-configuration/configmap.md):
    `upstream-keepalive-connections` 320, `-timeout` 60, `-requests` 10000, `-time` 1h;
    `proxy-buffering` off; `proxy-request-buffering` on, which an annotation turns off.
    """
    servers = "\n".join(
        f"""
  upstream {name} {{
    server {upstream};
    keepalive 320; keepalive_time 1h; keepalive_timeout 60s; keepalive_requests 10000;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://{name};
      proxy_http_version 1.1;
      proxy_request_buffering {"off" if name.endswith("unbuffered") else "on"};
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header X-Request-ID $request_id;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Port $server_port;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Scheme $scheme;
      proxy_set_header X-Scheme $scheme;
      proxy_set_header X-Original-Forwarded-For $http_x_forwarded_for;
      proxy_set_header Proxy "";
      proxy_connect_timeout 30s; proxy_send_timeout 60s; proxy_read_timeout 60s;
      proxy_buffering off; proxy_buffer_size 4k; proxy_buffers 4 4k;
      proxy_max_temp_file_size 1024m;
      proxy_cookie_domain off; proxy_cookie_path off; proxy_redirect off;
      proxy_next_upstream error timeout; proxy_next_upstream_tries 3;
    }}
  }}"""
        for name, port in ports.items()
    )
    folders = "\n  ".join(
        f"{name}_temp_path {directory / name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""
daemon off; master_process off; pid {directory / "pid"};
events {{ multi_accept on; worker_connections 4096; }}
http {{
  access_log {directory / "access.log"};
  {folders}
  server_tokens off; reset_timedout_connection on; tcp_nopush on; gzip off;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  keepalive_timeout 75s; keepalive_requests 1000;
  client_header_buffer_size 1k; client_header_timeout 60s; large_client_header_buffers 4 8k;
  client_body_buffer_size 8k; client_body_timeout 60s; client_max_body_size 30m;
  {servers}
}}
"""


def haproxy_configuration(upstream: str, ports: dict[str, int]) -> str:
    """Return HAProxy's configuration: for each name, the policy after the dash."""
    parts = "\n".join(
        f"""
frontend {name}
  bind 127.0.0.1:{port}
  default_backend {name}
backend {name}
  http-reuse {name.partition("-")[2]}
  server api {upstream}
"""
        for name, port in ports.items()
    )
    return f"""
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 30s
  timeout client 60s
  timeout server 60s
  timeout http-request 60s
  timeout http-keep-alive 60s
{parts}
"""


def caddy_configuration(upstream: str, port: int) -> str:
    """Return Caddy's configuration: `reverse_proxy` as it comes, without TLS."""
    proxy = {"handler": "reverse_proxy", "upstreams": [{"dial": upstream}]}
    server = {
        "listen": [f"127.0.0.1:{port}"],
        "automatic_https": {"disable": True},
        "routes": [{"handle": [proxy]}],
    }
    return json.dumps(
        {
            "admin": {"disabled": True, "config": {"persist": False}},
            "apps": {"http": {"servers": {"edge": server}}},
        }
    )


@contextmanager
def started(upstream: str, directory: Path, programs: Programs) -> Iterator[dict[str, Way]]:
    """Run all proxies in front of the API at `upstream`, a host and a port; end them after.

    Their logs stay in `directory`.
    """
    host, _, api_port = upstream.partition(":")
    ports = dict(zip(WAYS[1:], free_ports(len(WAYS) - 1), strict=True))
    ways = {name: Way(name, "127.0.0.1", port) for name, port in ports.items()}
    daemons = list(_daemons(upstream, directory, ports, programs))
    try:
        for daemon in daemons:
            processes.ensure(daemon)
        for name, port in ports.items():
            daemon = next(each for each in daemons if name.startswith(each.name))
            processes.wait_ready(daemon, partial(_listens, port), READY_WITHIN)
        yield {DIRECT: Way(DIRECT, host, int(api_port)), **ways}
    finally:
        for daemon in daemons:
            processes.stop_daemon(daemon)


def _daemons(
    upstream: str, directory: Path, ports: dict[str, int], programs: Programs
) -> Iterator[Daemon]:
    def daemon(name: str, program: Program, *arguments: str, **variables: str) -> Daemon:
        return Daemon(
            name=name,
            command=(str(program.path), *arguments),
            owner=directory,
            log=directory / f"{name}.log",
            environment=program.environment | variables,
            bound=True,
        )

    def of(program: str) -> dict[str, int]:
        return {name: port for name, port in ports.items() if name.startswith(program)}

    def written(name: str, text: str) -> str:
        file = directory / name
        file.write_text(text)
        return str(file)

    file = written("nginx.conf", nginx_configuration(upstream, of("nginx"), directory))
    yield daemon("nginx", programs.nginx, "-p", str(directory), "-e", "stderr", "-c", file)
    file = written("haproxy.cfg", haproxy_configuration(upstream, of("haproxy")))
    yield daemon("haproxy", programs.haproxy, "-db", "-f", file)
    file = written("caddy.json", caddy_configuration(upstream, ports["caddy"]))
    home = str(directory)
    yield daemon("caddy", programs.caddy, "run", "--config", file, HOME=home, XDG_DATA_HOME=home)
    listen = f"127.0.0.1:{ports['go']}"
    yield daemon("go", programs.reverseproxy, "-listen", listen, "-upstream", f"http://{upstream}")


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
