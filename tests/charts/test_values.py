"""The values: all of them in the schema, bad ones refused, missing ones named."""

import json
from dataclasses import fields
from typing import Any

import jsonschema
import pytest
import yaml

from safelight_contract import keys, policy
from safelight_contract.recipe import (
    LEAST_QUALITY,
    MAX_FILES,
    MOST_QUALITY,
    SAME,
    Animation,
    ColourSpace,
    Credits,
    Engine,
    Profile,
    Recipe,
    Rendition,
)
from safelight_local import paths
from tests.support.chart import REQUIRED, Helm, HelmError, flat

VALUES: dict[str, Any] = yaml.safe_load((paths.CHART / "values.yaml").read_text())
SCHEMA: dict[str, Any] = json.loads((paths.CHART / "values.schema.json").read_text())
DIGEST = "sha256:" + "0" * 64


def test_the_schema_is_one_and_takes_the_defaults() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(VALUES, SCHEMA, jsonschema.Draft202012Validator)


def test_the_schema_has_exactly_the_values() -> None:
    def names(schema: dict[str, Any], path: str = "") -> set[str]:
        if "$ref" in schema:
            schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
        if "properties" not in schema:
            return {path}
        assert schema["additionalProperties"] is False, path
        return {
            name
            for key, child in schema["properties"].items()
            for name in names(child, f"{path}.{key}".lstrip("."))
        }

    ours = {path: value for path, value in flat(VALUES).items() if ".resources." not in path}
    described = {path for path in names(SCHEMA) if ".resources." not in path}
    assert described - {"global"} == set(ours)


@pytest.mark.parametrize("name", REQUIRED)
def test_each_missing_value_is_named(helm: Helm, name: str) -> None:
    with pytest.raises(HelmError, match=rf"These values must be set:\s+- {name}: "):
        helm.template({name: ""})


def test_all_missing_values_are_named_at_once(helm: Helm) -> None:
    with pytest.raises(HelmError) as refused:
        helm.template(dict.fromkeys(REQUIRED, "") | {"api.ingress.enabled": True})
    for name in (*REQUIRED, "api.ingress.host"):
        assert f"- {name}: " in str(refused.value)


BAD = [
    ("unknown", 1),
    ("api.replica", 2),
    ("api.pathPrefix", "photos"),
    ("api.pathPrefix", "//evil.example"),
    ("api.pathPrefix", "/photos/"),
    ("api.pathPrefix", "/photos/.."),
    ("api.trustedProxies", ["proxy.example"]),
    ("image.registry", "https://registry.example.com"),
    ("image.registry", "Registry"),
    ("image.pullPolicy", "Sometimes"),
    ("image.pullSecrets", ["Not_A_Name"]),
    ("image.tag", "a:b"),
    ("api.image.digest", "sha256:123"),
    ("api.image.repository", "Safelight"),
    ("objectStorage.endpoint", "storage:7070"),
    ("objectStorage.endpoint", "http://key:secret@storage"),
    ("objectStorage.endpoint", "http://storage/bucket"),
    ("objectStorage.bucket", "My_Bucket"),
    ("objectStorage.region", ""),
    ("tokens.existingSecret", "x y"),
    ("limits.maxUploadBytes", 0),
    ("limits.maxUploadBytes", 20 * 1024 * 1024 + 1),
    ("limits.maxUploadBytes", "20Mi"),
    ("limits.maxPending", 0),
    ("limits.maxPendingPerToken", 0),
    ("limits.maxConcurrentJobs", 501),
    ("limits.jobsPerSecond", 0),
    ("limits.failedRetentionSeconds", -1),
    ("logLevel", "trace"),
    ("api.replicas", -1),
    ("api.service.type", "ExternalName"),
    ("api.service.nodePort", 70000),
    ("api.podLabels", {"a": 1}),
    ("api.resources.limits", {"memory": "lots"}),
    ("operator.tolerations", {}),
    ("operator.podAnnotations", []),
    ("formats.accepted", []),
    ("formats.accepted", ["jpeg", "tiff"]),
    ("formats.accepted", ["jpeg", "jpeg"]),
    ("processor.recipe.format", "gif"),
    ("processor.recipe.quality", 39),
    ("processor.recipe.colour", "p3"),
    ("processor.recipe.variants", [{"name": "small"}]),
    ("processor.recipe.variants", [{"width": 320}]),
    ("processor.recipe.variants", [{"name": "image", "width": 320}]),
    ("processor.recipe.variants", [{"name": "W320", "width": 320}]),
    ("processor.recipe.variants", [{"name": "w", "width": 0}]),
    ("processor.recipe.variants", [{"name": "w", "width": 9, "fit": "cover"}]),
    ("processor.recipe.variants", [{"name": "w", "width": 9, "formats": ["heic"]}]),
    ("processor.recipe.variants", [{"name": "w", "width": 9, "with": 9}]),
    ("processor.recipe.variants", [{"name": f"w{n}", "width": 9} for n in range(33)]),
    ("processor.memory", 768),
    ("processor.memory", "768 MB"),
    ("processor.deadlineSeconds", 1501),
    ("crds.enabled", "yes"),
    ("admissionPolicy.enabled", None),
    ("metrics.podMonitor.interval", "30"),
    ("metrics.podMonitor.interval", "121s"),
    ("metrics.podMonitor.labels", {"release": 1}),
    ("metrics.prometheusRule.interval", "3m"),
    ("metrics.prometheusRule.alertLabels", {"severity": "page"}),
    ("metrics.prometheusRule.alertLabels", {"a-team": "photos"}),
    ("metrics.prometheusRule.runbookUrl", ""),
    ("networkPolicy.objectStorage.ports", [0]),
    ("networkPolicy.objectStorage.to", "198.51.100.0/24"),
]


@pytest.mark.parametrize(("name", "value"), BAD, ids=lambda x: str(x).replace(" ", "_"))
def test_bad_values_are_refused(name: str, value: object) -> None:
    values = json.loads(json.dumps(VALUES))
    *parents, last = name.split(".")
    place = values
    for parent in parents:
        place = place[parent]
    place[last] = value
    errors = list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(values))
    assert len(errors) == 1
    path = ".".join(str(part) for part in errors[0].absolute_path)
    assert path in name or path.startswith(name)


def test_schema_and_contract_bound_a_recipe_alike() -> None:
    recipe = SCHEMA["properties"]["processor"]["properties"]["recipe"]["properties"]
    quality, variant = SCHEMA["$defs"]["quality"], SCHEMA["$defs"]["variant"]["properties"]
    assert (quality["minimum"], quality["maximum"]) == (LEAST_QUALITY, MOST_QUALITY)
    assert recipe["variants"]["maxItems"] == MAX_FILES
    assert variant["name"]["pattern"] == f"^{keys.VARIANT_PATTERN}$"
    assert {"accepted", *recipe} == set(Recipe().to_dict())
    assert set(variant) == {each.name for each in fields(Rendition)}
    outputs = [SAME, *(each.word for each in policy.OUTPUTS)]
    assert recipe["format"]["enum"] == variant["formats"]["items"]["enum"] == outputs
    accepted = SCHEMA["properties"]["formats"]["properties"]["accepted"]["items"]["enum"]
    assert accepted == [each.word for each in policy.FORMATS]
    for name, words in (
        ("animation", Animation),
        ("colour", ColourSpace),
        ("credits", Credits),
        ("profile", Profile),
        ("engine", Engine),
    ):
        assert recipe[name]["enum"] == list(words), name


def test_helm_checks_values_against_the_schema(helm: Helm) -> None:
    with pytest.raises(HelmError, match=r"additional properties 'replica' not allowed"):
        helm.template({"api.replica": 2})
    with pytest.raises(HelmError, match="/limits/maxPending"):
        helm.template({"limits.maxPending": 0})


def test_a_node_port_needs_a_type_that_has_one(helm: Helm) -> None:
    with pytest.raises(HelmError, match=r"nodePort needs api.service.type NodePort"):
        helm.template({"api.service.nodePort": 30080})
