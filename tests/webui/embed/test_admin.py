"""The admins' pages for embed keys, through HTTP."""

import re

import pytest

from chatbot.conversations.models import ADMINS_GROUP, AGENTS_GROUP
from chatbot.sites import services
from chatbot.sites.models import SiteKey
from tests.webui.test_admin import client_of

pytestmark = pytest.mark.django_db
LIST = "/admin/sites/sitekey/"


def test_admins_make_a_key_and_copy_its_snippet_and_a_bad_origin_is_told(db):
    bob = client_of("bob", ADMINS_GROUP)
    form = {
        "name": "Shop",
        "allowed_origins": "https://shop.example/path",
        "is_active": "on",
        "radius_px": "12",
        "position": "right",
    }
    assert "is no origin" in bob.post(f"{LIST}add/", form).content.decode()
    assert not SiteKey.objects.exists()
    bob.post(f"{LIST}add/", form | {"allowed_origins": "https://Shop.example/\nhttps://*.tea.example"})
    site = SiteKey.objects.get()
    assert site.allowed_origins == ["https://shop.example", "https://*.tea.example"]
    html = bob.get(f"{LIST}{site.pk}/change/").content.decode()
    assert f"http://testserver/embed.js&quot; data-kefu-key=&quot;{site.key}&quot;" in html
    assert site.key in bob.get(LIST).content.decode()


def test_a_new_secret_is_shown_once(db):
    bob = client_of("bob", ADMINS_GROUP)
    site = services.create_site_key(name="Shop", allowed_origins=[])
    before = services.identity_secret(site)
    shown = bob.post(f"{LIST}{site.pk}/rotate/")
    site.refresh_from_db()
    secret = services.identity_secret(site)
    assert secret != before
    assert secret in shown.content.decode()
    pages = [
        bob.get(address).content.decode() for address in (LIST, f"{LIST}{site.pk}/change/", identity_page(bob, site))
    ]
    assert not any(secret in page for page in pages)
    assert bob.get(f"{LIST}{site.pk}/rotate/").status_code == 405


def identity_page(client, site) -> str:
    html = client.get(f"{LIST}{site.pk}/change/").content.decode()
    return re.search(r'href="([^"]*identity[^"]*)"', html)[1]


def test_nobody_else_sees_or_rotates_keys(db):
    site = services.create_site_key(name="Shop", allowed_origins=[])
    secret = services.identity_secret(site)
    for client in (client_of("alice", AGENTS_GROUP), client_of("charlie")):
        for address in (LIST, f"{LIST}add/", f"{LIST}{site.pk}/change/"):
            assert client.get(address).status_code == 403
        assert client.post(f"{LIST}{site.pk}/rotate/").status_code == 403
    site.refresh_from_db()
    assert services.identity_secret(site) == secret
