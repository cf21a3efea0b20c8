"""The installed chart on the local cluster, with real Jobs in real containers."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from safelight_contract.env import ObjectStoreSettings
from tests.support.bucket import Bucket
from tests.support.client import Client

NODE: Final = Path(sys.executable).with_name("node")
"""Of the wheel that the lock file pins."""
JAVASCRIPT: Final = Path(__file__).parent / "javascript"


@pytest.fixture(scope="session")
def node_modules() -> None:
    """React, a DOM and a JSX compiler, as the lock file pins them."""
    lock = JAVASCRIPT / "package-lock.json"
    installed = JAVASCRIPT / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run(
            [NODE.with_name("npm"), "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
            cwd=JAVASCRIPT,
            env={**os.environ, "PATH": f"{NODE.parent}:{os.environ['PATH']}"},
            check=True,
            capture_output=True,
            timeout=300,
        )
        installed.touch()


@dataclass(frozen=True)
class Cluster:
    """The cluster that the chart is installed in, as an operator with kubectl has it."""

    env: Mapping[str, str]

    @property
    def namespace(self) -> str:
        """Namespace of the release."""
        return self.env["SAFELIGHT_NAMESPACE"]

    def kubectl(self, *arguments: str, seconds: float = 180, document: str | None = None) -> str:
        """Run kubectl in the release's namespace and return what it printed."""
        return self._run("KUBECTL", *arguments, seconds=seconds, document=document)

    def helm(self, *arguments: str, seconds: float = 180, document: str | None = None) -> str:
        """Run Helm in the release's namespace and return what it printed."""
        return self._run("HELM", *arguments, seconds=seconds, document=document)

    def _run(self, program: str, *arguments: str, seconds: float, document: str | None) -> str:
        done = subprocess.run(
            [self.env[program], f"--namespace={self.namespace}", *arguments],
            env={"KUBECONFIG": self.env["KUBECONFIG"], "HOME": "/nonexistent"},
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
            input=document,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def apply(self, manifest: Mapping[str, Any]) -> None:
        """Create a resource, in the namespace that it names."""
        self.kubectl(
            f"--namespace={manifest['metadata']['namespace']}",
            "create",
            "--filename=-",
            document=json.dumps(manifest),
        )

    def get(self, resource: str, name: str) -> dict[str, Any] | None:
        """Return a resource, or None if there is none."""
        text = self.kubectl("get", resource, name, "--ignore-not-found", "--output", "json")
        return json.loads(text) if text else None

    def names(self, resource: str, selector: str = "") -> list[str]:
        """Return the names of all resources of a kind."""
        text = self.kubectl("get", resource, "--selector", selector, "--output", "name")
        return [line.partition("/")[2] for line in text.splitlines()]


@pytest.fixture(scope="session")
def cluster(installation: Mapping[str, str]) -> Cluster:
    """The local cluster, up, with the chart installed."""
    return Cluster(installation)


@pytest.fixture(scope="session")
def client(installation: Mapping[str, str]) -> Iterator[Client]:
    """A client with a token of the installation."""
    with Client(installation["SAFELIGHT_URL"], installation["SAFELIGHT_TOKEN"]) as opened:
        yield opened


@pytest.fixture(scope="session")
def bucket(installation: Mapping[str, str]) -> Bucket:
    """The object storage behind the installation, with the rights of the API and the operator."""
    return Bucket(
        ObjectStoreSettings(
            endpoint=installation["S3_ENDPOINT"],
            bucket=installation["S3_BUCKET"],
            region=installation["S3_REGION"],
            access_key_id=installation["S3_ACCESS_KEY_ID"],
            secret_access_key=installation["S3_SECRET_ACCESS_KEY"],
        )
    )
