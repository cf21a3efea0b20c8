"""The application: the only place where the parts are put together."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from safelight_api import caller, errors
from safelight_api.admission import Admission
from safelight_api.authentication import Authentication, Tokens
from safelight_api.cache import Cache
from safelight_api.cluster import Cluster
from safelight_api.cluster_errors import ClusterError
from safelight_api.edge import Edge
from safelight_api.health import ALIVE, READY, Health
from safelight_api.images import Images
from safelight_api.metrics import Metrics
from safelight_api.objects import Objects
from safelight_api.openapi.document import describe
from safelight_api.places import Places
from safelight_api.prefixing import Prefixing
from safelight_api.projections import Image, Upload
from safelight_api.reading import Reader
from safelight_api.receiving import Receiver
from safelight_api.routes import description, health, images, uploads
from safelight_api.services import Services
from safelight_api.settings import Settings
from safelight_api.shares import ShareError, Shares
from safelight_api.uploads import Uploads
from safelight_api.watch import SILENCE_SECONDS, Watcher
from safelight_contract.resources import AVAILABLE_IMAGE, IMAGE_UPLOAD

_OPEN_PATHS: Final = (ALIVE, READY, description.PATH)
"""They need no token."""
MAX_REQUESTS: Final = 2000
"""Requests at a time; each may hold a few hundred KiB."""


def create_app(
    settings: Settings,
    metrics: Metrics | None = None,
    *,
    probed: Health | None = None,
    watch_silence: float = SILENCE_SECONDS,
    on_listed: Callable[[], None] = lambda: None,
) -> Starlette:
    """Build the application; its lifespan opens and closes all clients.

    Args:
        settings: of this process.
        metrics: a registry that is served elsewhere; None: one of its own.
        probed: is told which event loop answers, for those who ask from elsewhere.
        watch_silence: seconds after which a silent watch counts as dead.
        on_listed: is called when all resources of a kind were read, each time.
    """
    metrics = metrics or Metrics()
    tokens = Tokens(settings.tokens_directory)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            cluster = await stack.enter_async_context(Cluster.connect(settings.namespace, metrics))
            objects = await stack.enter_async_context(
                Objects(settings.object_store, connections=settings.s3_connections, metrics=metrics)
            )
            receiver = stack.enter_context(
                Receiver(
                    settings.temporary_directory,
                    accepted=settings.accepted_formats,
                    max_file_bytes=settings.max_upload_bytes,
                    max_held_bytes=settings.max_temporary_bytes,
                    on_refused=metrics.refused,
                )
            )
            cache = Cache()
            reader = Reader(cluster, cache)
            watchers = (
                Watcher(
                    cluster,
                    IMAGE_UPLOAD,
                    cache.uploads,
                    Upload.of,
                    metrics,
                    silence=watch_silence,
                    on_listed=on_listed,
                ),
                Watcher(
                    cluster,
                    AVAILABLE_IMAGE,
                    cache.images,
                    Image.of,
                    metrics,
                    silence=watch_silence,
                    on_listed=on_listed,
                ),
            )
            metrics.observe_cache(
                pending=lambda: len(cache.pending),
                failed=lambda: len(cache.all_uploads) - len(cache.pending),
                images=lambda: len(cache.ready_images),
            )
            app.state.services = Services(
                settings=settings,
                metrics=metrics,
                tokens=tokens,
                cache=cache,
                reader=reader,
                receiver=receiver,
                admission=Admission(
                    cache.pending,
                    most=settings.max_pending,
                    most_per_client=settings.max_pending_per_token,
                    on_refused=metrics.refused,
                ),
                uploads=Uploads(cluster, objects, cache, reader),
                images=Images(cluster, objects, cache, reader),
                watchers=watchers,
            )
            if probed is not None:
                probed.began(app.state.services)
                stack.callback(probed.ended)
            for watcher in watchers:
                await stack.enter_async_context(_in_background(watcher.run))
            yield

    app = Starlette(
        routes=[
            *uploads.ROUTES,
            *images.ROUTES,
            *health.ROUTES,
            *description.routes(lambda prefix: describe(settings, prefix)),
        ],
        middleware=[
            Middleware(Edge, metrics=metrics),
            *(
                [Middleware(Prefixing, settings=settings)]
                if settings.path_prefix or settings.trusted_proxies
                else []
            ),
            Middleware(Authentication, tokens=tokens, open_paths=_OPEN_PATHS),
            Middleware(
                Places,
                shares=Shares("requests", MAX_REQUESTS, metrics.refused),
                uncounted=_OPEN_PATHS,
            ),
        ],
        exception_handlers=_EXCEPTION_HANDLERS,
        lifespan=lifespan,
    )
    # A redirect to a path with or without a slash would be built from the Host header.
    app.router.redirect_slashes = False
    app.state.client_of = lambda headers: tokens.client_of(headers) or caller.NOBODY
    return app


@asynccontextmanager
async def _in_background(run: Callable[[], Any]) -> AsyncIterator[None]:
    task = asyncio.create_task(run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _api_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.ApiError)  # noqa: S101 - Starlette's type for handlers is wider
    return errors.problem(error)


def _share_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ShareError)  # noqa: S101 - Starlette's type for handlers is wider
    return errors.problem(errors.of_share(error))


def _cluster_error(_request: Request, _error: Exception) -> Response:
    return errors.problem(errors.unavailable())


def _http_exception(_request: Request, error: Exception) -> Response:
    """Answer for Starlette: an unknown path, or a method that a path does not have."""
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette's type for handlers is wider
    if error.status_code == errors.not_found().status:
        return errors.problem(errors.not_found())
    return errors.problem(
        errors.ApiError(error.status_code, f"{error.detail}.", headers=error.headers)
    )


_EXCEPTION_HANDLERS: Mapping[Any, Any] = {
    errors.ApiError: _api_error,
    ShareError: _share_error,
    ClusterError: _cluster_error,
    HTTPException: _http_exception,
}
