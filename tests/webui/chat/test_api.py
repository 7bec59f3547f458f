"""The chat's HTTP interface: Alice is the customer, Charlie another one, and somebody without a session."""

import io
import json
import zipfile

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from chatbot.attachments import services as attachments
from chatbot.attachments import storage
from chatbot.company.models import TranscriptRequest
from chatbot.company.services import submit_form, update_settings
from chatbot.conversations import services, sessions
from chatbot.conversations.models import AGENTS_GROUP, Conversation, Customer, Reply
from tests.chatbot.attachments.test_checks import PDF, picture

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quiet(settings, tmp_path, enqueued, published):
    settings.ATTACHMENTS_FOLDER = tmp_path / "attachments"


def browser_of(customer: Customer | None, **options) -> Client:
    client = Client(**options)
    if customer:
        client.cookies["kefu_customer"] = sessions.sign_session(customer)
    return client


@pytest.fixture
def alice(customer) -> Client:
    return browser_of(customer)


@pytest.fixture
def reply(conversation) -> Reply:
    message = services.receive_message(conversation=conversation, text="my secret words", client_id="a")
    claimed = services.claim_reply(reply_id=message.reply.pk, attempt=1)
    services.finish_reply(reply=claimed, finished=services.FinishedReply(text="Within 30 days.", action="answer"))
    return Reply.objects.get()


def address(conversation: Conversation, rest: str) -> str:
    return f"/chat/api/conversations/{conversation.pk}/{rest}"


def post(client: Client, path: str, **content):
    return client.post(path, json.dumps(content), content_type="application/json")


def test_another_customer_finds_nothing_and_nobody_gets_in_without_a_session(alice, customer, conversation, reply):
    request = TranscriptRequest.objects.create(customer=customer, conversation=conversation, email="a@example.com")
    file = attachments.save_attachment(customer=customer, name="cup.png", content=picture())
    gets = [address(conversation, rest) for rest in ("state/", "transcript.txt", "transcript.html", "transcript.json")]
    posts = [address(conversation, rest) for rest in ("rating/", "end/", "form/", "message/", "email/")]
    posts += [f"/chat/api/email/{request.pk}/", f"/chat/api/replies/{reply.pk}/rating/"]
    for who, status in ((browser_of(Customer.objects.create()), 404), (browser_of(None), 401)):
        assert [who.get(path).status_code for path in gets] == [status] * len(gets)
        assert [post(who, path, rating=5, text="x").status_code for path in posts] == [status] * len(posts)
        assert who.delete(f"/chat/api/attachments/{file.pk}/").status_code == status
        assert who.get(f"/chat/attachments/{file.pk}/").status_code == 404
        assert who.get(f"/chat/attachments/{file.pk}/thumbnail/").status_code == 404
    for path in ("my-data/", "forget/", "attachments/"):
        assert browser_of(None).get(f"/chat/api/{path}").status_code in (401, 405)
        assert browser_of(None).post(f"/chat/api/{path}").status_code in (401, 405)
    assert [alice.get(path).status_code for path in gets] == [200] * len(gets)


def test_a_request_that_another_site_could_have_sent_is_refused(customer, conversation):
    client = browser_of(customer, enforce_csrf_checks=True)
    assert post(client, address(conversation, "end/")).status_code == 403
    client.cookies["csrftoken"] = "a" * 32
    headers = {"X-CSRFToken": "a" * 32}
    path = address(conversation, "end/")
    assert client.post(path, "{}", content_type="application/json", headers=headers).status_code == 200


def test_thumbs_and_the_rating_are_kept(alice, conversation, reply):
    assert post(alice, f"/chat/api/replies/{reply.pk}/rating/", rating="down", reason="wrong").status_code == 200
    assert post(alice, f"/chat/api/replies/{reply.pk}/rating/", rating="so-so").status_code == 400
    reply.refresh_from_db()
    assert (reply.rating, reply.rating_reason) == ("down", "wrong")
    for rating in (0, 6, True, "5", None):
        assert post(alice, address(conversation, "rating/"), rating=rating).status_code == 400
    assert post(alice, address(conversation, "rating/"), rating=4, comment="fine").status_code == 200
    conversation.refresh_from_db()
    assert (conversation.rating, conversation.rating_comment) == (4, "fine")


def test_the_form_is_asked_for_until_it_is_filled_in(alice, conversation):
    update_settings(form_mode="required", form_asks_name=False, consent_text_en="We keep it.", is_consent_required=True)
    form = alice.get(address(conversation, "state/")).json()["form"]
    assert (form["fields"], form["is_consent_required"]) == (["email"], True)
    refused = post(alice, address(conversation, "form/"), email="x")
    assert refused.status_code == 422
    assert refused.json()["problems"] == {"email": "invalid", "consent": "required"}
    assert post(alice, address(conversation, "form/"), email="a@example.com", has_consented=True).status_code == 200
    assert alice.get(address(conversation, "state/")).json()["form"] is None


def test_the_state_costs_few_queries(alice, conversation, django_assert_max_num_queries):
    services.request_person(conversation=conversation)
    with django_assert_max_num_queries(8):
        state = alice.get(address(conversation, "state/")).json()
    assert state["wait"]["place"] == 1 and state["wait"]["expected_s"] is None


def test_transcripts_speak_the_customers_language_and_hold_no_sentiment(alice, conversation, reply):
    services.record_sentiment(message=conversation.messages.get(seq=1), label="negative", probability=0.91)
    for form in ("txt", "html", "json"):
        response = alice.get(address(conversation, f"transcript.{form}?language=zh"))
        text = response.content.decode()
        assert "my secret words" in text and "Within 30 days." in text and "0.91" not in text
        assert response["Content-Disposition"] == f'attachment; filename="chat.{form}"'


def test_files_are_private_and_a_lie_is_refused(alice, customer, conversation):
    def upload(content: bytes, name: str):
        return alice.post("/chat/api/attachments/", {"file": SimpleUploadedFile(name, content)})

    assert upload(b"<html><script>1</script>", "cup.png").json() == {"code": "wrong_type"}
    assert upload(b"x" * (11 * 1024 * 1024), "cup.png").status_code == 413
    image = upload(picture(), "../cup.png").json()["attachment"]
    pdf = upload(PDF, "bill.pdf").json()["attachment"]
    assert image["name"] == "cup.png"
    agent = User.objects.create_user("agent")
    agent.groups.add(Group.objects.get_or_create(name=AGENTS_GROUP)[0])
    desk = Client()
    desk.force_login(agent)
    path = f"/chat/attachments/{image['id']}/"
    assert desk.get(path).status_code == 404  # not sent yet
    attachments.attachments_of(customer, [image["id"], pdf["id"]])
    for client in (alice, desk):
        response = client.get(path)
        assert response.status_code == 200 and response["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in response["Content-Security-Policy"]
        assert client.get(f"{path}thumbnail/")["Content-Type"] == "image/webp"
    assert alice.get(f"/chat/attachments/{pdf['id']}/")["Content-Disposition"].startswith("attachment")
    charlie = Client()
    charlie.force_login(User.objects.create_user("charlie"))
    assert charlie.get(path).status_code == 404
    assert alice.delete(f"/chat/api/attachments/{image['id']}/").status_code == 404  # sent is sent
    unsent = upload(picture(), "other.png").json()["attachment"]
    assert alice.delete(f"/chat/api/attachments/{unsent['id']}/").status_code == 200


def test_my_data_holds_everything_that_is_kept(alice, customer, conversation, reply):
    services.record_sentiment(message=conversation.messages.get(seq=1), label="negative", probability=0.91)
    submit_form(conversation=conversation, name="Mia", email="mia@example.com")
    attachments.save_attachment(customer=customer, name="cup.png", content=picture())
    other = services.current_conversation(customer=Customer.objects.create())
    services.receive_message(conversation=other, text="of somebody else", client_id="z")
    archive = zipfile.ZipFile(io.BytesIO(alice.get("/chat/api/my-data/").content))
    data = archive.read("data.json").decode()
    for kept in ("my secret words", "negative", "0.91", "mia@example.com", "Within 30 days."):
        assert kept in data
    assert "of somebody else" not in data
    assert any(name.startswith("files/") for name in archive.namelist())
    assert any(name.startswith("conversations/") for name in archive.namelist())


def test_forget_me_leaves_nothing_in_any_table_or_folder(alice, customer, conversation, reply):
    submit_form(conversation=conversation, name="Mia", email="mia@example.com")
    file = attachments.save_attachment(customer=customer, name="cup.png", content=picture())
    services.rate_reply(reply=reply, rating="down", reason="my secret reason")
    stays = services.current_conversation(customer=Customer.objects.create())
    services.receive_message(conversation=stays, text="of somebody else", client_id="z")
    assert post(alice, "/chat/api/forget/").status_code == 400
    assert storage.path_of(file.file).exists() and rows_with("secret")
    assert post(alice, "/chat/api/forget/", is_sure=True).status_code == 200
    for trace in ("secret", "mia@example.com", customer.pk.hex, str(customer.pk), conversation.pk.hex):
        assert rows_with(trace) == []
    assert list(storage.stored_names()) == []
    assert rows_with("of somebody else")
    assert browser_of(customer).get("/chat/api/my-data/").status_code == 401


def rows_with(text: str) -> list[str]:
    """The tables, search indexes included, in which some column holds the text."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            if any(text in str(value) for row in cursor.fetchall() for value in row):
                found.append(table)
    return found
