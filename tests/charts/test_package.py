"""The packaged chart, and copies of the chart that lost something."""

import shutil
import tarfile
from pathlib import Path

import pytest

from safelight_local import paths
from tests.support.chart import REQUIRED, Helm, HelmError


def test_lint_finds_nothing(helm: Helm) -> None:
    printed = helm("lint", "--strict", str(helm.chart), values=REQUIRED)
    assert "0 chart(s) failed" in printed
    assert "WARNING" not in printed


def test_the_package_holds_the_definitions_byte_for_byte(helm: Helm, tmp_path: Path) -> None:
    helm("package", str(helm.chart), f"--destination={tmp_path}")
    (package,) = tmp_path.glob("safelight-*.tgz")
    with tarfile.open(package) as archive:
        archive.extractall(tmp_path, filter="data")
    packed = tmp_path / "safelight" / "files" / "crds"
    assert not packed.is_symlink()
    ours = {path.name: path.read_bytes() for path in paths.CRDS.glob("*.yaml")}
    assert {path.name: path.read_bytes() for path in packed.glob("*.yaml")} == ours
    assert len(ours) == 2
    rendered = helm.template(chart=package)
    assert "CustomResourceDefinition" in rendered.kinds()


def test_a_copy_without_definitions_says_so_instead_of_installing_half(
    helm: Helm,
    tmp_path: Path,
) -> None:
    """What tools do that drop symbolic links."""
    copy = tmp_path / "safelight"
    shutil.copytree(paths.CHART, copy, ignore=shutil.ignore_patterns("crds"))
    with pytest.raises(HelmError, match="has no custom resource definitions"):
        helm.template(chart=copy)
    kinds = helm.template({"crds.enabled": False}, chart=copy).kinds()
    assert "Deployment" in kinds
    assert "CustomResourceDefinition" not in kinds


def test_an_old_kubernetes_is_refused(helm: Helm) -> None:
    with pytest.raises(HelmError, match=r"requires kubeVersion: >=1\.31"):
        helm("template", "safelight", str(helm.chart), "--kube-version=1.30.5", values=REQUIRED)
