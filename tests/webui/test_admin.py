"""The admins' pages, through HTTP: who enters, and every write to the answers."""

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from chatbot.conversations.models import ADMINS_GROUP, AGENTS_GROUP
from chatbot.knowledge import services
from chatbot.knowledge.models import Answer, AnswerVersion

pytestmark = pytest.mark.django_db

LIST = "/admin/knowledge/answer/"
ADD, IMPORT, EXPORT = f"{LIST}add/", f"{LIST}import/", f"{LIST}export/"
CHANGE, DELETE, HISTORY = (f"{LIST}returns.en/{page}/" for page in ("change", "delete", "history"))
HEADER = "id,language,question,alternatives,answer,tags\n"


def client_of(name: str, group: str | None = None, **fields) -> Client:
    user = User.objects.create_user(name, **fields)
    if group:
        user.groups.add(Group.objects.get_or_create(name=group)[0])
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def bob(db) -> Client:
    return client_of("bob", ADMINS_GROUP)


@pytest.fixture
def returns(db) -> Answer:
    return services.save_answer(
        id="returns.en",
        language="en",
        question="Can I return it?",
        answer="Within 30 days.",
        alternatives=["send it back", "refund?"],
        tags=["returns"],
    )


def form(**changes) -> dict[str, str]:
    fields = {"id": "returns.en", "language": "en", "question": "Can I return it?", "answer": "Within 30 days."}
    return fields | {"alternatives": "send it back\nrefund?", "tags": "returns", "is_live": "on"} | changes


def upload(client: Client, text: str | bytes, button: str = "import"):
    content = text.encode() if isinstance(text, str) else text
    return client.post(IMPORT, {"file": SimpleUploadedFile("answers.csv", content), button: ""}, follow=True)


def test_admins_enter_by_their_group_and_nobody_else_does(bob, returns):
    alice = client_of("alice", AGENTS_GROUP)
    charlie = client_of("charlie")
    dave = client_of("dave", is_staff=True)  # what Django's own admin asks for means nothing here
    restore = f"{LIST}returns.en/restore/1/"
    for address in (LIST, ADD, IMPORT, EXPORT, CHANGE, DELETE, HISTORY, "/admin/knowledge/answerversion/"):
        assert bob.get(address).status_code == 200, address
        assert [client.get(address).status_code for client in (alice, charlie, dave)] == [403] * 3, address
        assert Client().get(address, follow=True).redirect_chain[-1][0] == f"/login/?next={address}"
    for client in (alice, charlie, dave):
        assert client.post(CHANGE, form(answer="Never.")).status_code == 403
        assert client.post(DELETE, {"post": "yes"}).status_code == 403
        assert client.post(restore).status_code == 403
        assert upload(client, HEADER + "x.en,en,Q?,,A.,").status_code == 403
    assert Client().post(CHANGE, form(answer="Never.")).status_code == 302
    assert [answer.answer for answer in Answer.objects.all()] == ["Within 30 days."]


def test_users_and_groups_are_for_superusers(bob):
    root = client_of("root", is_superuser=True)
    for address in ("/admin/auth/user/", "/admin/auth/user/add/", "/admin/auth/group/"):
        assert bob.get(address).status_code == 403
        assert root.get(address).status_code == 200
    assert "/admin/auth/user/" not in bob.get(LIST).content.decode()
    assert "/admin/auth/user/" in root.get(LIST).content.decode()


def test_the_admin_site_opens_on_the_answers(bob):
    assert bob.get("/admin/").url == LIST


def test_an_added_answer_is_live_in_the_index_and_has_a_first_version(bob):
    response = bob.post(
        ADD,
        form(id="tea.en", question="Which tea?", alternatives="what tea\n\n any tea ", tags="tea，drinks, tea"),
        follow=True,
    )
    assert "was added successfully" in response.content.decode()
    answer = Answer.objects.get(pk="tea.en")
    assert (answer.alternatives, answer.tags) == (["what tea", "any tea"], ["tea", "drinks"])
    version = AnswerVersion.objects.get(answer_id="tea.en")
    assert (version.number, version.change, version.changed_by.username) == (1, "created", "bob")
    assert "tea.en" in {entry.id for entry in services.entries_of_file(services.export_answers())}


def test_an_edit_keeps_the_id_and_adds_a_version(bob, returns):
    bob.post(CHANGE, form(id="other.en", answer="Within 60 days.", is_live=""))
    answer = Answer.objects.get()
    assert (answer.pk, answer.answer, answer.is_live) == ("returns.en", "Within 60 days.", False)
    assert AnswerVersion.objects.filter(answer_id="returns.en").count() == 2


def test_a_wrong_answer_says_what_to_do_and_saves_nothing(bob, returns):
    for changes, told in (
        ({"id": "returns.en"}, "already exists"),
        ({"id": "no spaces please"}, "Use letters, digits"),
        ({"id": "new.en", "answer": " "}, "This field is required"),
        ({"id": "new.en", "tags": "a|b"}, "Leave out the character |"),
    ):
        assert told in bob.post(ADD, form(**changes)).content.decode()
    assert list(Answer.objects.values_list("pk", flat=True)) == ["returns.en"]


def test_a_deleted_answer_can_be_restored_from_its_versions(bob, returns):
    bob.post(DELETE, {"post": "yes"})
    assert not Answer.objects.exists()
    assert "This answer is deleted" in bob.get(HISTORY).content.decode()
    assert "returns.en" in bob.get("/admin/knowledge/answerversion/").content.decode()
    response = bob.post(f"{LIST}returns.en/restore/1/", follow=True)
    assert "Version 1 is live again" in response.content.decode()
    assert Answer.objects.get().answer == "Within 30 days."


def test_answers_deleted_together_keep_their_versions(bob, returns):
    services.save_answer(id="tea.en", language="en", question="Which tea?", answer="Green.")
    chosen = {"action": "delete_selected", "_selected_action": ["returns.en", "tea.en"], "post": "yes"}
    bob.post(LIST, chosen)
    assert not Answer.objects.exists()
    assert AnswerVersion.objects.filter(change="deleted").count() == 2


def test_an_earlier_version_is_restored_and_a_missing_one_is_404(bob, returns):
    bob.post(CHANGE, form(answer="Within 60 days."))
    assert bob.get(f"{LIST}returns.en/restore/1/").status_code == 405
    assert bob.post(f"{LIST}returns.en/restore/9/").status_code == 404
    bob.post(f"{LIST}returns.en/restore/1/")
    assert Answer.objects.get().answer == "Within 30 days."
    assert AnswerVersion.objects.filter(answer_id="returns.en").count() == 3


def test_the_list_is_searched_and_filtered(bob, returns):
    services.save_answer(id="cha.zh", language="zh", question="有什么茶？", answer="绿茶。", tags=["茶"], is_live=False)
    for query, found in (
        ("q=refund", "returns.en"),
        ("q=绿茶", "cha.zh"),
        ("language__exact=zh", "cha.zh"),
        ("is_live__exact=1", "returns.en"),
        ("tag=茶", "cha.zh"),
        ("o=-1&tag=returns", "returns.en"),
    ):
        html = bob.get(f"{LIST}?{query}").content.decode()
        shown = {pk for pk in ("returns.en", "cha.zh") if f"{LIST}{pk}/change/" in html}
        assert shown == {found}, query


def test_an_import_tells_what_is_new_changed_and_the_same(bob, returns):
    rows = (
        "returns.en,en,Can I return it?,send it back|refund?,Within 90 days.,returns\ntea.zh,zh,有什么茶？,,绿茶。,茶\n"
    )
    response = upload(bob, "\ufeff" + HEADER + rows)
    assert "1 new, 1 changed, 0 unchanged" in response.content.decode()
    assert Answer.objects.get(pk="returns.en").answer == "Within 90 days."
    assert Answer.objects.get(pk="tea.zh").tags == ["茶"]


def test_a_check_of_a_file_tells_the_same_and_saves_nothing(bob, returns):
    response = upload(bob, HEADER + "tea.en,en,Which tea?,,Green.,\n", button="check")
    assert "1 new, 0 changed, 0 unchanged" in response.content.decode()
    assert list(Answer.objects.values_list("pk", flat=True)) == ["returns.en"]
    assert not AnswerVersion.objects.filter(answer_id="tea.en").exists()


def test_a_file_with_bad_rows_changes_nothing_and_names_the_lines(bob, returns):
    rows = "tea.en,en,Which tea?,,Green.,\nx.en,fr,Q?,,A.,\ny.en,en,,,A.,\n"
    response = upload(bob, HEADER + rows)
    html = response.content.decode()
    assert response.status_code == 422
    assert "2 problems, so nothing was imported" in html
    assert '<td class="kefu-num">3</td><td>The language must be en or zh.</td>' in html
    assert '<td class="kefu-num">4</td>' in html
    assert list(Answer.objects.values_list("pk", flat=True)) == ["returns.en"]


def test_a_file_that_is_no_answers_file_says_what_to_do(bob):
    for content, told in (
        ("茶".encode("gbk"), "not in UTF-8"),
        (b"", "That file is empty"),
        ("a,b\n1,2\n", "is unknown"),
    ):
        assert told in upload(bob, content).content.decode()
    assert "Choose a file first" in bob.post(IMPORT, {"import": ""}).content.decode()


def test_an_export_imported_again_changes_nothing(bob, returns):
    services.save_answer(
        id="cha.zh", language="zh", question='茶，"好"吗？', answer="绿茶，\n红茶。", tags=["茶", "饮"]
    )
    exported = bob.get(EXPORT)
    assert exported["Content-Disposition"] == 'attachment; filename="answers.csv"'
    before = [answer.snapshot() for answer in Answer.objects.all()]
    assert "0 new, 0 changed, 2 unchanged" in upload(bob, exported.content).content.decode()
    assert [answer.snapshot() for answer in Answer.objects.all()] == before


def test_the_content_security_policy_is_off_for_the_admin_site_only(bob):
    assert "Content-Security-Policy" not in bob.get(LIST)
    assert "Content-Security-Policy" in bob.get("/desk/")
