"""Files by their content: what is kept is a clean copy, what lies is refused."""

import io

import pytest
from PIL import Image

from chatbot.attachments import checks
from chatbot.attachments.checks import FileRefusedError, check_file
from chatbot.attachments.names import clean_name

MB = 1024 * 1024
PDF_BODY = b"%PDF-1.4\n1 0 obj\n<</Type/Catalog>>\nendobj\n"
PDF = PDF_BODY + b"xref\n0 1\ntrailer\n<</Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(PDF_BODY)


def picture(kind: str = "PNG", size: tuple[int, int] = (600, 400), **options) -> bytes:
    output = io.BytesIO()
    Image.new("RGB", size, "teal").save(output, kind, **options)
    return output.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_an_image_is_kept_with_its_size_and_a_small_picture(kind):
    checked = check_file(picture(kind), max_bytes=MB)
    assert (checked.content_type, checked.width, checked.height) == (f"image/{kind.lower()}", 600, 400)
    assert max(Image.open(io.BytesIO(checked.thumbnail)).size) == checks.THUMBNAIL_PX


def test_where_a_photo_was_taken_is_not_kept():
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "at home", 6
    checked = check_file(picture("JPEG", exif=exif.tobytes()), max_bytes=MB)
    assert not Image.open(io.BytesIO(checked.content)).getexif()
    assert b"at home" not in checked.content
    assert (checked.width, checked.height) == (400, 600)  # upright, as it was meant


def test_a_moving_picture_keeps_its_frames():
    output = io.BytesIO()
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "blue")]
    frames[0].save(output, "GIF", save_all=True, append_images=frames[1:], duration=100)
    assert Image.open(io.BytesIO(check_file(output.getvalue(), max_bytes=MB).content)).n_frames == 3


def test_a_pdf_is_kept_as_it_is():
    assert check_file(PDF, max_bytes=MB).content == PDF


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"<html><script>alert(1)</script></html>", "wrong_type"),
        (b"MZ\x90\x00 a program", "wrong_type"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "wrong_type"),
        (picture()[:200], "broken"),
        (picture() + b"PK\x03\x04 an archive behind the picture", "mixed"),
        (picture("JPEG") + b"<script>alert(1)</script>", "mixed"),
        (b"\n<html>" + PDF, "wrong_type"),
        (PDF + b"PK\x03\x04 an archive", "mixed"),
        (b"%PDF-1.4\nno structure\n%%EOF", "broken"),
        (PDF[:60], "broken"),
    ],
)
def test_what_is_not_what_it_seems_is_refused(content, code):
    with pytest.raises(FileRefusedError) as refused:
        check_file(content, max_bytes=MB)
    assert refused.value.code == code


def test_a_large_file_and_a_bomb_are_refused_before_they_are_decoded(monkeypatch):
    with pytest.raises(FileRefusedError, match="too_large"):
        check_file(picture() + bytes(20 * MB), max_bytes=10 * MB)
    bomb = picture(size=(8000, 6000))  # a few kilobytes that would be 48 million pixels
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(FileRefusedError, match="too_many_pixels"):
        check_file(bomb, max_bytes=10 * MB)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("photo.png", "photo.png"),
        ("../../etc/passwd", "passwd.png"),
        ("C:\\Users\\me\\cup.png", "cup.png"),
        ("gpj.\u202eexe.png", "gpj.exe.png"),
        ("a\x00b\nc.png", "abc.png"),
        ("杯子 破了.PNG", "杯子 破了.PNG"),
        ("page.html", "page.html.png"),
        ("cup.jpg", "cup.png"),
        ("", "image.png"),
        (".png", "image.png"),
        ("x" * 300 + ".png", "x" * 96 + ".png"),
    ],
)
def test_names_are_cleaned(name, kept):
    assert clean_name(name, "image/png") == kept
