"""Who may open what: every address of the desk, for everybody."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from chatbot.conversations import sessions
from chatbot.review.models import Review
from tests.webui.desk.conftest import PASSWORD, logged_in, make_conversation

pytestmark = pytest.mark.django_db


@pytest.fixture
def addresses() -> list[str]:
    conversation = make_conversation()
    own = ["desk-conversation", "desk-row", "desk-messages", "desk-context"]
    return [reverse(name) for name in ("desk", "desk-rows", "desk-tabs")] + [
        reverse(name, args=[conversation.pk]) for name in own
    ]


def test_agents_and_admins_open_every_page(alice, bob, addresses):
    for user in (alice, bob):
        assert [logged_in(user).get(address).status_code for address in addresses] == [200] * len(addresses)


def test_an_outsider_who_is_logged_in_gets_403_and_no_word_of_a_conversation(charlie, addresses):
    for address in addresses:
        response = logged_in(charlie).get(address)
        assert response.status_code == 403
        assert "Can I return a cup?" not in response.content.decode()


def test_an_agent_who_left_is_logged_out(alice, addresses):
    client = logged_in(alice)
    alice.is_active = False
    alice.save()
    assert [client.get(address).status_code for address in addresses] == [302] * len(addresses)


def test_anonymous_visitors_and_customers_are_sent_to_the_login_and_back(settings, addresses):
    customer = Client()
    customer.cookies[settings.CUSTOMER_SESSION_COOKIE] = sessions.start_session()[1]
    for client in (Client(), customer):
        for address in addresses:
            response = client.get(address)
            assert response.status_code == 302
            assert response.url == f"/login/?next={address}"


def every_route(resolver: URLResolver, before: str = "/") -> Iterator[str]:
    """An address of each route below a resolver; which row it names doesn't matter to somebody who may see none."""
    for pattern in resolver.url_patterns:
        route = str(pattern.pattern)
        for kind, value in (("uuid", str(uuid4())), ("int", "1"), ("slug", "volume")):
            while f"<{kind}:" in route:
                start = route.index(f"<{kind}:")
                route = route[:start] + value + route[route.index(">", start) + 1 :]
        if isinstance(pattern, URLPattern):
            yield before + route
        else:
            yield from every_route(pattern, before + route)


def test_no_route_below_the_desk_opens_for_an_outsider_or_a_stranger(charlie):
    addresses = [address for address in every_route(get_resolver()) if address.startswith("/desk/")]
    assert len(addresses) > 35
    outsider, stranger = logged_in(charlie), Client()
    for address in addresses:
        for method in ("get", "post"):
            answers = [getattr(client, method)(address).status_code for client in (outsider, stranger)]
            assert answers in ([403, 302], [405, 405]), address


def test_only_agents_review(alice, charlie):
    reply = make_conversation().replies.get()
    address = reverse("desk-mark", args=[reply.customer_message_id])
    assert logged_in(charlie).post(address, {"verdict": "right"}).status_code == 403
    assert Client().post(address, {"verdict": "right"}).status_code == 302
    assert not Review.objects.exists()
    assert Client(enforce_csrf_checks=True).post(address, {"verdict": "right"}).status_code == 403


def test_a_conversation_that_is_not_there_is_404(alice):
    missing = "00000000-0000-0000-0000-000000000000"
    assert logged_in(alice).get(f"/desk/conversations/{missing}/").status_code == 404


def test_agents_log_in_with_a_form_that_says_what_to_do_and_log_out_again(alice):
    client = Client()
    wrong = client.post("/login/", {"username": "alice", "password": "wrong"})
    assert wrong.status_code == 200
    assert "Check both and try again" in wrong.content.decode()
    assert client.post("/login/", {"username": "alice", "password": PASSWORD}).url == "/desk/"
    assert client.get("/desk/").status_code == 200
    assert client.post("/logout/").url == "/login/"
    assert client.get("/desk/").status_code == 302


def test_desk_pages_run_no_inline_script_or_style(alice, addresses):
    response = logged_in(alice).get(addresses[3])
    assert "script-src 'self'" in response["Content-Security-Policy"]
    html = response.content.decode()
    assert " style=" not in html and "<style" not in html and " onclick=" not in html
