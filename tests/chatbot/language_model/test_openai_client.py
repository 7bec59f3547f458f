"""The bigger model's client against a real server on loopback: what it reads, retries and reports."""

import json
import logging

import pytest

from chatbot.language_model.openai_client import BiggerModelError, OpenAiClient
from tests.chatbot.language_model.openai_server import openai_server
from tests.site import free_port

KEY = "sk-very-secret-key"
ASK = [{"role": "user", "content": "Hello"}]


def client_of(url, **options):
    return OpenAiClient(url=url, model="big", key=KEY, **({"max_retries": 0, "read_timeout_s": 2.0} | options))


def code_of(client):
    with pytest.raises(BiggerModelError) as caught:
        client.complete(ASK)
    assert KEY not in f"{caught.value!r} {caught.value} {client!r}"
    return caught.value.code


def test_an_answer_is_read_as_a_stream_and_the_key_goes_in_the_header():
    with openai_server("Guten Tag, 您好。") as server:
        client = client_of(server.url)
        assert client.complete(ASK) == "Guten Tag, 您好。"
        assert len(list(client.stream(ASK))) > 2
    request = server.requests[0]
    assert (request["path"], request["model"], request["stream"]) == ("/v1/chat/completions", "big", True)
    assert request["messages"] == ASK
    assert server.keys[0] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "bad_request"), (401, "refused_key"), (403, "refused_key"), (404, "not_found"), (429, "rate_limited"),
        (500, "server_error"), (503, "server_error"), (302, "bad_request"),
    ],
)  # fmt: skip
def test_a_refusal_has_a_code_and_never_the_key_even_when_the_server_quotes_it(status, code):
    body = json.dumps({"error": {"message": f"wrong: {KEY}"}})
    with openai_server({"status": status, "body": body, "headers": {"Location": "http://127.0.0.1:1/"}}) as server:
        assert code_of(client_of(server.url)) == code
        assert len(server.requests) == 1


def test_what_may_pass_is_tried_again_and_no_more_often_than_allowed(caplog):
    busy = {"status": 503, "body": KEY}
    with openai_server(busy, {"text": "abcdefghijkl", "cut_after": 2}, "at last") as server:
        assert client_of(server.url, max_retries=2).complete(ASK) == "at last"
        assert len(server.requests) == 3
    assert "trying again" in caplog.text and KEY not in caplog.text
    with openai_server(busy) as server:
        assert code_of(client_of(server.url, max_retries=1)) == "server_error"
        assert len(server.requests) == 2


def test_a_wrong_key_is_not_tried_again():
    with openai_server({"status": 401}, "never") as server:
        assert code_of(client_of(server.url, max_retries=2)) == "refused_key"
        assert len(server.requests) == 1


def test_a_server_that_says_how_long_to_wait_is_not_waited_for_beyond_the_time_limit():
    with openai_server({"status": 429, "headers": {"Retry-After": "60"}}) as server:
        assert code_of(client_of(server.url, max_retries=2, timeout_s=2.0)) == "rate_limited"
        assert len(server.requests) == 1


@pytest.mark.parametrize("cut_after", [0, 1, 3])
def test_a_connection_that_is_cut_gives_no_half_answer(cut_after):
    with openai_server({"text": "half an answer", "cut_after": cut_after}) as server:
        assert code_of(client_of(server.url)) == "cut_off"


def test_a_stream_without_its_end_is_no_answer():
    with openai_server({"raw": ['data: {"choices": [{"delta": {"content": "half"}}]}']}) as server:
        assert code_of(client_of(server.url)) == "cut_off"


@pytest.mark.parametrize(
    "line",
    ["data: {not json", "data: []", 'data: {"choices": [7]}', 'data: {"choices": [{"delta": {"content": 7}}]}',
     'data: {"other": 1}', '{"choices": []}'],
)  # fmt: skip
def test_what_is_not_the_protocol_is_malformed(line):
    with openai_server({"raw": [line, "data: [DONE]"]}) as server:
        assert code_of(client_of(server.url)) == "malformed"


def test_an_error_within_the_stream_is_an_error():
    with openai_server({"raw": ['data: {"error": {"message": "out of memory"}}']}) as server:
        assert code_of(client_of(server.url)) == "server_error"


def test_an_answer_that_ran_into_its_limit_is_refused():
    raw = ['data: {"choices": [{"delta": {"content": "and so"}, "finish_reason": "length"}]}', "data: [DONE]"]
    with openai_server({"raw": raw}) as server:
        assert code_of(client_of(server.url)) == "too_long"


def test_a_silent_server_and_an_endless_one_end_in_a_timeout():
    with openai_server({"text": "slow", "pause_s": 1.0}) as server:
        assert code_of(client_of(server.url, read_timeout_s=0.2)) == "timeout"
    with openai_server({"text": "drip " * 40, "pause_s": 0.05}) as server:
        assert code_of(client_of(server.url, timeout_s=0.5)) == "timeout"


def test_a_server_that_is_not_there_is_unreachable():
    assert code_of(client_of(f"http://127.0.0.1:{free_port()}/v1")) == "unreachable"
    assert code_of(client_of("not a url")) == "unreachable"


def test_comments_and_events_without_choices_are_passed_over():
    raw = [": ping", "event: message", 'data: {"choices": [{"delta": {"role": "assistant"}}]}',
           'data: {"choices": [{"delta": {"content": "ok"}, "finish_reason": "stop"}]}',
           'data: {"choices": [], "usage": {"total_tokens": 3}}', "data: [DONE]"]  # fmt: skip
    with openai_server({"raw": raw}) as server:
        assert client_of(server.url).complete(ASK) == "ok"


def test_nothing_is_logged_with_the_key(caplog):
    caplog.set_level(logging.DEBUG)
    with openai_server("ok") as server:
        client_of(server.url).complete(ASK)
    assert KEY not in caplog.text
