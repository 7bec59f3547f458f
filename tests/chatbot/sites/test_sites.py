"""Keys, their origins, the tokens of embedded chats and what the host's server signs."""

import hashlib
import hmac

import pytest
from django.core.exceptions import ValidationError

from chatbot.conversations import services as conversations
from chatbot.conversations import sessions as own_sessions
from chatbot.conversations.models import Conversation, Customer
from chatbot.sites import identity, services, sessions
from chatbot.sites.models import SiteKey

pytestmark = pytest.mark.django_db
SHOP = "https://shop.example"


@pytest.fixture
def site(db) -> SiteKey:
    return services.create_site_key(
        name="Shop", allowed_origins=[SHOP, "https://*.tea.example", "http://localhost:8099"]
    )


@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        (SHOP, True),
        ("https://SHOP.example:443", True),
        ("http://shop.example", False),
        ("https://shop.example:8443", False),
        ("https://evilshop.example", False),
        ("https://shop.example.evil.example", False),
        ("https://a.tea.example", True),
        ("https://a.b.tea.example", True),
        ("https://tea.example", False),
        ("https://eviltea.example", False),
        ("http://localhost:8099", True),
        ("null", False),
        ("", False),
        ("https://shop.example/path", False),
        ("https://user@shop.example", False),
    ],
)
def test_a_key_is_good_for_its_own_origins_only(site, origin, is_allowed):
    if is_allowed:
        assert services.site_for(key=site.key, origin=origin) == site
    else:
        with pytest.raises(services.SiteRefusedError) as error:
            services.site_for(key=site.key, origin=origin)
        assert error.value.code == "origin_not_allowed"
    assert services.is_known_origin(origin) is is_allowed


@pytest.mark.parametrize(
    "line", ["shop.example", "https://*", "https://*.com", "ftp://a.example", "https://a.example/x", ""]
)
def test_what_is_no_origin_is_not_saved(line):
    with pytest.raises(ValidationError):
        services.create_site_key(name="Shop", allowed_origins=[line])
    assert not SiteKey.objects.exists()


def test_a_chinese_domain_is_kept_as_browsers_send_it():
    site = services.create_site_key(name="茶", allowed_origins=["https://茶.example/"])
    assert site.allows("https://xn--2oq.example") == (site.allowed_origins == ["https://xn--2oq.example"])
    assert site.allowed_origins[0].startswith("https://xn--")


def test_unknown_and_inactive_keys_are_refused_and_their_origins_unknown(site):
    with pytest.raises(services.SiteRefusedError, match="unknown_key"):
        services.site_for(key="kf_none", origin=SHOP)
    SiteKey.objects.update(is_active=False)
    with pytest.raises(services.SiteRefusedError, match="inactive_key"):
        services.site_for(key=site.key, origin=SHOP)
    assert not services.is_known_origin(SHOP)


def test_a_token_is_good_for_its_customer_key_and_origin_until_one_of_them_ends(site):
    customer, token = sessions.start_embed_session(site=site, origin=SHOP)
    found = sessions.embed_session_of(token, origin=SHOP, max_age_s=3600)
    assert found and (found.customer, found.site) == (customer, site)
    assert sessions.embed_session_of(token, origin="https://a.tea.example", max_age_s=3600) is None
    assert (
        sessions.embed_session_of(token[:-1] + ("A" if token[-1] != "A" else "B"), origin=SHOP, max_age_s=3600) is None
    )
    assert sessions.embed_session_of(own_sessions.sign_session(customer), origin=SHOP, max_age_s=3600) is None
    assert own_sessions.customer_of(token, max_age_s=3600) is None  # and none of the two stands for the other
    assert sessions.embed_session_of(token, origin=SHOP, max_age_s=-1) is None


@pytest.mark.parametrize("end", ["key off", "origin taken away", "key gone", "session revoked", "customer gone"])
def test_what_ends_a_session_refuses_its_token(site, end):
    customer, token = sessions.start_embed_session(site=site, origin=SHOP)
    match end:
        case "key off":
            SiteKey.objects.update(is_active=False)
        case "origin taken away":
            SiteKey.objects.update(allowed_origins=["https://a.tea.example"])
        case "key gone":
            site.delete()
        case "session revoked":
            own_sessions.revoke_sessions(customer=customer)
        case "customer gone":
            customer.delete()
    assert sessions.embed_session_of(token, origin=SHOP, max_age_s=3600) is None


def signed(site: SiteKey, *parts: str) -> str:
    """As the host's server does it, by the standard library alone."""
    return hmac.new(services.identity_secret(site).encode(), "\n".join(parts).encode(), hashlib.sha256).hexdigest()


def test_a_signed_identity_is_kept_and_brings_the_conversations_of_another_device(site):
    who = identity.Identity(id="42", name="李雷", email="lilei@shop.example")
    signature = signed(site, "42", "李雷", "lilei@shop.example")
    phone, laptop = Customer.objects.create(), Customer.objects.create()
    old = conversations.current_conversation(customer=phone)
    first = identity.identify_customer(site=site, customer=phone, identity=who, signature=signature)
    said_on_laptop = conversations.current_conversation(customer=laptop)
    conversations.receive_message(conversation=said_on_laptop, text="Hello", client_id="")
    Conversation.objects.create(customer=laptop)  # an empty one would hide the others: it isn't brought along
    second = identity.identify_customer(site=site, customer=laptop, identity=who, signature=signature.upper())
    assert first == second == phone
    assert set(Conversation.objects.visible_to(second)) == {old, said_on_laptop}
    phone.refresh_from_db()
    assert (phone.external_id, phone.name, phone.is_identified) == ("42", "李雷", True)


def test_a_wrong_hash_changes_nothing(site):
    customer = Customer.objects.create()
    other = services.create_site_key(name="Other", allowed_origins=[SHOP])
    who = identity.Identity(id="42", name="Li")
    for signature in (
        "",
        "é",
        signed(site, "43", "Li", ""),
        signed(site, "42", "Bob", ""),
        signed(other, "42", "Li", ""),
    ):
        with pytest.raises(identity.IdentityRefusedError, match="wrong_hash"):
            identity.identify_customer(site=site, customer=customer, identity=who, signature=signature)
    customer.refresh_from_db()
    assert (customer.external_id, customer.is_identified, Customer.objects.count()) == (None, False, 1)


def test_somebody_else_who_logs_in_gets_nothing_of_who_was_there_before(site):
    alice = identity.identify_customer(
        site=site,
        customer=Customer.objects.create(),
        identity=identity.Identity(id="a"),
        signature=signed(site, "a", "", ""),
    )
    conversation = conversations.current_conversation(customer=alice)
    bob = identity.identify_customer(
        site=site, customer=alice, identity=identity.Identity(id="b"), signature=signed(site, "b", "", "")
    )
    assert bob != alice
    assert conversation not in Conversation.objects.visible_to(bob)


def test_a_rotated_secret_refuses_what_the_old_one_signed(site):
    old = signed(site, "42", "", "")
    services.rotate_identity_secret(site=site)
    site.refresh_from_db()
    with pytest.raises(identity.IdentityRefusedError):
        identity.identify_customer(site=site, customer=None, identity=identity.Identity(id="42"), signature=old)
    assert signed(site, "42", "", "") != old


@pytest.mark.parametrize(
    "parts", [{"id": ""}, {"id": "x" * 129}, {"id": "a\nb"}, {"id": "a", "email": "no"}, {"id": "a", "name": "n" * 81}]
)
def test_an_identity_that_does_not_fit_is_refused_before_anything_is_asked(parts):
    with pytest.raises(identity.IdentityRefusedError, match="bad_identity"):
        identity.Identity(**parts)
