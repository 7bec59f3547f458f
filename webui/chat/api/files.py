"""Files in and out: uploads of a customer, and the files themselves for that customer and for agents."""

from uuid import UUID

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from chatbot.attachments import services, storage
from chatbot.attachments.checks import FileRefusedError
from chatbot.attachments.models import Attachment
from chatbot.company.services import get_settings
from chatbot.conversations.models import Customer
from webui.chat.access import visitor_of_request
from webui.chat.api.door import ApiError, customer_api, done, need_form

_STATUS = {"too_large": 413, "too_many": 429, "off": 403}
_PRIVATE = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, max-age=3600",
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
    "Cross-Origin-Resource-Policy": "same-site",
    "Referrer-Policy": "no-referrer",
}


@customer_api("POST")
def upload(request: HttpRequest, customer: Customer) -> HttpResponse:
    """One file in the field `file`; refused before it is read where its length is declared as too large."""
    need_form(customer)
    limit = get_settings().attachment_max_mb * 1024 * 1024
    if int(request.META.get("CONTENT_LENGTH") or 0) > limit + 65_536:
        raise ApiError("too_large", 413)
    file = request.FILES.get("file")
    if file is None:
        raise ApiError("bad_request")
    if file.size is not None and file.size > limit:
        raise ApiError("too_large", 413)
    try:
        saved = services.save_attachment(customer=customer, name=file.name or "", content=file.read())
    except FileRefusedError as error:
        raise ApiError(error.code, _STATUS.get(error.code, 422)) from None
    return done(attachment=saved.payload())


@customer_api("DELETE")
def discard(request: HttpRequest, customer: Customer, attachment_id: UUID) -> HttpResponse:
    if not services.discard_attachment(customer=customer, attachment_id=attachment_id):
        raise Http404
    return done()


@require_safe
def attachment(request: HttpRequest, attachment_id: UUID) -> HttpResponse:
    """Images are shown, PDFs are saved; whoever may not see the file gets the same 404 as for none."""
    found = _visible(request, attachment_id)
    is_image = found.content_type.startswith("image/")
    return _send(found, storage.path_of(found.file), found.content_type, is_shown=is_image)


@require_safe
def thumbnail(request: HttpRequest, attachment_id: UUID) -> HttpResponse:
    found = _visible(request, attachment_id)
    if not found.has_thumbnail:
        raise Http404
    return _send(found, storage.thumbnail_path_of(found.file), "image/webp", is_shown=True)


def _visible(request: HttpRequest, attachment_id: UUID) -> Attachment:
    visitor = visitor_of_request(request)
    viewers = [visitor.customer if visitor else None, request.user]
    for viewer in viewers:
        found = Attachment.objects.visible_to(viewer).filter(pk=attachment_id).first()
        if found is not None:
            return found
    raise Http404


def _send(found: Attachment, path: object, content_type: str, *, is_shown: bool) -> HttpResponse:
    try:
        content = open(str(path), "rb")  # noqa: SIM115, PTH123  (FileResponse closes it)
    except FileNotFoundError as error:
        raise Http404 from error
    response = FileResponse(content, as_attachment=not is_shown, filename=found.name, content_type=content_type)
    for name, value in _PRIVATE.items():
        response[name] = value
    return response
