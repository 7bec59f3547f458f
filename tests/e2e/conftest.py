"""A real Chromium in front of the whole site, started as its user starts it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.chromium import CHROMIUM, CHROMIUM_FLAGS
from tests.conftest import missing
from tests.site import PASSWORD, Site, running_site

SCREENSHOTS = Path(__file__).parents[2] / "docs" / "screenshots"


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/e2e" in str(item.path):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    if not CHROMIUM.exists():
        missing("Debian's chromium")
    return {**browser_type_launch_args, "executable_path": str(CHROMIUM), "args": CHROMIUM_FLAGS}


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    with running_site(EMAIL_URL="filemail://") as started:  # mail goes to files in the site's home
        yield started


@pytest.fixture
def customer(browser: Browser, site: Site) -> Iterator[Page]:
    """An English-speaking customer with a new browser profile, on the full-page chat."""
    context = browser.new_context(base_url=site.url, locale="en-US", viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto("/chat/")
    yield page
    context.close()


def log_in(browser: Browser, site: Site, name: str) -> Page:
    context = browser.new_context(base_url=site.url, locale="en-US", viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto("/desk/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site.url}/desk/")
    return page


@pytest.fixture
def agent(browser: Browser, site: Site) -> Iterator[Page]:
    page = log_in(browser, site, "agent")
    yield page
    page.context.close()


@pytest.fixture
def admin(browser: Browser, site: Site) -> Iterator[Page]:
    page = log_in(browser, site, "admin")
    yield page
    page.context.close()
