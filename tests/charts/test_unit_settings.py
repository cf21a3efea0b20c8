"""The chart's values become settings that the units accept, and the defaults of both agree."""

import json
from pathlib import Path

import pytest

from safelight_contract.recipe import (
    Animation,
    ColourSpace,
    Credits,
    Engine,
    Fit,
    Profile,
    Recipe,
    Rendition,
)
from tests.support.chart import Helm, Rendered
from tests.support.settings import UNITS, variables


@pytest.mark.parametrize("unit", UNITS)
def test_each_unit_gets_settings_that_it_accepts(
    rendered: Rendered,
    unit: str,
    tmp_path: Path,
) -> None:
    """All variables of the chart are read, and the unit starts with them."""
    environment = rendered.one("Deployment", f"safelight-{unit}").environment
    taken = {
        "SAFELIGHT_TOKENS_DIRECTORY": str(tmp_path),
        "SAFELIGHT_NAMESPACE": "safelight",
        "SAFELIGHT_POD_NAME": "safelight-operator-0",
        "SAFELIGHT_POD_IP": "198.51.100.8",
        "SAFELIGHT_S3_ACCESS_KEY_ID": "key",
        "SAFELIGHT_S3_SECRET_ACCESS_KEY": "secret",
    }
    given = {name: value or taken[name] for name, value in environment.items()}
    read = variables(unit, {**given, **taken})
    assert set(environment) <= set(read)
    assert set(read) - set(environment) <= {"SAFELIGHT_HOST"}


@pytest.mark.parametrize("unit", UNITS)
def test_the_defaults_of_chart_and_unit_agree(rendered: Rendered, unit: str) -> None:
    chosen_by_the_chart = {
        "SAFELIGHT_DRAIN_SECONDS",  # as long as an upload may take
        "SAFELIGHT_TEMPORARY_DIRECTORY",  # the root of the container is read-only
        "SAFELIGHT_MAX_TEMPORARY_BYTES",  # 50 uploads of the largest size
        "SAFELIGHT_RECIPE",  # all of it is written out: see the next test
    }
    environment = rendered.one("Deployment", f"safelight-{unit}").environment
    for name, variable in variables(unit).items():
        if variable.default is not None and name in environment.keys() - chosen_by_the_chart:
            assert environment[name] == variable.default, name


def test_the_default_recipe_of_chart_and_contract_agree(rendered: Rendered) -> None:
    text = rendered.one("Deployment", "safelight-operator").environment["SAFELIGHT_RECIPE"]
    assert text is not None
    assert Recipe.decode(text) == Recipe()
    assert set(json.loads(text)) == set(Recipe().to_dict())


def test_a_recipe_and_the_accepted_formats_reach_both_units(helm: Helm) -> None:
    rendered = helm.template(
        {
            "formats.accepted": ["heic", "jpeg"],
            "processor.recipe.format": "webp",
            "processor.recipe.quality": 70,
            "processor.recipe.animation": "refuse",
            "processor.recipe.colour": "display-p3",
            "processor.recipe.credits": "keep",
            "processor.recipe.profile": "small",
            "processor.recipe.engine": "pillow",
            "processor.recipe.variants": [
                {"name": "square", "width": 240, "height": 240, "fit": "cover", "quality": 60},
                {"name": "print", "width": 3000, "formats": ["same", "jpeg"]},
            ],
        },
    )
    text = rendered.one("Deployment", "safelight-operator").environment["SAFELIGHT_RECIPE"]
    assert text is not None
    assert Recipe.decode(text) == Recipe(
        accepted=("heic", "jpeg"),
        format="webp",
        quality=70,
        variants=(
            Rendition("square", 240, 240, Fit.COVER, quality=60),
            Rendition("print", 3000, formats=("same", "jpeg")),
        ),
        animation=Animation.REFUSE,
        colour=ColourSpace.DISPLAY_P3,
        credits=Credits.KEEP,
        profile=Profile.SMALL,
        engine=Engine.PILLOW,
    )
    api = rendered.one("Deployment", "safelight-api").environment
    assert api["SAFELIGHT_ACCEPTED_FORMATS"] == "heic,jpeg"


def test_an_empty_list_of_variants_means_none(helm: Helm) -> None:
    rendered = helm.template({"processor.recipe.variants": []})
    text = rendered.one("Deployment", "safelight-operator").environment["SAFELIGHT_RECIPE"]
    assert text is not None
    assert Recipe.decode(text) == Recipe(variants=())


def test_values_reach_the_units(helm: Helm) -> None:
    rendered = helm.template(
        {
            "logLevel": "debug",
            "limits.maxUploadBytes": 10_485_760,
            "limits.concurrentUploads": 100,
            "limits.uploadIdleSeconds": 7.5,
            "limits.uploadTotalSeconds": 60,
            "limits.maxPending": 1_000_000,
            "limits.maxPendingPerToken": 500_000,
            "limits.maxConcurrentJobs": 7,
            "limits.jobsPerSecond": 0.5,
            "limits.failedRetentionSeconds": 31_536_000,
            "api.s3Connections": 8,
            "api.bounds.connections": 64,
            "api.bounds.headBytes": 2_000_000,
            "api.bounds.unreadBytes": 3_000_000,
            "api.bounds.unsentBytes": 4_000_000,
            "operator.resyncSeconds": 100,
            "operator.stalledAfterSeconds": 30,
            "operator.sweep": "delete",
            "operator.sweepSeconds": 600,
            "operator.sweepMaxShare": 0.25,
            "processor.memory": "1Gi",
            "processor.cpuRequest": "1",
            "processor.cpuLimit": "4",
            "processor.deadlineSeconds": 300,
        },
    )
    api = rendered.one("Deployment", "safelight-api").environment
    operator = rendered.one("Deployment", "safelight-operator").environment
    expected = {
        "LOG_LEVEL": "debug",
        "MAX_UPLOAD_BYTES": "10485760",
        "MAX_TEMPORARY_BYTES": "1048576000",
        "UPLOAD_IDLE_SECONDS": "7.5",
        "UPLOAD_TOTAL_SECONDS": "60",
        "DRAIN_SECONDS": "65",
        "MAX_PENDING": "1000000",
        "MAX_PENDING_PER_TOKEN": "500000",
        "S3_CONNECTIONS": "8",
        "MAX_CONNECTIONS": "64",
        "MAX_HEAD_BYTES": "2000000",
        "MAX_UNREAD_BYTES": "3000000",
        "MAX_UNSENT_BYTES": "4000000",
    }
    assert {f"SAFELIGHT_{name}": value for name, value in expected.items()}.items() <= api.items()
    expected = {
        "LOG_LEVEL": "debug",
        "MAX_CONCURRENT_JOBS": "7",
        "JOBS_PER_SECOND": "0.5",
        "FAILED_RETENTION_SECONDS": "31536000",
        "RESYNC_SECONDS": "100",
        "STALLED_AFTER_SECONDS": "30",
        "SWEEP": "delete",
        "SWEEP_SECONDS": "600",
        "SWEEP_MAX_SHARE": "0.25",
        "PROCESSOR_MEMORY": "1Gi",
        "PROCESSOR_CPU_REQUEST": "1",
        "PROCESSOR_CPU_LIMIT": "4",
        "JOB_DEADLINE_SECONDS": "300",
    }
    ours = {f"SAFELIGHT_{name}": value for name, value in expected.items()}
    assert ours.items() <= operator.items()


@pytest.mark.parametrize(
    ("memory", "size"),
    [
        ("512Mi", 512 * 2**20),
        ("1.5Gi", 3 * 2**29),
        ("1G", 10**9),
        ("2e9", 2 * 10**9),
        (600_000_000, 600_000_000),
        (None, 512 * 2**20),
    ],
)
def test_the_bounds_over_all_connections_are_parts_of_the_memory_limit(
    helm: Helm, memory: str | int | None, size: int
) -> None:
    rendered = helm.template({"api.resources.limits.memory": memory})
    environment = rendered.one("Deployment", "safelight-api").environment
    expected = {
        "MAX_CONNECTIONS": size // (512 * 1024),
        "MAX_HEAD_BYTES": size // 32,
        "MAX_UNREAD_BYTES": size // 16,
        "MAX_UNSENT_BYTES": size // 8,
    }
    for name, value in expected.items():
        assert environment[f"SAFELIGHT_{name}"] == str(value)


def test_the_bounds_of_little_memory_are_what_the_api_takes_at_least(helm: Helm) -> None:
    rendered = helm.template({"api.resources.limits.memory": "1Mi"})
    environment = rendered.one("Deployment", "safelight-api").environment
    assert environment["SAFELIGHT_MAX_CONNECTIONS"] == "16"
    assert environment["SAFELIGHT_MAX_HEAD_BYTES"] == str(2**20)
