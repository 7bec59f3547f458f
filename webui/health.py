"""Whether the process lives (`/healthz`) and whether a question would be answered (`/readyz`)."""

import redis
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from chatbot import queue


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """200 while the process lives; touches nothing else."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when database, Redis-protocol server and a warm reply worker are there; else 503 with what is missing."""
    missing = [] if _database_answers() else ["database"]
    try:
        num_workers = len(queue.ready_workers("reply"))
    except redis.RedisError:
        missing += ["redis", "reply worker"]
    else:
        missing += [] if num_workers else ["reply worker"]
    return JsonResponse({"ready": not missing, "missing": missing}, status=503 if missing else 200)


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True
