import email.policy
import os
import platform
import re
import subprocess
import sys
from email import message_from_bytes
from pathlib import Path

import pytest

from safelight_local import __main__ as commands
from safelight_local import cache, existing, machine, paths, progress, sample, up
from safelight_local.errors import LocalError


@pytest.fixture
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KUBE_CONTEXT", "PHOTO", "PURGE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("plain_environment")
@pytest.mark.parametrize("command", ["up", "down"])
def test_without_root_it_says_what_to_do(
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr("sys.argv", ["safelight-local", command])
    assert commands.main() == 1
    assert "sudo make" in capsys.readouterr().err


def test_without_linux_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    with pytest.raises(LocalError, match=r"Debian 12 virtual machine.*KUBE_CONTEXT=name"):
        machine.check()


def test_without_apt_it_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: None)
    with pytest.raises(LocalError, match=r"no apt-get here\): buildah, conntrack, containerd"):
        machine.install_missing(progress.Progress())


def test_an_existing_cluster_needs_storage_and_images() -> None:
    with pytest.raises(LocalError) as caught:
        existing.up({"KUBE_CONTEXT": "c", "S3_ENDPOINT": "http://s3"}, progress.Progress(), None)
    message = str(caught.value)
    assert message.startswith("set S3_BUCKET, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY, IMAGE_REG")
    for name in re.findall(r"[A-Z][A-Z0-9_]{3,}", message):
        assert name in existing.SETTINGS


def test_two_runs_do_not_meet(tmp_path: Path) -> None:
    """A second `make up` waits, and says so."""
    lock = tmp_path / "lock"
    script = (
        "import sys; from pathlib import Path; from safelight_local import cache\n"
        f"with cache.exclusive(Path({str(lock)!r}), lambda: print('waits', flush=True)):\n"
        "    print('runs', flush=True)"
    )
    command = [sys.executable, "-c", script]
    with cache.exclusive(lock):
        second = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert second.stdout
        assert second.stdout.readline() == "waits\n"
        assert second.poll() is None
    output, _ = second.communicate(timeout=10)
    assert output == "runs\n"


def test_every_verb_is_documented() -> None:
    text = (paths.ROOT / "Makefile").read_text()
    (declared,) = re.findall(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for verb in declared.split():
        assert re.search(rf"^  make {verb} +\S", shown, re.MULTILINE), verb


def test_the_photo_is_sent_as_the_one_part_of_a_form() -> None:
    content = b"\xff\xd8\xff\x00\r\n--x"
    body, content_type = sample.form('a "b".jpg', content, "boundary")
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = message_from_bytes(head + body, policy=email.policy.HTTP)
    (part,) = message.iter_parts()
    assert part["content-disposition"].params == {"name": "file", "filename": "a %22b%22.jpg"}
    assert part.get_content() == content


def test_the_sample_shows_what_the_service_is_for() -> None:
    """It lies on its side, and it tells where it was taken."""
    data = sample.PHOTO.read_bytes()
    assert data.startswith(b"\xff\xd8\xff")
    assert b"Exif\0\0" in data[:64]


def test_the_address_is_the_hosts_own() -> None:
    assert up.URL.startswith("http://127.0.0.1:")
