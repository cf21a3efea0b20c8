"""What a Pod of the processor has that it must not have (I17).

The restricted level of the Pod Security standards, written down once more, and on top of it: no
access to the API server, no Secret, and one image.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

Json = Mapping[str, Any]

_VOLUMES: Final = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim"},
)
"""Kinds of volumes that are allowed; `projected` and `secret` can hold tokens and secrets."""
_PROFILES: Final = frozenset({"RuntimeDefault", "Localhost"})


def privileges(pod: Json, image: str | None) -> list[str]:
    """Return what violates the rules, one text for each violation.

    Args:
        pod: the resource.
        image: the only image that it may run; None: any.
    """
    spec = pod["spec"]
    containers = [
        container
        for kind in ("initContainers", "containers", "ephemeralContainers")
        for container in spec.get(kind) or ()
    ]
    found = list(_of_pod(spec))
    for container in containers:
        name, context = container["name"], spec.get("securityContext") or {}
        violations = [*_of_container(container), *_of_context(container, context)]
        if image is not None and container["image"] != image:
            violations.append(f"image {container['image']}")
        found += [f"{name}: {violation}" for violation in violations]
    return found


def _of_pod(spec: Json) -> Iterator[str]:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(field):
            yield field
    if spec.get("automountServiceAccountToken") is not False:
        yield "automountServiceAccountToken"
    for volume in spec.get("volumes") or ():
        for kind in volume.keys() - {"name"} - _VOLUMES:
            yield f"volume {kind}"
    if (spec.get("securityContext") or {}).get("sysctls"):
        yield "sysctls"


def _of_context(container: Json, of_pod: Json) -> Iterator[str]:
    own = container.get("securityContext") or {}
    context = {**of_pod, **own}
    capabilities = own.get("capabilities") or {}
    if own.get("privileged"):
        yield "privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation"
    if context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0:
        yield "may run as root"
    if own.get("readOnlyRootFilesystem") is not True:
        yield "writable root"
    if (context.get("seccompProfile") or {}).get("type") not in _PROFILES:
        yield "no seccomp profile"
    if "ALL" not in (capabilities.get("drop") or ()):
        yield "keeps capabilities"
    if added := set(capabilities.get("add") or ()) - {"NET_BIND_SERVICE"}:
        yield f"adds {', '.join(sorted(added))}"


def _of_container(container: Json) -> Iterator[str]:
    if (container.get("securityContext") or {}).get("procMount", "Default") != "Default":
        yield "procMount"
    if any(port.get("hostPort") for port in container.get("ports") or ()):
        yield "hostPort"
    sources = [variable.get("valueFrom") or {} for variable in container.get("env") or ()]
    if any("secretKeyRef" in source for source in sources) or container.get("envFrom"):
        yield "environment from outside"
