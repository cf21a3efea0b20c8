"""The images, built on this machine without any registry: base, pause, and our three.

Each is kept in the cache as an archive under the content of what it was built from, and that
key is its tag: an image whose sources have not changed is not built, imported or rolled out again.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from safelight_local import cache, node, paths, shell
from safelight_local.errors import LocalError
from safelight_local.node import Node
from safelight_local.progress import Progress

REGISTRY: Final = "localhost"
"""Where the names of local images start; nothing is ever pulled from it."""
DEBIAN: Final = "bookworm"
_BASE_PACKAGES: Final = "python3,python3-venv,ca-certificates"
_CERTIFICATES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
_DEAD_WEIGHT: Final = ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/lib/apt/lists")
_CONTEXT: Final = ("pyproject.toml", "uv.lock", "local/uv.txt", ".dockerignore", "contract")
_IMAGES_KEPT: Final = 2


@dataclass(frozen=True, slots=True)
class Image:
    """An image of ours: its name, and the folder that has its Dockerfile."""

    name: str
    folder: str
    shared: tuple[str, ...] = ()
    """Folders that it has besides the contract."""

    @property
    def repository(self) -> str:
        """The name without the tag."""
        return f"{REGISTRY}/safelight-{self.name}"


OURS: Final = (
    Image("api", "api", ("adapters",)),
    Image("operator", "operator", ("adapters",)),
    Image("processor", "processor_image"),
)


def tag(image: Image) -> str:
    """Return an image's tag: a key of all that goes into it."""
    inputs = [paths.ROOT / name for name in (*_CONTEXT, *image.shared, image.folder)]
    present = [path for path in inputs if path.exists()]
    return cache.content_key(paths.ROOT, present, _base_key())


def _base_key() -> str:
    return cache.content_key(paths.ROOT, [], DEBIAN, _BASE_PACKAGES, os.uname().machine, "1")


def ensure(machine: Node, progress: Progress) -> dict[str, str]:
    """Have all images in the node's store; build what is missing.

    Returns:
        The tag of each of our images, by its name.

    Raises:
        LocalError: a build failed; the message names its log.
    """
    present = set(machine.ctr("images", "list", "-q").split())
    if node.PAUSE_IMAGE not in present:
        with progress.step("Build the pause image"):
            _import(machine, _pause(machine.binaries))
    tags = {image.name: tag(image) for image in OURS}
    for image in OURS:
        reference = f"{image.repository}:{tags[image.name]}"
        if reference not in present:
            archive = _built(image, tags[image.name], progress)
            with progress.step(f"Import the image {image.name}"):
                _import(machine, archive)
    _prune(machine, present, tags)
    return tags


def _import(machine: Node, archive: Path) -> None:
    machine.ctr("images", "import", archive / "image.tar")


def _prune(machine: Node, present: set[str], tags: dict[str, str]) -> None:
    """Remove images of older sources from the node; running containers keep their files."""
    for image in OURS:
        for reference in present:
            old = reference.startswith(f"{image.repository}:")
            if old and reference != f"{image.repository}:{tags[image.name]}":
                machine.ctr("images", "remove", reference)


def _built(image: Image, key: str, progress: Progress) -> Path:
    target = _archives() / f"{image.name}-{key}"
    if target.is_dir():
        return target
    base = _base(progress)
    log = paths.LOGS / f"build-{image.name}.log"

    def make(unfinished: Path) -> None:
        _build(image, base, key, unfinished / "image.tar", log)
        if tag(image) != key:
            raise LocalError(f"sources of {image.name} changed during its build; run it again")

    with progress.step(f"Build the image {image.name}", log):
        cache.made_once(target, make)
    _forget_old(f"{image.name}-*")
    return target


def _build(image: Image, base: str, key: str, archive: Path, log: Path) -> None:
    reference = f"{image.repository}:{key}"
    certificates = str(_CERTIFICATES)
    # A build that was killed leaves its working container.
    _buildah("rm", "--all")
    _buildah(
        "build",
        "--isolation=chroot",
        "--layers",
        f"--volume={certificates}:{certificates}:ro",
        f"--build-arg=BASE_IMAGE={base}",
        f"--build-arg=SSL_CERT_FILE={certificates}",
        f"--build-arg=PIP_CERT={certificates}",
        f"--file={paths.ROOT / image.folder / 'Dockerfile'}",
        f"--tag={reference}",
        str(paths.ROOT),
        log=log,
    )
    _push(reference, archive, log)


def _push(reference: str, archive: Path, log: Path | None = None) -> None:
    # Unlike OCI's, Docker's archives are not compressed, which would take longer than the rest.
    _buildah("push", reference, f"docker-archive:{archive}:{reference}", log=log)


def _base(progress: Progress) -> str:
    """Return the reference of the base image, which buildah then has."""
    key = _base_key()
    reference = f"{REGISTRY}/safelight-base:{key}"
    log = paths.LOGS / "debootstrap.log"
    if not _buildah("images", "--quiet", "--filter", f"reference={reference}").strip():
        with progress.step("Make a base image of Debian and Python (once)", log):
            target = _archives() / f"base-{key}"
            root = cache.made_once(target, lambda folder: _debootstrap(folder, log))
            dockerfile = "FROM scratch\nADD image.tar /\n"
            _buildah("build", "--file=-", f"--tag={reference}", str(root), stdin=dockerfile)
    return reference


def _debootstrap(folder: Path, log: Path) -> None:
    root = folder / "root"
    packages = f"--include={_BASE_PACKAGES}"
    shell.run("debootstrap", "--variant=minbase", packages, DEBIAN, root, log=log)
    for name in (*_DEAD_WEIGHT, "var/cache/apt/archives"):
        shutil.rmtree(root / name, ignore_errors=True)
    for bytecode in root.rglob("__pycache__"):
        shutil.rmtree(bytecode)
    shell.run("tar", "--numeric-owner", "-C", root, "-cf", folder / "image.tar", ".", log=log)
    shutil.rmtree(root)


def _pause(programs: Path) -> Path:
    def make(unfinished: Path) -> None:
        shutil.copy(programs / "pause", unfinished / "pause")
        dockerfile = 'FROM scratch\nCOPY pause /pause\nUSER 65535\nENTRYPOINT ["/pause"]\n'
        arguments = ("--file=-", f"--tag={node.PAUSE_IMAGE}", str(unfinished))
        _buildah("build", "--isolation=chroot", *arguments, stdin=dockerfile)
        _push(node.PAUSE_IMAGE, unfinished / "image.tar")

    return cache.made_once(_archives() / f"pause-{programs.name}", make)


def _archives() -> Path:
    return paths.cache_directory() / "images"


def _forget_old(pattern: str) -> None:
    found = sorted(_archives().glob(pattern), key=lambda path: path.stat().st_mtime)
    for archive in found[:-_IMAGES_KEPT]:
        shutil.rmtree(archive, ignore_errors=True)


def _buildah(*arguments: str, log: Path | None = None, stdin: str | None = None) -> str:
    storage = (
        f"--root={paths.cache_directory() / 'buildah'}",
        f"--runroot={node.RUNTIME / 'buildah'}",
    )
    return shell.run("buildah", *storage, *arguments, log=log, stdin=stdin)
