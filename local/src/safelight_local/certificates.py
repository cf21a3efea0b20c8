"""A small certificate authority, so that every client verifies whom it talks to."""

import ipaddress
import shutil
import subprocess
from pathlib import Path
from typing import Final

from safelight_local import cache
from safelight_local.errors import LocalError

_DAYS: Final = "3650"
_CONFIG: Final = "[req]\ndistinguished_name = name\n[name]\n"


def ensure(target: Path, names: tuple[str, ...]) -> Path:
    """Make a certificate authority and what it signs, once for a list of names.

    The folder has `ca.crt` and `ca.key`, `apiserver.*` (serving certificate for the names),
    `kubelet-client.*` (how the API server shows itself to the kubelet), and `service-account.key`.

    Args:
        target: the folder; made anew when the names have changed.
        names: host names and IP addresses that the API server is reached by.

    Raises:
        LocalError: openssl is missing or failed.
    """
    record = target / "names"
    wanted = "\n".join(names)
    if target.is_dir() and not (record.is_file() and record.read_text() == wanted):
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)

    def make(unfinished: Path) -> None:
        (unfinished / "openssl.cnf").write_text(_CONFIG)
        _openssl(unfinished, "genrsa", "-out", "service-account.key", "2048")
        _certificate(
            unfinished,
            "ca",
            "/CN=safelight-local",
            "basicConstraints=critical,CA:TRUE",
            "keyUsage=critical,keyCertSign,cRLSign",
        )
        _certificate(
            unfinished,
            "apiserver",
            "/CN=kube-apiserver",
            "extendedKeyUsage=serverAuth",
            f"subjectAltName={_alternatives(names)}",
            signed=True,
        )
        _certificate(
            unfinished,
            "kubelet-client",
            "/O=system:masters/CN=kube-apiserver",
            "extendedKeyUsage=clientAuth",
            signed=True,
        )
        (unfinished / record.name).write_text(wanted)

    return cache.made_once(target, make)


def _alternatives(names: tuple[str, ...]) -> str:
    def kind(name: str) -> str:
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return "DNS"
        return "IP"

    return ",".join(f"{kind(name)}:{name}" for name in names)


def _certificate(
    folder: Path,
    name: str,
    subject: str,
    *extensions: str,
    signed: bool = False,
) -> None:
    issuer = ["-CA", "ca.crt", "-CAkey", "ca.key"] if signed else []
    identifiers = ["subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid:always"]
    added = [part for text in (*identifiers, *extensions) for part in ("-addext", text)]
    _openssl(
        folder,
        "req",
        "-x509",
        "-config",
        "openssl.cnf",
        "-days",
        _DAYS,
        "-subj",
        subject,
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-keyout",
        f"{name}.key",
        "-out",
        f"{name}.crt",
        *issuer,
        *added,
    )


def _openssl(folder: Path, *arguments: str) -> None:
    try:
        ended = subprocess.run(
            ["openssl", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise LocalError("openssl is missing; install it with: apt-get install openssl") from error
    if ended.returncode:
        raise LocalError(f"openssl {arguments[0]} failed: {ended.stderr.strip()}")
