"""A host's site for browser tests: pages of another origin, with a strict content policy and hostile style rules."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NONCE = "bm9uY2Vmb3J0ZXN0cw"
HOSTILE = """
* { all: unset !important; font-size: 40px !important; color: red !important }
button { display: none !important } svg { display: none !important } html { font-size: 40px }
:root { --accent: magenta; --surface: magenta; --text: yellow }
"""


def policy(kefu: str) -> str:
    socket = kefu.replace("http", "ws", 1)
    return (
        f"default-src 'none'; script-src 'nonce-{NONCE}' 'strict-dynamic'; style-src 'nonce-{NONCE}'; "
        f"connect-src {kefu} {socket}; img-src {kefu} data: blob:; base-uri 'none'"
    )


def page(kefu: str, key: str, *, attributes: str = "", css: str = "", html: str = 'lang="en"', before: str = "") -> str:
    return f"""<!doctype html><html {html}><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<title>A shop</title><style nonce="{NONCE}">{css}</style></head>
<body><main><h1>A shop</h1><p id="text">Tea and teaware.</p></main>
<script nonce="{NONCE}">window.violations = [];
document.addEventListener("securitypolicyviolation",
  (e) => violations.push(e.violatedDirective + " " + e.blockedURI));{before}</script>
<script nonce="{NONCE}" src="{kefu}/embed.js" data-kefu-key="{key}" {attributes} async></script></body></html>"""


class Host:
    """`show` what the next request gets; `url` names it by 127.0.0.1, `other_url` the same server by localhost."""

    def __init__(self, port: int) -> None:
        self.url, self.other_url = f"http://127.0.0.1:{port}", f"http://localhost:{port}"
        self.html, self.policy = "", ""

    def show(self, kefu: str, key: str, **more: str) -> str:
        self.html, self.policy = page(kefu, key, **more), policy(kefu)
        return self.url + "/"


@contextmanager
def running_host() -> Iterator[Host]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = host.html.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Security-Policy", host.policy)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """A test's output is not the place."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host = Host(server.server_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
