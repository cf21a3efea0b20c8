"""What holds for all routes: tokens, methods, unknown paths, faults, health, metrics."""

import json
import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from safelight_api.app import create_app
from safelight_api.reading import Reader
from safelight_api.settings import Settings
from tests.api.asking import JPEG, Api, assert_problem, started
from tests.api.playing import PlayedOperator

ID = "00000000-0000-4000-8000-000000000000"
ROUTES = {
    "/api/image-upload": {"GET", "HEAD", "POST"},
    f"/api/image-upload/{ID}": {"GET", "HEAD", "DELETE"},
    f"/api/image-upload/{ID}/status": {"GET", "HEAD"},
    f"/api/image-upload/{ID}/retry": {"POST"},
    "/api/available-image": {"GET", "HEAD"},
    f"/api/available-image/{ID}": {"GET", "HEAD", "PUT", "PATCH", "DELETE"},
    f"/api/available-image/{ID}/view": {"GET", "HEAD"},
    f"/api/available-image/{ID}/download": {"GET", "HEAD"},
}
OPEN = {
    "/healthz": {"GET", "HEAD"},
    "/readyz": {"GET", "HEAD"},
    "/api/openapi.json": {"GET", "HEAD"},
}
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "WHATEVER"}
UNKNOWN = [
    "/",
    "/api",
    "/api/",
    "/api/image-upload/",
    "/metrics",
    "/docs",
    f"/api/available-image/{ID}/x",
]


async def test_without_a_token_everything_is_401_unknown_paths_too(api: Api) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        api.client.headers = headers
        for path in [*ROUTES, *UNKNOWN, "/healthz/", "/readyz/x", "/api/openapi.json/"]:
            for method in METHODS - {"HEAD"}:
                assert_problem(await api.client.request(method, path), 401)


async def test_a_method_that_a_path_does_not_have_is_405_with_all_that_it_has(api: Api) -> None:
    for path, allowed in (ROUTES | OPEN).items():
        for method in METHODS - allowed:
            answer = await api.client.request(method, path)
            assert answer.status_code == 405
            if method != "HEAD":
                assert_problem(answer, 405)
            assert set(answer.headers["allow"].split(", ")) == allowed


async def test_unknown_paths_are_404(api: Api) -> None:
    for path in [*UNKNOWN, "/openapi.json"]:
        answer = await api.client.get(path, headers={"Host": "evil.example"})
        assert_problem(answer, 404)
        assert "evil" not in answer.text + str(answer.headers)


async def test_the_table_of_routes_is_complete(settings: Settings) -> None:
    routes = create_app(settings).routes
    templates = {path.replace(ID, "{id}") for path in ROUTES} | set(OPEN)
    assert {getattr(route, "path", None) for route in routes} == templates


async def test_every_route_is_documented(settings: Settings) -> None:
    page = (Path(__file__).parents[2] / "docs/rest-api.md").read_text()
    for route in create_app(settings).routes:
        for method in getattr(route, "methods", set()) - {"HEAD"}:
            assert re.search(rf"`{method} {re.escape(getattr(route, 'path', ''))}`", page), route


async def test_accept_is_never_a_reason_to_refuse(api: Api) -> None:
    answer = await api.client.get("/api/image-upload", headers={"Accept": "text/html"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"


async def test_a_fault_of_ours_is_500_without_a_word_about_it(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_arguments: object) -> None:
        raise RuntimeError("a secret from inside safelight_api")

    monkeypatch.setattr(Reader, "upload", fail)
    answer = await api.client.get(f"/api/image-upload/{ID}")
    assert "secret" not in assert_problem(answer, 500)["detail"]
    assert any("a secret from inside" in (record.exc_text or "") for record in caplog.records)
    assert (await api.client.get("/healthz")).status_code == 200


async def test_health_needs_no_token(api: Api) -> None:
    api.client.headers = {}
    assert (await api.client.get("/healthz")).json() == {"status": "ok"}
    ready = await api.client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"status": "ok", "checks": {"cache": True, "tokens": True}}
    assert ready.headers["x-content-type-options"] == "nosniff"


async def test_unready_without_tokens(settings: Settings, token: str, tmp_path: Path) -> None:
    empty = tmp_path / "no tokens"
    empty.mkdir()
    async with started(replace(settings, tokens_directory=empty), token) as api:
        answer = await api.client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"] == {"cache": True, "tokens": False}


async def test_before_the_first_list_lists_are_503_but_polls_are_answered(
    settings: Settings, token: str, operator: PlayedOperator
) -> None:
    """A list that is not complete would hide uploads; a poll reads the one that it needs."""
    image_id = await operator.available()
    async with started(settings, token) as api:
        for watcher in api.services.watchers:
            watcher.is_synced = False
        assert_problem(await api.client.get("/api/image-upload"), 503)
        assert_problem(await api.client.get("/api/available-image"), 503)
        assert_problem(
            await api.client.post("/api/image-upload", files={"file": ("a.jpg", JPEG)}), 503
        )
        assert (await api.client.get("/readyz")).status_code == 503
        assert (await api.client.get("/healthz")).status_code == 200
        assert (await api.status(image_id))["status"] == "processed"


async def test_metrics_have_routes_and_no_ids(api: Api) -> None:
    upload = await api.upload()
    await api.status(upload["id"])
    await api.client.get("/api/unknown")
    await api.client.request("WHATEVER", "/api/image-upload")
    status = "/api/image-upload/{id}/status"
    text = generate_latest(api.services.metrics.registry).decode()
    for line in (
        'safelight_http_requests_total{code="201",method="POST",route="/api/image-upload"} 1.0',
        f'safelight_http_requests_total{{code="200",method="GET",route="{status}"}} 1.0',
        'safelight_http_requests_total{code="404",method="GET",route="other"} 1.0',
        'safelight_http_requests_total{code="405",method="other",route="/api/image-upload"} 1.0',
        f"safelight_upload_bytes_total {float(len(JPEG))}",
        'safelight_cache_synced{kind="ImageUpload"} 1.0',
        'safelight_api_uploads{state="pending"} 1.0',
        'safelight_k8s_requests_total{code="201",resource="imageuploads",verb="create"} 1.0',
        'safelight_storage_requests_total{code="200",operation="put"} 1.0',
        "safelight_http_requests_in_flight 0.0",
    ):
        assert line in text.splitlines()
    assert upload["id"] not in text
    assert re.search(r'safelight_watch_last_event_seconds\{kind="AvailableImage"\} \d', text)


async def test_logs_hold_no_token_and_no_signature(
    api: Api, token: str, operator: PlayedOperator, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="safelight_api"):
        upload = await api.upload()
        await operator.process(upload["id"])
        await api.client.get(f"/api/available-image/{upload['id']}/view")
        await api.client.delete(f"/api/available-image/{upload['id']}")
    logged = json.dumps([vars(record) for record in caplog.records], default=str)
    assert "uploaded" in logged
    done = [vars(record) for record in caplog.records if record.message == "request"]
    assert [(line["client"], line["method"], line["code"]) for line in done] == [
        ("tests", "POST", 201),
        ("tests", "DELETE", 204),
    ]
    assert upload["id"] in logged
    for secret in (
        token,
        "X-Amz-Signature",
        "Bearer",
        api.services.settings.object_store.secret_access_key,
    ):
        assert secret not in logged
