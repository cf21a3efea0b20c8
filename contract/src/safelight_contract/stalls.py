"""Why an upload stalls: what an administrator has to look at. A closed list, like the failures."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Stall(StrEnum):
    """Reasons of condition Stalled."""

    IMAGE_PULL_FAILED = "ImagePullFailed"
    CONFIG_ERROR = "ConfigError"
    UNSCHEDULABLE = "Unschedulable"
    POD_MISSING = "PodMissing"
    QUOTA_EXCEEDED = "QuotaExceeded"
    JOB_REFUSED = "JobRefused"
    STORAGE_FORBIDDEN = "StorageForbidden"
    STORAGE_UNAVAILABLE = "StorageUnavailable"


STALL_MESSAGES: Final[Mapping[Stall, str]] = {
    Stall.IMAGE_PULL_FAILED: "The image of the processor cannot be pulled."
    " Look at kubectl describe pod, image.registry and image.pullSecrets.",
    Stall.CONFIG_ERROR: "The pod's container cannot be created as it is configured."
    " Look at kubectl describe pod.",
    Stall.UNSCHEDULABLE: "No node has room for the pod, or none fits."
    " Look at kubectl describe pod, then at the nodes and processor.memory.",
    Stall.POD_MISSING: "The cluster has not created the Job's pod: a quota or policy may refuse it."
    " Look at kubectl describe job.",
    Stall.QUOTA_EXCEEDED: "A quota of the namespace allows no further Job now."
    " Look at kubectl describe resourcequota.",
    Stall.JOB_REFUSED: "The API server refuses the Job: an admission policy or a missing right."
    " The Event and the operator's log have its words.",
    Stall.STORAGE_FORBIDDEN: "The object storage refuses access."
    " Look at the credentials and at the policy of the bucket.",
    Stall.STORAGE_UNAVAILABLE: "The object storage cannot be reached, or not used."
    " Look at the storage, the bucket and the network policies.",
}
"""What is wrong and where to look; no text from outside ever enters a status."""
