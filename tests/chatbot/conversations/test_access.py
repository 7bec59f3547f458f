import pytest
from django.contrib.auth.models import AnonymousUser, Group, User

from chatbot.conversations import services, sessions
from chatbot.conversations.models import ADMINS_GROUP, AGENTS_GROUP, Conversation, Customer

pytestmark = pytest.mark.django_db


def user(name, group=None, **fields):
    made = User.objects.create_user(name, **fields)
    if group:
        made.groups.add(Group.objects.get_or_create(name=group)[0])
    return made


def test_customers_see_their_own_conversations_agents_see_all_outsiders_none():
    alice, charlie = Customer.objects.create(), Customer.objects.create()
    mine = services.current_conversation(customer=alice)

    def seen_by(viewer):
        return list(Conversation.objects.visible_to(viewer))

    assert seen_by(alice) == [mine]
    assert seen_by(user("agent", AGENTS_GROUP)) == seen_by(user("admin", ADMINS_GROUP)) == [mine]
    for outsider in (charlie, user("visitor"), user("left", AGENTS_GROUP, is_active=False), AnonymousUser(), None):
        assert seen_by(outsider) == []


def test_a_session_names_its_customer_until_it_expires_or_is_revoked():
    customer, token = sessions.start_session()
    assert sessions.customer_of(token, max_age_s=3600) == customer
    assert sessions.customer_of(token[:-1] + ("A" if token[-1] != "A" else "B"), max_age_s=3600) is None
    assert sessions.customer_of("", max_age_s=3600) is sessions.customer_of(None, max_age_s=3600) is None
    sessions.revoke_sessions(customer=customer)
    assert sessions.customer_of(token, max_age_s=3600) is None
    customer.refresh_from_db()
    renewed = sessions.sign_session(customer)
    assert sessions.customer_of(renewed, max_age_s=3600) == customer
    assert sessions.customer_of(renewed, max_age_s=-1) is None
