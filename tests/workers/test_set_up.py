"""The database after a start: groups, demo, and what a second start leaves alone."""

import re
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone

from chatbot.conversations.models import Conversation, Message, Reply, is_admin, is_agent
from chatbot.knowledge import services as knowledge
from chatbot.knowledge.models import Answer

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo(settings):
    settings.DEMO = True
    settings.DEMO_PASSWORD = ""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real one is slow on purpose
    return settings


def set_up() -> str:
    out = StringIO()
    call_command("set_up", stdout=out)
    return out.getvalue()


def passwords(output: str) -> dict[str, str]:
    return dict(re.findall(r"login: (\w+)  password: (\S+)$", output, re.MULTILINE))


def counts() -> list[int]:
    return [model.objects.count() for model in (User, Answer, Conversation, Message, Reply)]


def test_the_demo_has_logins_answers_and_past_conversations(demo):
    shown = passwords(set_up())
    agent, admin = User.objects.get(username="agent"), User.objects.get(username="admin")
    assert agent.check_password(shown["agent"]) and admin.check_password(shown["admin"])
    assert shown["agent"] != shown["admin"] and len(shown["agent"]) >= 12
    assert is_agent(agent) and not is_admin(agent) and is_admin(admin)
    assert not agent.is_superuser and not admin.is_superuser
    assert Answer.objects.filter(language="en").count() >= 60
    assert Answer.objects.filter(language="zh").count() >= 60
    assert Conversation.objects.filter(is_demo=True).count() >= 24


def test_a_second_start_adds_nothing_and_shows_no_password(demo):
    set_up()
    before = counts()
    assert passwords(set_up()) == {}
    assert counts() == before


def test_what_an_admin_changed_or_deleted_stays_so_at_the_next_start(demo):
    set_up()
    changed, deleted = Answer.objects.order_by("id")[:2]
    knowledge.save_answer(id=changed.pk, language=changed.language, question=changed.question, answer="Changed.")
    knowledge.delete_answer(id=deleted.pk)
    User.objects.get(username="agent").delete()
    set_up()
    assert Answer.objects.get(pk=changed.pk).answer == "Changed."
    assert not Answer.objects.filter(pk=deleted.pk).exists()
    assert not User.objects.filter(username="agent").exists()


def test_a_password_from_the_environment_holds_for_logins_made_earlier(demo):
    set_up()
    demo.DEMO_PASSWORD = "chosen by the operator"
    assert "chosen by the operator" in set_up()
    assert User.objects.get(username="admin").check_password("chosen by the operator")


def test_somebody_elses_account_of_the_same_name_is_left_alone(demo):
    User.objects.create_user("admin", password="their own password")
    set_up()
    theirs = User.objects.get(username="admin")
    assert theirs.check_password("their own password")
    assert not is_admin(theirs)


def test_without_demo_there_are_groups_and_nothing_else(settings):
    settings.DEMO = False
    assert passwords(set_up()) == {}
    assert counts() == [0, 0, 0, 0, 0]


def test_demo_conversations_are_whole(demo):
    set_up()
    for conversation in Conversation.objects.prefetch_related("messages"):
        messages = list(conversation.messages.all())
        assert [message.seq for message in messages] == list(range(1, conversation.last_seq + 1))
        times = [message.created_at for message in messages]
        assert times == sorted(times) and times[-1] == conversation.last_message_at <= timezone.now()
        assert times[0] == conversation.created_at
        assert all(m.sentiment for m in messages if m.author == Message.Author.CUSTOMER)
    assert Conversation.objects.unhappy().exists()
    bots = Message.objects.filter(author=Message.Author.BOT)
    assert Reply.objects.filter(status=Reply.Status.DONE).count() == bots.count()


def test_each_source_of_a_demo_reply_is_an_approved_answer(demo):
    set_up()
    answers = dict(Answer.objects.values_list("pk", "answer"))
    answered = Reply.objects.filter(action=Reply.Action.ANSWER)
    assert answered.exists()
    for reply in answered:
        assert reply.sources, reply.message.text
        assert all(answers[source["id"]] == source["text"] for source in reply.sources)
