"""Whose certificate the processor takes for the storage's."""

import ssl
import subprocess
from pathlib import Path

import pytest

from safelight_processor.errors import StorageFailed
from tests.processor_image.storing import DATA, Connect, original
from tests.support.scripted_server import Answer, serving


@pytest.fixture
def self_signed(tmp_path: Path) -> Path:
    """Return a file with a key and a certificate for 127.0.0.1 that nobody vouches for."""
    file = tmp_path / "server.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *(
                "-nodes",
                "-days",
                "1",
                "-subj",
                "/CN=test",
                "-addext",
                "subjectAltName=IP:127.0.0.1",
            ),
            *("-keyout", str(file), "-out", str(tmp_path / "certificate.pem")),
        ],
        check=True,
        capture_output=True,
    )
    with file.open("a") as combined:
        combined.write((tmp_path / "certificate.pem").read_text())
    return file


def test_certificate_that_nobody_vouches_for_is_refused(
    connect: Connect, self_signed: Path
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(self_signed)
    with serving([Answer(body=DATA)], tls) as server, pytest.raises(StorageFailed) as caught:
        connect(server.url).fetch(original())
    assert "SSLCertVerificationError" in caught.value.detail
    assert server.received == []


def test_certificate_that_the_system_trusts_is_taken(
    connect: Connect, self_signed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSL_CERT_FILE is how an installation adds its own authority."""
    monkeypatch.setenv("SSL_CERT_FILE", str(self_signed))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(self_signed)
    fetched = original()
    with serving([Answer(body=DATA)], tls) as server:
        connect(server.url).fetch(fetched)
    fetched.verify()
    assert len(server.received) == 1
