"""What the routes call: built once by the lifespan, the same for all requests."""

from dataclasses import dataclass

from starlette.requests import Request

from safelight_api.admission import Admission
from safelight_api.authentication import Tokens
from safelight_api.cache import Cache
from safelight_api.images import Images
from safelight_api.metrics import Metrics
from safelight_api.projections import Image, Upload
from safelight_api.reading import Reader
from safelight_api.receiving import Receiver
from safelight_api.settings import Settings
from safelight_api.uploads import Uploads
from safelight_api.watch import Watcher


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one process."""

    settings: Settings
    metrics: Metrics
    tokens: Tokens
    cache: Cache
    reader: Reader
    receiver: Receiver
    admission: Admission
    uploads: Uploads
    images: Images
    watchers: tuple[Watcher[Upload], Watcher[Image]]

    @property
    def are_synced(self) -> bool:
        """Whether both kinds were listed since the start: from then on lists are complete."""
        return all(watcher.is_synced for watcher in self.watchers)


def of(request: Request) -> Services:
    """Return the services of the application that a request came to."""
    services: Services = request.app.state.services
    return services
