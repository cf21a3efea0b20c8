"""Installs the chart into a cluster with Helm, and waits until it serves."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, Final

from safelight_local import cache, paths, shell
from safelight_local.cluster import Cluster
from safelight_local.errors import LocalError
from safelight_local.progress import Progress

RELEASE: Final = "safelight"
NAMESPACE: Final = "safelight"
BUCKET: Final = "safelight"
_TOKENS: Final = "safelight-tokens"
_STORAGE: Final = "safelight-storage"
_CLIENT: Final = "local"
"""The name of the client that the token is for."""
_DEPLOYMENTS: Final = (f"deployment/{RELEASE}-api", f"deployment/{RELEASE}-operator")
_UNFINISHED: Final = "owner=helm,status in (pending-install,pending-upgrade,pending-rollback)"
_READY_WITHIN: Final = "180s"


@dataclass(frozen=True, slots=True)
class Storage:
    """The bucket that the installation uses, and with whose rights."""

    endpoint: str
    bucket: str
    region: str
    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Installation:
    """One installation: where to, with which images and which storage."""

    cluster: Cluster
    helm: Path
    namespace: str
    storage: Storage
    images: Mapping[str, Any]
    """The chart's values that say which images."""
    api: Mapping[str, Any]
    """The chart's values of the API, but for its image."""
    state: Path
    """The folder for what is remembered: the token, Helm's files, the log."""

    @property
    def log(self) -> Path:
        """What Helm and the roll-out said."""
        return self.state / "logs" / "install.log"

    def token(self) -> str:
        """Return the token of this installation, the same every time."""
        file = self.state / "token"
        if not file.is_file():
            cache.write_atomically(file, token_urlsafe(32), mode=0o600)
        return file.read_text()

    def values(self) -> dict[str, Any]:
        """Return the chart's values; what they do not name is the chart's default."""
        values = {
            "objectStorage": {
                "endpoint": self.storage.endpoint,
                "bucket": self.storage.bucket,
                "region": self.storage.region,
                "existingSecret": _STORAGE,
            },
            "tokens": {"existingSecret": _TOKENS},
            "api": dict(self.api),
        }
        return merged(values, self.images)

    def install(self, progress: Progress) -> None:
        """Install or upgrade, and wait for the roll-out.

        Raises:
            LocalError: Helm failed, or the pods did not get ready; the message says which and why.
        """
        with progress.step(f"Install the chart into namespace {self.namespace}", self.log):
            self.cluster.apply(namespace(self.namespace))
            self.cluster.apply(*self.secrets())
            self._helm()
        with progress.step("Wait for the pods", self.log):
            self._wait()

    def uninstall(self) -> None:
        """Remove the release; its custom resource definitions and all images stay.

        Raises:
            LocalError: Helm failed.
        """
        self._run_helm("uninstall", RELEASE, "--ignore-not-found", "--wait")

    def secrets(self) -> list[dict[str, Any]]:
        """Return the Secrets that the chart expects: the token's hash, the storage's account."""
        contents = {
            _TOKENS: {_CLIENT: hashlib.sha256(self.token().encode()).hexdigest()},
            _STORAGE: {
                "access-key-id": self.storage.access_key_id,
                "secret-access-key": self.storage.secret_access_key,
            },
        }
        return [
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": self.namespace},
                "stringData": content,
            }
            for name, content in contents.items()
        ]

    def _helm(self) -> None:
        # A Helm that was killed leaves a revision that makes every later one refuse to begin.
        self.cluster.kubectl("-n", self.namespace, "delete", "secret", "-l", _UNFINISHED)
        values = self.state / "values.json"
        cache.write_atomically(values, json.dumps(self.values(), indent=2) + "\n")
        arguments = (f"--values={values}", "--history-max=3")
        self._run_helm("upgrade", "--install", RELEASE, str(paths.CHART), *arguments)

    def _run_helm(self, *arguments: str) -> None:
        context = (f"--kube-context={self.cluster.context}",) if self.cluster.context else ()
        homes = {
            f"HELM_{name}_HOME": str(self.state / "helm") for name in ("CACHE", "CONFIG", "DATA")
        }
        shell.run(
            self.helm,
            *context,
            f"--namespace={self.namespace}",
            *arguments,
            log=self.log,
            environment={"KUBECONFIG": str(self.cluster.kubeconfig), **homes},
        )

    def _wait(self) -> None:
        try:
            for deployment in _DEPLOYMENTS:
                self.cluster.kubectl(
                    f"--namespace={self.namespace}",
                    "rollout",
                    "status",
                    deployment,
                    f"--timeout={_READY_WITHIN}",
                    log=self.log,
                )
        except LocalError as error:
            raise LocalError(f"{error}\n{self._symptoms()}") from error

    def _symptoms(self) -> str:
        look = (
            ("get", "pods", "-o", "wide"),
            ("get", "events", "--field-selector=type=Warning", "--sort-by=.lastTimestamp"),
            ("logs", "--selector=app.kubernetes.io/part-of=safelight", "--tail=20", "--prefix"),
        )
        return "\n".join(self._seen(*arguments) for arguments in look)

    def _seen(self, *arguments: str) -> str:
        try:
            return self.cluster.kubectl(f"--namespace={self.namespace}", *arguments)
        except LocalError as error:
            return str(error)


def namespace(name: str) -> dict[str, Any]:
    """Return the namespace, which allows only pods of the restricted Pod Security Standard."""
    standard = "pod-security.kubernetes.io"
    labels = {f"{standard}/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Return two nested mappings as one; where both have a value, the second one's."""
    result = dict(first)
    for name, value in second.items():
        old = result.get(name)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = merged(old, value)  # noqa: PLW2901 - the merged value takes its place
        result[name] = value
    return result
