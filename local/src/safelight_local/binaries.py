"""The programs of the local cluster: one Go build from local/binaries, kept in the cache.

Kubernetes, etcd and kubectl are one file that acts as the component it is called by, so each has a
symbolic link beside it. go.mod and go.sum pin every module.
"""

import os
import subprocess
from pathlib import Path
from typing import Final

from safelight_local import cache, go, paths
from safelight_local.errors import LocalError
from safelight_local.progress import Progress

SOURCES: Final = paths.LOCAL / "binaries"
KUBERNETES_VERSION: Final = "1.37.2"
COMPONENTS: Final = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
)
TOOLS: Final = (
    "helm.sh/helm/v3/cmd/helm",
    "github.com/versity/versitygw/cmd/versitygw",
    "github.com/yannh/kubeconform/cmd/kubeconform",
)


def _link_flags() -> str:
    major, minor, _ = KUBERNETES_VERSION.split(".")
    version = "k8s.io/component-base/version"
    return (
        f"-s -w -X {version}.gitVersion=v{KUBERNETES_VERSION}"
        f" -X {version}.gitMajor={major} -X {version}.gitMinor={minor}"
    )


def directory() -> Path:
    """Return where the programs of these sources are, or will be once they are built."""
    key = cache.content_key(
        SOURCES,
        [SOURCES],
        _link_flags(),
        *TOOLS,
        *COMPONENTS,
        os.uname().machine,
    )
    return paths.cache_directory() / "binaries" / key


def ensure(progress: Progress) -> Path:
    """Build the programs unless the cache has them; return their folder.

    The first build takes about nine minutes on two cores; `logs/binaries.log` in the cache has the
    compiler's output.

    Raises:
        LocalError: there is no Go compiler and none could be installed, or the build failed.
    """
    target = directory()
    if target.is_dir():
        return target
    log = paths.cache_directory() / "logs" / "binaries.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    compiler = go.ensure(go.wanted(SOURCES), progress)
    title = f"Build Kubernetes {KUBERNETES_VERSION}, etcd, helm and the S3 server (once, ~10 min)"
    with progress.step(title, log):
        return cache.made_once(target, lambda unfinished: _build(compiler, unfinished, log))


def _build(compiler: Path, target: Path, log: Path) -> None:
    build = [str(compiler), "build", "-v", "-trimpath", "-buildvcs=false"]
    main = [*build, "-ldflags", _link_flags(), "-o", f"{target}/", ".", *TOOLS]
    pause = [*build, "-ldflags", "-s -w", "-o", str(target / "pause"), "./pause"]
    with log.open("w") as output:
        for command, variables in ((main, {}), (pause, {"CGO_ENABLED": "0"})):
            ended = subprocess.run(
                command,
                cwd=SOURCES,
                env=os.environ | variables,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            if ended.returncode:
                raise LocalError(f"the Go build failed; its output is in {log}")
    (target / "local").rename(target / "kubernetes")
    for component in COMPONENTS:
        (target / component).symlink_to("kubernetes")
