"""Our style sheets and scripts over HTTP: WhiteNoise finds them, this hands them over whole and compressed.

WhiteNoise streams a file synchronously, which an ASGI server has to wait for; ours are small enough to be read at once.
"""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware

from webui.compression import compress

_TEXTS = ("text/", "image/svg")


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
            compress(response, request)
        return response
