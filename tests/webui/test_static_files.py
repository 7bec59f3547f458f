"""Scripts and style sheets as browsers get them: compressed, whole, and without a word about synchronous iterators."""

import gzip
import warnings
from pathlib import Path

from django.contrib.staticfiles import finders
from django.test import AsyncClient, Client

PATH = "/static/chat/chat.css"


def content() -> bytes:
    return Path(finders.find("chat/chat.css")).read_bytes()


async def test_under_asgi_a_file_is_sent_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        response = await AsyncClient().get(PATH)
        assert not response.streaming
    assert response.content == content()


def test_a_browser_that_takes_gzip_gets_a_quarter_of_the_bytes():
    plain, small = Client().get(PATH), Client().get(PATH, headers={"accept-encoding": "gzip, br"})
    assert "Content-Encoding" not in plain
    assert plain["Vary"] == small["Vary"] == "Accept-Encoding"
    assert plain["Content-Type"] == small["Content-Type"] == 'text/css; charset="utf-8"'
    assert int(small["Content-Length"]) == len(small.content) < len(content()) / 3
    assert gzip.decompress(small.content) == content()


def test_an_unchanged_file_is_not_sent_again_and_a_part_is_a_part():
    first = Client().get(PATH)
    again = Client().get(PATH, headers={"if-modified-since": first["Last-Modified"], "accept-encoding": "gzip"})
    assert (again.status_code, again.content) == (304, b"")
    part = Client().get(PATH, headers={"range": "bytes=0-9", "accept-encoding": "gzip"})
    assert (part.status_code, part.content) == (206, content()[:10])
    assert Client().head(PATH).content == b""
    assert Client().get("/static/chat/none.css").status_code == 404
