"""A real HTTP server on loopback that speaks the streaming chat protocol, and misbehaves as a test tells it to."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Script:
    """Each request takes the next of `answers`; the last one is repeated. An answer is a text, or a dict:
    status, body, headers: a refusal; raw: lines as they are; cut_after: pieces before the connection is cut;
    pause_s: silence before each piece.
    """

    answers: list[Any] = field(default_factory=lambda: ["ok"])
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    url: str = ""

    def next(self) -> Any:
        return self.answers[min(len(self.requests), len(self.answers)) - 1]


@contextmanager
def openai_server(*answers: Any) -> Iterator[Script]:
    script = Script(list(answers) or ["ok"])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            script.requests.append(json.loads(body) | {"path": self.path})
            script.keys.append(self.headers.get("Authorization"))
            answer = script.next()
            answer = answer if isinstance(answer, dict) else {"text": answer}
            with contextlib.suppress(OSError):  # the client has gone
                self._refuse(answer) if "status" in answer else self._stream(answer)
            self.close_connection = True

        def _refuse(self, answer: dict[str, Any]) -> None:
            data = answer.get("body", "").encode()
            self.send_response(answer["status"])
            for name, value in answer.get("headers", {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _stream(self, answer: dict[str, Any]) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for number, line in enumerate(answer.get("raw") or list(_events(answer["text"]))):
                if number == answer.get("cut_after", -1):
                    return
                time.sleep(answer.get("pause_s", 0))
                self._chunk(line + "\n\n")
            self._chunk("")

        def _chunk(self, text: str) -> None:
            data = text.encode()
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    script.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()


def _events(text: str) -> Iterator[str]:
    for start in range(0, len(text), 4):
        yield "data: " + json.dumps({"choices": [{"delta": {"content": text[start : start + 4]}}]})
    yield "data: " + json.dumps({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    yield "data: [DONE]"
