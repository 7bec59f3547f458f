"""What a customer takes along or has deleted: transcript, e-mail, all their data, "forget me"."""

from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse

from chatbot.company import emails
from chatbot.company.models import TranscriptRequest
from chatbot.company.transcripts import transcript_html, transcript_json, transcript_text
from chatbot.conversations.models import Customer
from chatbot.privacy import export_of, forget_customer
from webui.chat.api.door import ApiError, customer_api, done, own_conversation, read_json, text_of
from webui.chat.api.views import language_of


@customer_api("GET")
def transcript(request: HttpRequest, customer: Customer, conversation_id: UUID, form: str) -> HttpResponse:
    conversation, language = own_conversation(customer, conversation_id), language_of(request)
    if form == "json":
        response: HttpResponse = JsonResponse(transcript_json(conversation), json_dumps_params={"ensure_ascii": False})
    elif form == "html":
        response = HttpResponse(transcript_html(conversation, language))
    else:
        response = HttpResponse(
            "\ufeff" + transcript_text(conversation, language), content_type="text/plain; charset=utf-8"
        )
    response["Content-Disposition"] = f'attachment; filename="chat.{form}"'
    return response


@customer_api("POST")
def email_transcript(request: HttpRequest, customer: Customer, conversation_id: UUID) -> HttpResponse:
    conversation, content = own_conversation(customer, conversation_id), read_json(request)
    try:
        asked = emails.request_transcript(
            conversation=conversation, email=text_of(content, "email", 254), language=language_of(request)
        )
    except emails.TranscriptRefusedError as error:
        raise ApiError(error.code, 429 if error.code == "too_many" else 422) from None
    return done(request=asked.pk)


@customer_api("POST")
def confirm_transcript(request: HttpRequest, customer: Customer, request_id: int) -> HttpResponse:
    asked = TranscriptRequest.objects.filter(pk=request_id, customer=customer).first()
    if asked is None:
        raise Http404
    try:
        emails.confirm_transcript(request=asked, code=text_of(read_json(request), "code", 20))
    except emails.TranscriptRefusedError as error:
        raise ApiError(error.code, 422) from None
    return done()


@customer_api("GET")
def my_data(request: HttpRequest, customer: Customer) -> HttpResponse:
    response = HttpResponse(export_of(customer, language_of(request)), content_type="application/zip")
    response["Content-Disposition"] = 'attachment; filename="my-data.zip"'
    return response


@customer_api("POST")
def forget(request: HttpRequest, customer: Customer) -> HttpResponse:
    """Only with {"is_sure": true}: the page has asked once."""
    if read_json(request).get("is_sure") is not True:
        raise ApiError("not_sure")
    forget_customer(customer=customer)
    response = done()
    response.delete_cookie(settings.CUSTOMER_SESSION_COOKIE, samesite="Lax")
    return response
