"""Access to a Kubernetes API server: where it is, who one is there, and kubectl."""

import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from safelight_local import cache, shell


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a client needs to know."""

    kubeconfig: Path
    url: str
    token: str = field(repr=False)
    ca_file: Path | None
    kubectl_program: Path
    context: str | None = None
    """The context of the kubeconfig; None: its current one."""

    def kubectl(self, *arguments: str, stdin: str | None = None, log: Path | None = None) -> str:
        """Run kubectl and return its output.

        Args:
            arguments: as on the command line.
            stdin: what it reads from `-f -`.
            log: where its output goes instead.

        Raises:
            LocalError: it failed; the message has its error output.
        """
        context = ("--context", self.context) if self.context else ()
        return shell.run(
            self.kubectl_program,
            *context,
            *arguments,
            stdin=stdin,
            log=log,
            environment={"KUBECONFIG": str(self.kubeconfig)},
        )

    def apply(self, *manifests: object) -> None:
        """Create or update objects, given as dictionaries.

        Raises:
            LocalError: the API server refused one.
        """
        items = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        self.kubectl(
            "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(items)
        )

    def is_ready(self) -> bool:
        """Say whether the API server answers its readiness check."""
        tls = ssl.create_default_context(cafile=self.ca_file)
        request = urllib.request.Request(  # noqa: S310 - the URL is our own API server's
            f"{self.url}/readyz",
            headers={"Authorization": f"Bearer {self.token}"},
        )
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=tls),
        )
        try:
            with opener.open(request, timeout=5) as response:
                return bool(response.status == 200)  # noqa: PLR2004 - HTTP's OK
        except (urllib.error.URLError, OSError):
            return False


def write_kubeconfig(path: Path, url: str, ca_file: Path, token: str) -> bool:
    """Write a kubeconfig of one user; say whether it changed."""
    name = "safelight-local"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": name, "cluster": {"server": url, "certificate-authority": str(ca_file)}},
        ],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    return cache.write_atomically(path, json.dumps(content, indent=2) + "\n", mode=0o600)
