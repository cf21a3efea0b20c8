"""Objects as the definitions allow them, and then with anything anywhere: every reader is total."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from safelight_api import projections, representations
from safelight_api.cache import Cache
from safelight_api.routes.common import encode
from safelight_contract.resources import GROUP, Condition, Progress
from safelight_contract.unreadable import UnreadableError
from safelight_local import paths
from safelight_operator import owners, world
from safelight_operator.aside import Aside
from safelight_operator.decide import Rules, decide
from safelight_operator.slim import slim
from safelight_operator.sweep import Sight, Tally
from safelight_operator.world import World
from tests.operator import making as operator_making

ID = "11111111-1111-4111-8111-111111111111"
RULES = Rules.of(3600, 60)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
BOUNDED = settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
"""The same examples in each run, and no more than a few seconds of them."""

TIMES = st.sampled_from(
    [
        "2026-11-24T12:00:00Z",
        "2016-12-31T23:59:60Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "9999-12-31T23:59:59Z",
        "99999-01-01T00:00:00Z",
        "9998-12-31T23:59:59.999999999Z",
        "1970-01-01T00:00:00Z",
        "2026-11-24",
    ]
)
TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["", "\ud800", "a\udfffb", "\x00", "x" * 300_000, "\N{PILE OF POO}" * 99]),
    TIMES,
)
NUMBERS = st.one_of(
    st.integers(), st.floats(), st.sampled_from([2**63, -(2**64), 10**400, float("inf")])
)


def deep(levels: int) -> Any:  # noqa: ANN401 - JSON of any shape
    """Return lists within lists."""
    made: Any = "x"
    for _ in range(levels):
        made = [made]
    return made


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    NUMBERS,
    TEXTS,
    st.lists(st.one_of(st.none(), TEXTS, NUMBERS), max_size=3),
    st.dictionaries(TEXTS, st.one_of(st.none(), TEXTS, NUMBERS), max_size=3),
    st.sampled_from([deep(10_000), {"type": "Succeeded"}, [{}], [[]]]),
)


def definitions() -> dict[str, Mapping[str, Any]]:
    """Return the schema of each of our kinds."""
    found = {}
    for path in sorted(paths.CRDS.glob("*.yaml")):
        definition = yaml.safe_load(path.read_text())
        kind = definition["spec"]["names"]["kind"]
        found[kind] = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


DEFINITIONS = definitions()
WORD = "^[A-Z][A-Za-z]*$"
"""The pattern of the types and reasons of conditions."""
WORDS = [*Condition, *Progress, "CorruptImage", "Unknown"]


def of_schema(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one for each type
    """Return what a schema allows, as far as patterns do not narrow it."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "object" if "additionalProperties" in schema:
            return st.dictionaries(
                st.text("abc_", min_size=1, max_size=5),
                of_schema(schema["additionalProperties"]),
                max_size=3,
            )
        case "object":
            required = set(schema.get("required", ()))
            parts = {name: of_schema(part) for name, part in schema.get("properties", {}).items()}
            return st.fixed_dictionaries(
                {name: part for name, part in parts.items() if name in required},
                optional={name: part for name, part in parts.items() if name not in required},
            )
        case "array":
            return st.lists(of_schema(schema["items"]), max_size=min(schema.get("maxItems", 3), 3))
        case "integer":
            return st.integers(schema.get("minimum", 0), schema.get("maximum", 2**63 - 1))
        case "boolean":
            return st.booleans()
    if schema.get("format") == "date-time":
        return TIMES
    if schema.get("pattern") == WORD:
        return st.sampled_from(WORDS)
    if "pattern" in schema:
        return st.from_regex(schema["pattern"], fullmatch=True).map(
            lambda text: text[: schema.get("maxLength", 100)]
        )
    return st.text(max_size=20)


METADATA = st.fixed_dictionaries(
    {
        "name": st.one_of(st.just(ID), st.just("no-id")),
        "uid": st.just("a-uid"),
        "resourceVersion": st.sampled_from(["1", "18446744073709551615", "0"]),
        "creationTimestamp": st.just("2026-11-24T12:00:00Z"),
    },
    optional={
        "deletionTimestamp": TIMES,
        "finalizers": st.lists(TEXTS, max_size=2),
        "labels": st.dictionaries(TEXTS, TEXTS, max_size=2),
        "managedFields": ANYTHING,
        "ownerReferences": st.lists(
            st.fixed_dictionaries(
                {"controller": st.booleans(), "uid": TEXTS},
                optional={"kind": st.just("ImageUpload"), "apiVersion": st.just(f"{GROUP}/v1")},
            ),
            max_size=2,
        ),
        "annotations": st.dictionaries(
            st.sampled_from([f"{GROUP}/{word}" for word in ("updated-at", "retry", "uploaded-by")]),
            TEXTS,
        ),
    },
)


def resources(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects of a kind that the API server may take."""
    schema = DEFINITIONS[kind]["properties"]
    return st.fixed_dictionaries(
        {
            "apiVersion": st.just(f"{GROUP}/v1alpha1"),
            "kind": st.just(kind),
            "metadata": METADATA,
            "spec": of_schema(schema["spec"]),
        },
        optional={"status": of_schema(schema["status"])},
    )


CONDITIONS = st.lists(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("type", "status", "reason", "lastTransitionTime"), TEXTS)
    ),
    max_size=3,
)
JOBS = st.fixed_dictionaries(
    {
        "metadata": METADATA.map(
            lambda metadata: (
                metadata
                | {
                    "name": f"safelight-{ID}-1",
                    "ownerReferences": [
                        {
                            "apiVersion": f"{GROUP}/v1alpha1",
                            "kind": "ImageUpload",
                            "name": ID,
                            "uid": "a-uid",
                            "controller": True,
                        }
                    ],
                }
            )
        )
    },
    optional={
        "status": st.fixed_dictionaries(
            {},
            optional={
                "conditions": CONDITIONS,
                "startTime": TIMES,
                "active": st.integers(0, 2**31 - 1),
                "ready": st.integers(0, 2**31 - 1),
            },
        )
    },
)
PODS = st.fixed_dictionaries(
    {"metadata": METADATA},
    optional={
        "status": st.fixed_dictionaries(
            {},
            optional={
                "conditions": CONDITIONS,
                "containerStatuses": st.lists(
                    st.fixed_dictionaries({"name": st.just("processor"), "state": ANYTHING}),
                    max_size=2,
                ),
            },
        )
    },
)
UPLOADS, IMAGES = resources("ImageUpload"), resources("AvailableImage")


@st.composite
def spoilt(draw: st.DrawFn, whole: st.SearchStrategy[dict[str, Any]]) -> Any:  # noqa: ANN401 - JSON of any shape
    """Return an object of which one part is anything, or not there."""
    resource = draw(whole)
    at: Any = resource
    for _ in range(draw(st.integers(0, 4))):
        inner = [key for key, value in _parts(at) if isinstance(value, dict | list) and value]
        if not inner:
            break
        at = at[draw(st.sampled_from(inner))]
    keys = [key for key, _ in _parts(at)]
    if not keys:
        return draw(ANYTHING)
    key = draw(st.sampled_from(keys))
    if draw(st.booleans()) and isinstance(at, dict):
        del at[key]
    else:
        at[key] = draw(ANYTHING)
    return resource


def _parts(of: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401 - JSON of any shape
    return list(of.items()) if isinstance(of, dict) else list(enumerate(of))


def readable_or_not(read: Callable[[Any], Any], resource: object) -> Any:  # noqa: ANN401 - of any kind
    """Return what a reader makes of an object; None: it cannot be read, with a fit reason."""
    try:
        return read(resource)
    except UnreadableError as error:
        reason = str(error)
        assert 0 < len(reason) < 250
        reason.encode()
        Aside().put("ImageUpload", resource if isinstance(resource, dict) else {}, error)
        return None


@BOUNDED
@given(st.one_of(UPLOADS, spoilt(UPLOADS)))
def test_uploads_for_readers_of_the_api(resource: Any) -> None:  # noqa: ANN401 - JSON of any shape
    upload = readable_or_not(projections.Upload.of, resource)
    if upload is None:
        return
    cache = Cache()
    cache.uploads.changed(upload)
    cache.uploads.replace([upload], upload.revision)
    assert cache.all_uploads.newest(0, 1) == [ID]
    encode(representations.upload(upload))


@BOUNDED
@given(st.one_of(IMAGES, spoilt(IMAGES)))
def test_images_for_readers_of_the_api(resource: Any) -> None:  # noqa: ANN401 - JSON of any shape
    image = readable_or_not(projections.Image.of, resource)
    if image is None:
        return
    cache = Cache()
    cache.images.changed(image)
    cache.images.replace([image], image.revision)
    encode(representations.image(image))


@BOUNDED
@given(st.one_of(UPLOADS, spoilt(UPLOADS)), st.one_of(IMAGES, spoilt(IMAGES)), JOBS, PODS)
def test_worlds_for_the_operator(upload: Any, image: Any, job: Any, pod: Any) -> None:  # noqa: ANN401 - JSON of any shape
    """What can be read can also be decided on, now and later."""
    made_upload = readable_or_not(world.Upload.from_dict, slim(upload))
    made_image = readable_or_not(world.Image.from_dict, slim(image))
    assert owners.upload_of(slim(job)) is not None
    made_job = readable_or_not(world.Job.from_dict, slim(job))
    made_pod = readable_or_not(world.Pod.from_dict, slim(pod))
    for now in (NOW, NOW + timedelta(days=365)):
        for images in (None, made_image):
            seen = World(
                ID,
                upload=made_upload,
                image=images,
                jobs=() if made_job is None else (made_job,),
                pods=None if made_pod is None else (made_pod,),
            )
            decide(seen, RULES, now)
        Tally(now, 0.1).add(Sight(ID, image=made_image, unreadable=made_image is None))


@BOUNDED
@given(spoilt(JOBS), spoilt(PODS), ANYTHING)
def test_jobs_and_pods_with_anything_anywhere(job: Any, pod: Any, anything: Any) -> None:  # noqa: ANN401 - JSON of any shape
    for resource in (job, pod, anything):
        kept = slim(resource)
        owners.upload_of(kept)
        owners.is_pod_of(kept, "a-uid")
        readable_or_not(world.Job.from_dict, kept)
        readable_or_not(world.Pod.from_dict, kept)


GOOD_METADATA = {
    "name": ID,
    "uid": "a-uid",
    "resourceVersion": "7",
    "generation": 1,
    "creationTimestamp": "2026-11-24T12:00:00Z",
    "annotations": {f"{GROUP}/updated-at": "2026-11-24T13:00:00Z", f"{GROUP}/retry": "again"},
}
FAILED = {
    "type": "Succeeded",
    "status": "False",
    "reason": "CorruptImage",
    "message": "It is damaged.",
    "lastTransitionTime": "2026-11-24T12:00:00Z",
}
GOOD = {
    "upload": {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "ImageUpload",
        "metadata": GOOD_METADATA,
        "spec": operator_making.SPEC.to_dict(),
        "status": {
            "attempt": 1,
            "jobName": f"safelight-{ID}-1",
            "retryAfter": "2026-11-24T12:00:00Z",
            "observedRetry": "again",
            "retriedAttempts": 0,
            "conditions": [FAILED],
        },
    },
    "image": {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "AvailableImage",
        "metadata": GOOD_METADATA,
        "spec": operator_making.PUBLISHED.to_dict(),
        "status": {"conditions": [FAILED | {"type": "Ready", "status": "True"}]},
    },
}
ODDITIES: list[Any] = [
    None,
    True,
    0,
    -(2**64),
    float("inf"),
    float("nan"),
    "",
    "\ud800",
    "x" * 300_000,
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00+14:00",
    [],
    [None],
    [[]],
    {},
    {"\ud800": None},
    deep(10_000),
]


def places(of: Any, *above: Any) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - JSON of any shape
    """Yield the path of each part of a document."""
    if isinstance(of, dict | list):
        for key, value in _parts(of):
            yield (*above, key)
            yield from places(value, *above, key)


@pytest.mark.parametrize("kind", ["upload", "image"])
def test_each_part_is_odd_in_each_way(kind: str) -> None:
    """Whatever is odd about one part: what is read can be shown, ordered and decided on."""
    text = json.dumps(GOOD[kind])
    count = 0
    for path in places(GOOD[kind]):
        for oddity in [*ODDITIES, ...]:
            resource = json.loads(text)
            at = resource
            for key in path[:-1]:
                at = at[key]
            if oddity is ...:
                del at[path[-1]]
            else:
                at[path[-1]] = oddity
            show(kind, resource)
            count += 1
    assert count > 500


def show(kind: str, resource: Any) -> None:  # noqa: ANN401 - JSON of any shape
    """Do with an object what both units do with those that can be read."""
    if kind == "upload":
        upload = readable_or_not(projections.Upload.of, resource)
        if upload is not None:
            encode(representations.upload(upload))
            encode(representations.status(upload, 0))
            Cache().uploads.changed(upload)
        seen = readable_or_not(world.Upload.from_dict, slim(resource))
        if seen is not None:
            for now in (NOW, NOW + timedelta(days=365)):
                decide(World(ID, upload=seen), RULES, now)
        return
    image = readable_or_not(projections.Image.of, resource)
    if image is not None:
        encode(representations.image(image))
        Cache().images.changed(image)
    found = readable_or_not(world.Image.from_dict, slim(resource))
    if found is not None:
        assert found.objects
        Tally(NOW, 0.1).add(Sight(ID, image=found))
        decide(World(ID, image=found, removed=True), RULES, NOW)


def test_the_definitions_are_understood() -> None:
    """Most of what is made of them is what the API server would take, so it can be read."""
    assert set(DEFINITIONS) == {"ImageUpload", "AvailableImage"}
    found = {"read": 0, "odd": 0}

    @BOUNDED
    @given(UPLOADS)
    def look(resource: dict[str, Any]) -> None:
        resource["metadata"] |= {"name": ID, "resourceVersion": "1"}
        for condition in resource.get("status", {}).get("conditions", ()):
            condition["lastTransitionTime"] = "2026-11-24T12:00:00Z"
        json.dumps(resource)
        upload = readable_or_not(projections.Upload.of, resource)
        found["odd" if upload is None else "read"] += 1

    look()
    assert found["read"] > 20, found
    assert found["odd"] == 0, found


@pytest.mark.parametrize(
    "read", [projections.Upload.of, projections.Image.of], ids=["upload", "image"]
)
@pytest.mark.parametrize("resource", [None, 5, "x", [], {}, {"metadata": None}])
def test_what_is_no_object_at_all_is_unreadable(read: Any, resource: object) -> None:  # noqa: ANN401 - readers of two kinds
    with pytest.raises(UnreadableError):
        read(resource)
