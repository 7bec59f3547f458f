"""The embed's doors as browsers of other sites see them: sessions, CORS, sockets; an outsider at each."""

import base64
import gzip
import json
import time
from datetime import timedelta

import pytest
from django.test import Client

from chatbot.company.services import update_settings
from chatbot.conversations.models import Conversation, Customer
from chatbot.sites import identity, services, sessions
from chatbot.sites.models import SiteKey
from tests.webui.chat.conftest import Browser, in_database  # noqa: F401 - a fixture
from webui.asgi import application
from webui.chat.consumers import CLOSE_ACCESS_REVOKED, CLOSE_NO_SESSION

SHOP, EVIL = "https://shop.example", "https://evil.example"
CORS = "Access-Control-Allow-Origin"


@pytest.fixture
def site(transactional_db) -> SiteKey:
    return services.create_site_key(name="Shop", allowed_origins=[SHOP])


def ask(path: str, origin: str | None = SHOP, **body):
    headers = {"Origin": origin} if origin else {}
    client = Client(enforce_csrf_checks=True)
    return client.post(path, json.dumps(body), content_type="text/plain", headers=headers)


def test_reading_the_page_makes_no_customer_and_opening_the_chat_makes_one(site):
    assert ask("/embed/session/", key=site.key).json()["token"] is None
    assert not Customer.objects.exists()
    answer = ask("/embed/session/", key=site.key, start=True)
    assert answer[CORS] == SHOP
    assert "Access-Control-Allow-Credentials" not in answer
    renewed = ask("/embed/session/", key=site.key, token=answer.json()["token"], start=True).json()
    assert Customer.objects.count() == 1
    assert sessions.embed_session_of(renewed["token"], origin=SHOP, max_age_s=3600).customer == Customer.objects.get()


def test_the_script_is_told_whether_to_remember_the_customer_and_an_old_token_gets_a_new_one(site, monkeypatch):
    assert ask("/embed/session/", key=site.key).json()["is_remembered"] is True
    customer = Customer.objects.create()
    Customer.objects.update(sessions_valid_from=customer.sessions_valid_from - timedelta(days=9))
    with monkeypatch.context() as earlier:
        then = time.time() - 3 * 24 * 3600
        earlier.setattr("django.core.signing.time.time", lambda: then)
        token = sessions.sign_embed_session(customer=customer, site=site, origin=SHOP)
    assert ask("/embed/session/", key=site.key, token=token).json()["token"]
    update_settings(remember_days=2)
    assert ask("/embed/session/", key=site.key, token=token).json()["token"] is None
    update_settings(remember_days=30, remembers_customers=False)
    answer = ask("/embed/session/", key=site.key, token=token).json()
    assert (answer["token"], answer["is_remembered"]) == (None, False)


@pytest.mark.parametrize(
    ("key", "origin", "code"),
    [("", EVIL, "origin_not_allowed"), ("kf_x", SHOP, "unknown_key"), ("", None, "origin_not_allowed")],
)
def test_a_wrong_key_or_origin_is_told_why_and_gets_no_session(site, key, origin, code):
    answer = ask("/embed/session/", origin, key=key or site.key, start=True)
    assert (answer.status_code, answer.json()["error"]) == (403, code)
    assert "token" not in answer.json()
    assert not Customer.objects.exists()


@pytest.mark.parametrize("body", ["", "[]", "nonsense", '{"key": 3}', '{"key": {"a": 1}}', "[" * 5000])
def test_a_body_that_makes_no_sense_is_refused(site, body):
    answer = Client().post("/embed/session/", body, content_type="text/plain", headers={"Origin": SHOP})
    assert answer.status_code == 403


def test_a_signed_identity_gives_a_token_of_that_customer_and_a_wrong_one_changes_nothing(site):
    token = ask("/embed/session/", key=site.key, start=True).json()["token"]
    who = identity.Identity(id="42", name="Li")
    wrong = ask("/embed/identify/", key=site.key, token=token, id="42", name="Li", hash="0" * 64)
    assert (wrong.status_code, wrong.json()["error"]) == (403, "wrong_hash")
    assert not Customer.objects.filter(is_identified=True).exists()
    good = identity.sign_identity(services.identity_secret(site), who)
    answer = ask("/embed/identify/", key=site.key, token=token, id="42", name="Li", hash=good).json()
    assert sessions.embed_session_of(answer["token"], origin=SHOP, max_age_s=3600).customer.external_id == "42"
    assert ask("/embed/identify/", EVIL, key=site.key, id="42", name="Li", hash=good).status_code == 403


def preflight(path: str, origin: str):
    return Client().options(path, headers={"Origin": origin, "Access-Control-Request-Method": "POST"})


@pytest.mark.parametrize("path", ["/chat/frames/", "/chat/api/x/", "/embed/session/"])
def test_preflights_are_answered_for_the_origins_of_active_keys_only(site, path):
    assert preflight(path, SHOP)[CORS] == SHOP
    assert "Authorization" in preflight(path, SHOP)["Access-Control-Allow-Headers"]
    assert preflight(path, EVIL).status_code == 403
    assert CORS not in preflight(path, EVIL)
    SiteKey.objects.update(is_active=False)
    assert CORS not in preflight(path, SHOP)


@pytest.mark.parametrize("path", ["/desk/", "/admin/", "/login/", "/"])
def test_no_other_path_is_opened_to_other_sites(site, path):
    assert CORS not in Client().get(path, headers={"Origin": SHOP})
    assert CORS not in preflight(path, SHOP)


def test_the_script_and_the_style_sheet_are_for_everybody_and_compressed(site):
    for path in ("/embed.js", "/embed/chat.css"):
        answer = Client().get(path, headers={"Accept-Encoding": "gzip"})
        assert answer[CORS] == "*"
        assert gzip.decompress(answer.content)


def test_the_panel_comes_in_both_languages_with_addresses_of_this_server(site):
    english, chinese = (Client().get(f"/embed/panel/?language={code}").json() for code in ("en", "zh-hans"))
    assert english["options"]["endpoints"]["socket"].startswith("http://testserver/")
    assert english["html"] != chinese["html"]
    assert Client().get("/embed/panel/?language=xx").json()["options"]["language"] == "en"


def offer(token: str) -> list[str]:
    return ["kefu", "kefu.token." + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")]


@pytest.fixture
def connect(transactional_db):
    from asgiref.testing import ApplicationCommunicator

    class Embedded(Browser):
        def __init__(self, token: str, origin: str, path: str) -> None:
            pairs = [(b"origin", origin.encode()), (b"host", b"localhost")]
            scope = {
                "type": "websocket",
                "path": path,
                "query_string": b"",
                "headers": pairs,
                "subprotocols": offer(token),
            }
            ApplicationCommunicator.__init__(self, application, scope)

    return lambda token, origin=SHOP, path="/ws/chat/": Embedded(token, origin, path)


async def test_an_embedded_chat_talks_over_the_socket_until_its_key_is_turned_off(site, connect, in_database):  # noqa: F811
    customer, token = await in_database(sessions.start_embed_session, site=site, origin=SHOP)
    browser = connect(token)
    assert await browser.connect() == "websocket.accept"
    await browser.subscribe()
    await browser.send("hello")
    await browser.hear("message.saved")
    assert await Conversation.objects.filter(customer=customer).acount() == 1
    await SiteKey.objects.aupdate(is_active=False)
    await browser.say({"type": "message.send", "client_id": "late", "text": "still there?"})
    while (event := await browser.receive_output(5))["type"] != "websocket.close":
        pass
    assert event["code"] == CLOSE_ACCESS_REVOKED
    await browser.hang_up()


async def test_a_token_from_another_origin_opens_no_socket(site, connect, in_database):  # noqa: F811
    _customer, token = await in_database(sessions.start_embed_session, site=site, origin=SHOP)
    assert await connect(token, EVIL).connect() == "websocket.close"
    await in_database(services.create_site_key, name="Other", allowed_origins=["https://other.example"])
    stolen = connect(token, "https://other.example")  # a page that may embed, with somebody else's token
    assert await stolen.connect() == "websocket.accept"
    assert await stolen.closed_with() == CLOSE_NO_SESSION
    await stolen.hang_up()


async def test_an_embedding_site_never_reaches_the_desk(site, connect, in_database):  # noqa: F811
    _customer, token = await in_database(sessions.start_embed_session, site=site, origin=SHOP)
    assert await connect(token, path="/ws/desk/").connect() == "websocket.close"


async def test_a_cookie_is_worth_nothing_on_another_sites_page(site, customer_cookie):
    browser = Browser(customer_cookie, origin=SHOP)
    assert await browser.connect() == "websocket.close"


@pytest.fixture
def customer_cookie(transactional_db) -> str:
    from chatbot.conversations.sessions import start_session

    return start_session()[1]
