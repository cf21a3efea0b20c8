"""What this machine must be and have: Linux, root, and a few Debian packages."""

import os
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from safelight_local import paths, shell
from safelight_local.errors import LocalError
from safelight_local.progress import Progress

PACKAGES: Final = {
    "buildah": "buildah",
    "containerd": "containerd",
    "conntrack": "conntrack",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "iptables": "iptables",
    "openssl": "openssl",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "/etc/ssl/certs/ca-certificates.crt": "ca-certificates",
}
"""For each program or file that is needed: the Debian package that brings it."""
BROWSER: Final = {"chromium": "chromium"}
"""The same for the tests of a page, on top."""
_OR_ELSE: Final = "or install into a cluster that you have: make up KUBE_CONTEXT=name S3_ENDPOINT=…"


def check() -> None:
    """Check that a node can run here.

    Raises:
        LocalError: it cannot; the message says what to do.
    """
    if platform.system() != "Linux":
        raise LocalError(
            f"a Kubernetes node needs Linux, and this is {platform.system()}:"
            f" run it in a Debian 12 virtual machine, {_OR_ELSE}",
        )
    if os.geteuid() != 0:
        raise LocalError(f"a Kubernetes node needs root: run `sudo make up`, {_OR_ELSE}")


def missing(packages: Mapping[str, str] = PACKAGES) -> list[str]:
    """Return the Debian packages whose programs are not here."""
    return sorted(
        package
        for needed, package in packages.items()
        if not (Path(needed).exists() if needed.startswith("/") else shutil.which(needed))
    )


def install_missing(progress: Progress, needed: Mapping[str, str] = PACKAGES) -> None:
    """Install the packages that are missing.

    Args:
        progress: is told each step.
        needed: like `PACKAGES`.

    Raises:
        LocalError: there is no apt-get, or a package could not be installed.
    """
    packages = missing(needed)
    if not packages:
        return
    if not shutil.which("apt-get"):
        raise LocalError(f"install these first (there is no apt-get here): {', '.join(packages)}")
    log = paths.LOGS / "apt.log"
    apt = ("apt-get", "-o", "DPkg::Lock::Timeout=300")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    with progress.step(f"Install {', '.join(packages)}", log):
        # A source that cannot be reached fails the update; whether it matters, the install says.
        shell.run(*apt, "update", log=log, environment=quiet, may_fail=True)
        shell.run(
            *apt,
            "install",
            "--yes",
            "--no-install-recommends",
            *packages,
            log=log,
            environment=quiet,
        )
