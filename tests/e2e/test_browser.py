"""The examples of docs/rest-api.md, to the letter, in a real browser: it gets what it should."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page

from safelight_local import machine, paths
from safelight_local.progress import Progress
from tests.e2e.conftest import JAVASCRIPT, NODE
from tests.support import images, pages
from tests.support.client import Client
from tests.support.pages import Site

WIDTH: Final = 600
"""Of the browser's window, in CSS pixels."""
LOADED: Final = "img => img.complete && img.naturalWidth > 0"


def example(language: str, name: str) -> str:
    """Return the example of the page that has a function of this name."""
    page = (paths.ROOT / "docs" / "rest-api.md").read_text()
    blocks: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (found,) = [block for block in blocks if f"function {name}(" in block]
    return found


@pytest.fixture(scope="module")
def chromium(
    uncaptured: Callable[[], AbstractContextManager[None]],
) -> Iterator[Browser]:
    """A real browser, Debian's."""
    with uncaptured():
        machine.install_missing(Progress(), machine.BROWSER)
    program = shutil.which("chromium")
    assert program
    with pages.browser(Path(program)) as browser:
        yield browser


@pytest.fixture
def site(installation: Mapping[str, str]) -> Iterator[Site]:
    """An application's web site, which adds the token."""
    with Site(installation["SAFELIGHT_URL"], installation["SAFELIGHT_TOKEN"]).opened() as site:
        yield site


@pytest.fixture(scope="module")
def image(client: Client) -> dict[str, Any]:
    """An image with all variants, as the API tells it; smooth, so AVIF has the fewest bytes."""
    upload_id = client.upload(images.photo(4000, 3000), "harbour.jpg")["id"]
    available: dict[str, Any] = client.wait(upload_id).last["available_image"]
    return available


@pytest.fixture(params=[1, 2], ids=["plain display", "fine display"])
def page(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[Page]:
    """An empty tab of `WIDTH`, on a display with so many pixels for each of CSS."""
    context = chromium.new_context(
        viewport={"width": WIDTH, "height": 800}, device_scale_factor=request.param
    )
    yield context.new_page()
    context.close()


def html(script: str) -> str:
    """Return a page without margins that runs a script."""
    return (
        '<!doctype html><meta charset="utf-8"><style>body { margin: 0 }</style>'
        f'<main></main><script type="module">{script}</script>'
    )


def shown(page: Page) -> dict[str, Any]:
    """Wait for the page's image; return which it is and its pixels, as the browser decoded them."""
    img = page.locator("img")
    img.wait_for()
    page.wait_for_function(f"({LOADED})(document.querySelector('img'))")
    found: dict[str, Any] = img.evaluate(
        """async img => {
          const bitmap = await createImageBitmap(await (await fetch(img.currentSrc,
            { headers: { Accept: 'image/avif' } })).blob())
          return { src: img.currentSrc, width: bitmap.width, height: bitmap.height,
                   box: img.getBoundingClientRect().toJSON(),
                   background: getComputedStyle(img).background }
        }"""
    )
    return found


def wanted(page: Page) -> int:
    """Return the width of the variant that such a tab needs for an image across it."""
    return 640 if page.evaluate("devicePixelRatio") == 1 else 1280


def check_box(found: dict[str, Any], image: dict[str, Any]) -> None:
    """The image fills the window, in its own shape."""
    assert found["box"]["width"] == WIDTH
    assert found["box"]["height"] == pytest.approx(WIDTH * image["height"] / image["width"], abs=1)


def test_srcset_gets_the_right_width_as_avif(page: Page, site: Site, image: dict[str, Any]) -> None:
    """What `<img srcset>` says is enough: the browser chooses the width, Safelight the format."""
    script = example("javascript", "photo")
    site.page = html(f"{script}\ndocument.querySelector('main').append(photo({json.dumps(image)}))")
    page.goto(site.address)

    found = shown(page)

    width = wanted(page)
    assert found["src"] == f"{site.address}{image['url']}?variant=w{width}"
    assert (found["width"], found["height"]) == (width, width * 3 // 4)
    check_box(found, image)
    first = site.seen[0]
    assert (first.status, first.media_type) == (200, "image/avif")
    assert "image/avif" in first.accept


def test_the_react_component_shows_a_placeholder_then_the_source_in_avif(
    page: Page, site: Site, image: dict[str, Any], node_modules: None, tmp_path: Path
) -> None:
    """`<picture>` names the formats; until the image is there, its ThumbHash is."""
    assert node_modules is None
    site.page = html(
        bundled(
            f"""{example("jsx", "Photo")}
            import {{ createRoot }} from 'react-dom/client'
            const root = createRoot(document.querySelector('main'))
            root.render(<Photo image={{{json.dumps(image)}}} alt="The harbour" />)""",
            tmp_path,
        )
    )
    page.goto(site.address)

    found = shown(page)

    width = wanted(page)
    assert found["src"] == f"{site.address}{image['url']}?variant=w{width}&format=avif"
    assert (found["width"], found["height"]) == (width, width * 3 // 4)
    assert "data:image/png;base64," in found["background"]
    check_box(found, image)
    assert (site.seen[0].status, site.seen[0].media_type) == (200, "image/avif")


def test_fetching_with_a_token_shows_a_fitting_variant(
    page: Page, site: Site, image: dict[str, Any]
) -> None:
    """Without anything that adds the token, the page's script does it."""
    script = example("javascript", "show")
    call = f"show(document.querySelector('img'), {json.dumps(image)}, {{ base: '', token }})"
    site.page = html(
        f"""{script}
        const token = {json.dumps(site.token)}
        document.querySelector('main').innerHTML = '<img style="width: 100%" alt="">'
        await {call}"""
    )
    page.goto(site.address)
    page.wait_for_function(f"({LOADED})(document.querySelector('img'))")

    width = page.locator("img").evaluate("img => img.naturalWidth")

    assert width == wanted(page)
    (only,) = site.seen
    assert (only.path, only.media_type) == (f"{image['url']}?variant=w{width}", "image/avif")


def bundled(source: str, folder: Path) -> str:
    """Return a module and all that it imports as one script that a browser runs."""
    entry = folder / "page.jsx"
    entry.write_text(source)
    done = subprocess.run(
        [
            NODE,
            JAVASCRIPT / "node_modules" / "esbuild" / "bin" / "esbuild",
            entry,
            "--bundle",
            "--format=esm",
            "--jsx=automatic",
            '--define:process.env.NODE_ENV="production"',
        ],
        env={"NODE_PATH": str(JAVASCRIPT / "node_modules")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.replace("</script", "<\\/script")
