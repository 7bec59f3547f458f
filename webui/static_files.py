"""Our style sheets and scripts over HTTP: WhiteNoise finds them, this hands them over whole and compressed.

WhiteNoise streams a file synchronously, which an ASGI server has to wait for; ours are small enough to be read at once.
"""

import gzip
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from whitenoise.middleware import WhiteNoiseMiddleware

_TEXTS = ("text/", "image/svg")
_WORTH_BYTES = 500


class StaticFilesMiddleware(WhiteNoiseMiddleware):
    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponse:
        found = static_file.get_response(request.method, request.META)
        content = found.file.read() if found.file else b""
        if found.file:
            found.file.close()
        response = HttpResponse(content, status=int(found.status))
        del response["Content-Type"]
        for name, value in found.headers:
            response[name] = value
        if response.status_code == HTTPStatus.OK and response.get("Content-Type", "").startswith(_TEXTS):
            _compress(response, request)
        return response


def _compress(response: HttpResponse, request: HttpRequest) -> None:
    patch_vary_headers(response, ["Accept-Encoding"])
    if len(response.content) < _WORTH_BYTES or "gzip" not in request.headers.get("Accept-Encoding", ""):
        return
    response.content = gzip.compress(response.content, compresslevel=6, mtime=0)
    response["Content-Encoding"] = "gzip"
    response["Content-Length"] = str(len(response.content))
