"""`make up` and `make down`: from nothing to a processed photo, and back."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from safelight_local import (
    binaries,
    cache,
    env_file,
    images,
    install,
    machine,
    network,
    object_storage,
    paths,
    sample,
    stack,
)
from safelight_local.install import Installation, Storage
from safelight_local.progress import Progress
from safelight_local.stack import Stack

NODE_PORT: Final = network.NODE_PORTS[0]
URL: Final = f"http://127.0.0.1:{NODE_PORT}"
API: Final[Mapping[str, Any]] = {
    "service": {"type": "NodePort", "nodePort": NODE_PORT},
    # Proxies that are tried out here, on the node or in a pod, may say behind which prefix it is.
    "trustedProxies": [str(network.PODS)],
}
"""The chart's values of the API."""
_API_READY_WITHIN: Final = 60.0
_STEADY_SECONDS: Final = 5.0
"""A new kubelet may call running pods unready for a second or two, once it has got to them."""
_LOCK: Final = Path("/run/lock/safelight-local")


def up(progress: Progress, photo: Path | None = sample.PHOTO) -> dict[str, str]:
    """Have the local cluster run with the chart installed; do only what is not done yet.

    Args:
        progress: is told each step.
        photo: sent through the API in the end; None: nothing is.

    Returns:
        What `local/state/env` says: addresses, the token, and how to reach the cluster.

    Raises:
        LocalError: something is in the way; the message says what to do.
    """
    machine.check()
    with _alone(progress):
        paths.STATE.mkdir(parents=True, exist_ok=True)
        machine.install_missing(progress)
        programs = binaries.ensure(progress)
        local = Stack.of(programs)
        cluster = local.start(progress)
        tags = images.ensure(local.node, progress)
        is_new = local.start_node(cluster, progress)
        local.storage.create_bucket(install.BUCKET)
        installation = Installation(
            cluster=cluster,
            helm=programs / "helm",
            namespace=install.NAMESPACE,
            storage=Storage(
                endpoint=local.storage.endpoint,
                bucket=install.BUCKET,
                region=object_storage.REGION,
                access_key_id=local.storage.access_key_id,
                secret_access_key=local.storage.secret_access_key,
            ),
            images=image_values(tags),
            api=API,
            state=paths.STATE,
        )
        installation.install(progress)
        wait_for_api(installation, URL, progress, steady=_STEADY_SECONDS if is_new else 0.0)
        return finish(installation, URL, paths.STATE / "kubeconfig", photo, progress)


def down(progress: Progress, *, purge: bool) -> None:
    """Stop all that `up` started.

    Args:
        progress: is told each step.
        purge: whether to remove the data, too.

    Raises:
        LocalError: something is in the way; the message says what to do.
    """
    machine.check()
    with _alone(progress):
        with progress.step("Stop the local cluster"):
            stack.stop(paths.STATE)
        if purge:
            with progress.step("Remove its data"):
                stack.purge(paths.STATE)


def wait_for_api(
    installation: Installation, url: str, progress: Progress, *, steady: float = 0.0
) -> None:
    """Wait until the API is ready, and has been for `steady` seconds without a break.

    Raises:
        LocalError: it is not in time.
    """
    with progress.step("Wait for the API"):
        sample.Api(url, installation.token()).wait_ready(_API_READY_WITHIN, steady)


def finish(
    installation: Installation,
    url: str,
    kubeconfig: Path,
    photo: Path | None,
    progress: Progress,
) -> dict[str, str]:
    """Note where everything is, send the photo, and tell how to go on.

    Raises:
        LocalError: the photo was not processed.
    """
    variables = _variables(installation, url, kubeconfig)
    cache.write_atomically(
        installation.state / "env",
        env_file.render(variables),
        mode=0o600,
    )
    if photo:
        progress.say(f"\nA photo goes through the API ({photo.name}):")
        api = sample.Api(url, installation.token())
        result = sample.process(api, photo, installation.state / "sample", progress)
        progress.say(f"  the result is {result}")
        progress.say(_farewell(variables, installation.state / "env"))
    return variables


def _variables(installation: Installation, url: str, kubeconfig: Path) -> dict[str, str]:
    storage = installation.storage
    return {
        "SAFELIGHT_URL": url,
        "SAFELIGHT_TOKEN": installation.token(),
        "SAFELIGHT_NAMESPACE": installation.namespace,
        "KUBECONFIG": str(kubeconfig),
        "KUBECTL": str(installation.cluster.kubectl_program),
        "HELM": str(installation.helm),
        "S3_ENDPOINT": storage.endpoint,
        "S3_BUCKET": storage.bucket,
        "S3_REGION": storage.region,
        "S3_ACCESS_KEY_ID": storage.access_key_id,
        "S3_SECRET_ACCESS_KEY": storage.secret_access_key,
    }


def image_values(tags: Mapping[str, str]) -> dict[str, Any]:
    """Return the chart's values for images of this machine, given their tags by name."""
    units = {unit: {"image": {"tag": tag}} for unit, tag in tags.items()}
    return {"image": {"registry": images.REGISTRY}, **units}


def _farewell(variables: Mapping[str, str], file: Path) -> str:
    return f"""
Safelight runs.
  address  {variables["SAFELIGHT_URL"]}
  token    {variables["SAFELIGHT_TOKEN"]}

To look around:
  set -a; . {file}; set +a
  alias k="$KUBECTL -n $SAFELIGHT_NAMESPACE"
  k get imageuploads,availableimages
  k get pods,jobs
  k describe availableimages
  k explain imageupload.spec
  k logs deployment/{install.RELEASE}-operator
"""


@contextmanager
def _alone(progress: Progress) -> Iterator[None]:
    """Let one run after the other: there is one node on a machine, whatever the checkout."""
    with cache.exclusive(_LOCK, lambda: progress.say("  (waits for another `make up` or `down`)")):
        yield
