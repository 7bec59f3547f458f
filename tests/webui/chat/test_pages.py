"""The pages with the chat: cookie, language, policy."""

import pytest
from django.conf import settings as django_settings
from django.test import Client

from chatbot.company.services import update_settings
from chatbot.conversations import sessions
from chatbot.conversations.models import Conversation, Customer

COOKIE = django_settings.CUSTOMER_SESSION_COOKIE
AGE_S = 30 * 24 * 3600  # what holds until an admin changes it


@pytest.fixture
def demo(settings, db):
    settings.DEMO = True


@pytest.mark.parametrize("path", ["/", "/chat/"])
def test_a_first_visit_starts_a_session_in_a_cookie_no_script_can_read(client: Client, demo, path):
    cookie = client.get(path).cookies[COOKIE]
    assert cookie["httponly"] and cookie["samesite"] == "Lax" and not cookie["secure"]
    assert int(cookie["max-age"]) == AGE_S
    assert sessions.customer_of(cookie.value, max_age_s=AGE_S) == Customer.objects.get()


def test_a_returning_customer_is_remembered_for_as_long_as_the_company_says(client: Client, demo):
    update_settings(remember_days=90)
    assert int(client.get("/chat/").cookies[COOKIE]["max-age"]) == 90 * 24 * 3600
    update_settings(remembers_customers=False)
    cookie = client.get("/chat/").cookies[COOKIE]
    assert cookie.value and not cookie["max-age"] and not cookie["expires"], "the browser forgets when it is closed"


def test_over_https_the_cookie_is_sent_over_https_only(client: Client, demo, settings):
    settings.IS_HTTPS = True
    assert client.get("/chat/").cookies[COOKIE]["secure"]


def test_a_later_visit_keeps_the_customer_and_renews_the_time(client: Client, demo, monkeypatch):
    first = client.get("/chat/").cookies[COOKIE].value
    second = client.get("/").cookies[COOKIE].value
    assert sessions.customer_of(second, max_age_s=AGE_S) == sessions.customer_of(first, max_age_s=AGE_S)
    assert second != first
    assert Customer.objects.count() == 1


@pytest.mark.parametrize("token", ["nonsense", ""])
def test_a_forged_cookie_gets_a_new_customer(client: Client, demo, token):
    owner = Customer.objects.create()
    client.cookies[COOKIE] = token
    assert sessions.customer_of(client.get("/chat/").cookies[COOKIE].value, max_age_s=AGE_S) != owner
    assert Customer.objects.count() == 2


def test_a_revoked_session_gets_a_new_customer_on_the_next_visit(client: Client, demo):
    old = sessions.customer_of(client.get("/chat/").cookies[COOKIE].value, max_age_s=AGE_S)
    sessions.revoke_sessions(customer=old)
    assert sessions.customer_of(client.get("/chat/").cookies[COOKIE].value, max_age_s=AGE_S) != old


def test_pages_are_never_kept_by_a_cache_between_us_and_the_visitor(client: Client, demo):
    assert "no-store" in client.get("/chat/").headers["Cache-Control"]


@pytest.mark.parametrize("path", ["/", "/chat/"])
def test_the_policy_forbids_inline_scripts_and_the_page_has_none(client: Client, demo, path):
    response = client.get(path)
    policy = response.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy and "unsafe" not in policy
    page = response.content.decode()
    assert "<style" not in page and " style=" not in page and " onclick=" not in page
    scripts = [part.split(">")[0] for part in page.split("<script")[1:]]
    assert all("src=" in tag or 'type="application/json"' in tag for tag in scripts)


@pytest.mark.parametrize("path", ["/", "/chat/"])
def test_there_is_exactly_one_text_box_and_it_has_a_name(client: Client, demo, path):
    page = client.get(path).content.decode()
    assert page.count("<textarea") == 1 and 'type="text"' not in page and 'type="search"' not in page
    assert 'aria-label="Your message"' in page


@pytest.mark.parametrize(
    ("language", "lang", "words"),
    [("en-GB", 'lang="en"', "People often ask"), ("zh-CN", 'lang="zh-Hans"', "常见问题"), ("fr", 'lang="en"', "Send")],
)
def test_the_page_speaks_the_visitors_language(client: Client, demo, language, lang, words):
    page = client.get("/chat/", headers={"accept-language": language}).content.decode()
    assert lang in page and words in page


def test_the_language_switch_is_remembered(client: Client, demo):
    client.post("/language/", {"language": "zh-hans", "next": "/chat/"})
    page = client.get("/chat/", headers={"accept-language": "en"}).content.decode()
    assert 'lang="zh-Hans"' in page and "鹭雾茶舍" in page


def test_without_the_demo_the_start_page_names_the_three_places(client: Client, db, settings):
    settings.DEMO = False
    page = client.get("/").content.decode()
    assert all(f'href="{path}"' in page for path in ("/chat/", "/desk/", "/admin/"))
    assert "Heronmist" not in page + client.get("/chat/").content.decode()


def test_a_page_view_alone_starts_no_conversation(client: Client, demo):
    client.get("/chat/")
    assert not Conversation.objects.exists()


def test_pages_are_only_read(client: Client, demo):
    assert client.post("/chat/").status_code == 405
