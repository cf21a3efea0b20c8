from collections.abc import Callable
from typing import Any

import pytest

from safelight_operator import manifest
from tests.faults.privileges import privileges
from tests.operator import making

Pod = dict[str, Any]


def pod() -> Pod:
    """Return the Pod that the Job controller makes of an attempt's Job, as far as it matters."""
    job = manifest.job(making.upload(), making.request(), making.PROCESSOR)
    found: Pod = job["spec"]["template"]
    return found


def test_the_pod_of_a_job_has_no_privilege() -> None:
    assert privileges(pod(), making.PROCESSOR.image) == []


def _own(pod: Pod) -> Pod:
    context: Pod = pod["spec"]["containers"][0]["securityContext"]
    return context


SPOILT: list[tuple[str, Callable[[Pod], object]]] = [
    ("hostNetwork", lambda p: p["spec"].update(hostNetwork=True)),
    ("hostPID", lambda p: p["spec"].update(hostPID=True)),
    ("automountServiceAccountToken", lambda p: p["spec"].pop("automountServiceAccountToken")),
    ("volume projected", lambda p: p["spec"].update(volumes=[{"name": "t", "projected": {}}])),
    ("volume secret", lambda p: p["spec"].update(volumes=[{"name": "t", "secret": {}}])),
    ("volume hostPath", lambda p: p["spec"].update(volumes=[{"name": "t", "hostPath": {}}])),
    ("sysctls", lambda p: p["spec"]["securityContext"].update(sysctls=[{"name": "a"}])),
    ("processor: privileged", lambda p: _own(p).update(privileged=True)),
    ("processor: allowPrivilegeEscalation", lambda p: _own(p).pop("allowPrivilegeEscalation")),
    ("processor: may run as root", lambda p: p["spec"]["securityContext"].pop("runAsNonRoot")),
    ("processor: may run as root", lambda p: _own(p).update(runAsUser=0)),
    ("processor: writable root", lambda p: _own(p).pop("readOnlyRootFilesystem")),
    ("processor: no seccomp profile", lambda p: p["spec"]["securityContext"].pop("seccompProfile")),
    ("processor: keeps capabilities", lambda p: _own(p).pop("capabilities")),
    ("processor: adds SYS_ADMIN", lambda p: _own(p)["capabilities"].update(add=["SYS_ADMIN"])),
    ("processor: procMount", lambda p: _own(p).update(procMount="Unmasked")),
    ("processor: hostPort", lambda p: p["spec"]["containers"][0].update(ports=[{"hostPort": 1}])),
    (
        "processor: environment from outside",
        lambda p: p["spec"]["containers"][0].update(envFrom=[{"secretRef": {"name": "a"}}]),
    ),
    ("processor: image evil", lambda p: p["spec"]["containers"][0].update(image="evil")),
]


@pytest.mark.parametrize(("privilege", "spoil"), SPOILT, ids=map(str, range(len(SPOILT))))
def test_every_privilege_is_named(privilege: str, spoil: Callable[[Pod], object]) -> None:
    spoilt = pod()
    spoil(spoilt)
    assert privileges(spoilt, making.PROCESSOR.image) == [privilege]


def test_other_containers_are_looked_at_too() -> None:
    spoilt = pod()
    other = {"name": "other", "image": making.PROCESSOR.image}
    spoilt["spec"]["initContainers"] = [other]
    spoilt["spec"]["ephemeralContainers"] = [{**other, "name": "shell"}]
    found = privileges(spoilt, making.PROCESSOR.image)
    assert {text.split(":")[0] for text in found} == {"other", "shell"}
