"""The chat's features in a real browser: files, thumbs, sources, menu, the end, and "forget me"."""

import email
import email.policy
import re

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.chatbot.attachments.test_checks import picture
from tests.e2e.test_first_light import ask, expect_reply, rows
from tests.site import Site
from tests.workers.test_supervisor import wait_until

PATIENCE_MS = 60_000


def file_of(name: str, content: bytes) -> dict:
    return {"name": name, "mimeType": "image/png", "buffer": content}


def open_menu(page: Page, item: str) -> None:
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name=item).click()


def test_an_answer_says_where_it_comes_from_and_takes_a_thumb_with_a_reason(customer: Page, site: Site):
    ask(customer, "How much is standard delivery?")
    expect_reply(customer, "$6.90")
    source = customer.get_by_role("button", name=re.compile("^From: .+[,?] [A-Z][a-z]+ [0-9]+$")).first
    source.click()
    expect(source).to_have_attribute("aria-expanded", "true")
    customer.get_by_role("button", name="Not helpful").click()
    customer.get_by_role("button", name="Hard to understand").click()
    expect(customer.get_by_text("Thank you. That helps us.")).to_be_visible()
    latest = "SELECT rating, rating_reason FROM conversations_reply ORDER BY id DESC LIMIT 1"
    wait_until(lambda: rows(site, latest) == [("down", "Hard to understand")])


def test_a_picture_goes_out_with_a_message_and_a_lie_does_not(customer: Page):
    expect(customer.get_by_role("button", name="Attach a file")).to_be_visible(timeout=PATIENCE_MS)
    files = customer.locator("input[type=file]")
    files.set_input_files(file_of("page.png", b"<html><script>alert(1)</script>"))
    expect(customer.get_by_text("Send an image (PNG, JPEG, WebP, GIF) or a PDF.").first).to_be_visible()
    customer.get_by_role("button", name="Remove page.png").click()
    files.set_input_files(file_of("cup.png", picture()))
    expect(customer.get_by_role("progressbar")).to_have_count(0)
    ask(customer, "It arrived like this")
    shown = customer.get_by_role("log").get_by_role("img", name="cup.png")
    expect(shown).to_be_visible(timeout=PATIENCE_MS)
    customer.wait_for_function("document.querySelector('.file-image img').naturalWidth > 0")


def test_the_end_asks_for_a_rating_and_forget_me_takes_everything(customer: Page, site: Site):
    ask(customer, "A sentence that nobody else writes")
    expect(customer.locator("[role=log] [data-author=bot][data-seq]")).to_have_count(1, timeout=PATIENCE_MS)
    with customer.expect_download() as download:
        open_menu(customer, "Download the transcript")
    assert "A sentence that nobody else writes" in download.value.path().read_text()
    open_menu(customer, "End the chat")
    customer.get_by_text("How was this chat?").wait_for()
    customer.locator(".star").nth(3).click()
    customer.get_by_role("button", name="Send rating").click()
    expect(customer.get_by_text("Thank you. That helps us.").first).to_be_visible()
    assert rows(site, "SELECT rating FROM conversations_conversation ORDER BY rated_at DESC LIMIT 1") == [(4,)]
    assert not Axe().run(customer).response["violations"]
    open_menu(customer, "Forget me")
    expect(customer.get_by_role("button", name="Cancel", exact=True)).to_be_focused()
    customer.get_by_role("button", name="Delete everything").click()
    expect(customer.get_by_role("log")).not_to_contain_text("A sentence", timeout=PATIENCE_MS)
    assert rows(site, "SELECT 1 FROM conversations_message WHERE text LIKE '%nobody else writes%'") == []


def mails(site: Site) -> list[email.message.EmailMessage]:
    """What the site has sent, the latest last; each worker writes into files of its own."""
    written = sorted((site.home / "mail").glob("*.log"), key=lambda file: file.stat().st_mtime)
    pieces = [
        piece for file in written for piece in file.read_bytes().split(b"\n" + b"-" * 79 + b"\n") if piece.strip()
    ]
    return [email.message_from_bytes(piece, policy=email.policy.default) for piece in pieces]


def test_the_transcript_is_mailed_to_an_address_whose_owner_typed_the_code(customer: Page, site: Site):
    ask(customer, "How much is standard delivery?")
    expect_reply(customer, "$6.90")
    customer.get_by_role("button", name="Not helpful").wait_for()
    open_menu(customer, "E-mail the transcript")
    dialog = customer.get_by_role("dialog", name="E-mail the transcript")
    box = dialog.get_by_label("E-mail")
    expect(box).to_be_focused()
    box.fill("mia at example")
    customer.keyboard.press("Enter")
    told = dialog.get_by_role("alert")
    expect(told).to_have_text("This is no e-mail address. Check it for typos.", timeout=PATIENCE_MS)
    box.fill("mia@example.com")
    customer.keyboard.press("Enter")
    code_box = dialog.get_by_label("Code from the mail")
    expect(code_box).to_be_focused(timeout=PATIENCE_MS)
    wait_until(lambda: len(mails(site)) == 1)
    code = re.search(r"\b\d{6}\b", mails(site)[0]["Subject"])[0]
    code_box.fill("000000" if code != "000000" else "111111")
    customer.keyboard.press("Enter")
    expect(told).to_have_text("That is not the code. Check the mail again.", timeout=PATIENCE_MS)
    assert not Axe().run(customer).response["violations"]
    code_box.fill(code)
    dialog.get_by_role("button", name="Send the transcript").click()
    expect(dialog).to_have_count(0, timeout=PATIENCE_MS)
    expect(customer.locator("[data-announcer]")).to_contain_text("The transcript is on its way.")
    expect(customer.get_by_role("textbox")).to_be_focused()
    wait_until(lambda: len(mails(site)) == 2)
    mail = mails(site)[1]
    assert (mail["To"], mail["Subject"]) == ("mia@example.com", "Transcript of your chat")
    page = next(mail.iter_attachments())
    assert page.get_filename() == "chat.html" and page.get_content_type() == "text/html"
    for part in (mail.get_body().get_content(), page.get_content()):
        assert "How much is standard delivery?" in part and "$6.90" in part
