"""What we keep about a customer, handed over or deleted, completely: "give me my data" and "forget me".

Which tables hold something of a customer is read from the models themselves (every row that goes when the customer
goes), so a table that is added later is in both without a word here. Texts that the database indexes elsewhere follow
by its triggers; files are the attachments' own.
"""

import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models, transaction

from chatbot import events
from chatbot.attachments import storage
from chatbot.attachments.models import Attachment
from chatbot.attachments.services import delete_attachments_of
from chatbot.company.transcripts import transcript_text
from chatbot.conversations.models import Conversation, Customer

_NOT_TOLD = {"code_hash", "file"}  # a secret, and where the bytes lie


def export_of(customer: Customer, language: str) -> bytes:
    """A ZIP with everything: data.json (all rows), a readable transcript per conversation, and the files."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        data = json.dumps(rows_about(customer), cls=DjangoJSONEncoder, ensure_ascii=False, indent=1)
        archive.writestr("data.json", data)
        for conversation in Conversation.objects.visible_to(customer).order_by("created_at"):
            name = f"conversations/{conversation.created_at:%Y-%m-%d}-{conversation.pk.hex[:6]}.txt"
            archive.writestr(name, transcript_text(conversation, language))
        for attachment in Attachment.objects.filter(customer=customer):
            path = storage.path_of(attachment.file)
            if path.exists():
                archive.writestr(f"files/{attachment.pk.hex[:6]}-{attachment.name}", path.read_bytes())
    return output.getvalue()


def rows_about(customer: Customer) -> dict[str, list[dict[str, Any]]]:
    """Every row that belongs to the customer, by table, ready for JSON."""
    tables: dict[str, list[dict[str, Any]]] = {"conversations.customer": [_as_dict(customer)]}
    for model, keys in _keys_of_rows(customer).items():
        if model is not Customer:
            rows = model._default_manager.filter(pk__in=keys).order_by("pk")
            tables[model._meta.label_lower] = [_as_dict(row) for row in rows]
    return tables


def _keys_of_rows(customer: Customer) -> dict[type[models.Model], set[Any]]:
    """Follows every foreign key that deletes with its target, from the customer outwards."""
    found: dict[type[models.Model], set[Any]] = defaultdict(set)
    found[Customer] = {customer.pk}
    waiting: list[type[models.Model]] = [Customer]
    while waiting:
        target = waiting.pop()
        for model, name in _references_to(target):
            keys = set(model._default_manager.filter(**{f"{name}__in": found[target]}).values_list("pk", flat=True))
            if keys - found[model]:
                found[model] |= keys
                waiting.append(model)
    return dict(found)


def _references_to(target: type[models.Model]) -> Iterable[tuple[type[models.Model], str]]:
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.get_fields():
            if (
                isinstance(field, models.ForeignKey)
                and field.related_model is target
                and field.remote_field.on_delete is models.CASCADE
            ):
                yield model, field.name


def _as_dict(row: models.Model) -> dict[str, Any]:
    """The columns by name; who works here is left out, agents are told by the name that the customer saw."""
    return {
        field.attname: _plain(field.value_from_object(row))
        for field in row._meta.concrete_fields
        if field.name not in _NOT_TOLD and field.related_model is not User
    }


def _plain(value: Any) -> Any:
    """What JSON has; anything else (a search index's own type) by its text."""
    try:
        json.dumps(value, cls=DjangoJSONEncoder)
    except TypeError:
        return str(value)
    return value


@transaction.atomic
def forget_customer(*, customer: Customer) -> None:
    """Deletes the customer with all conversations, files and whatever hangs on them; their sessions end with them.

    Nothing can bring it back. Safe to repeat. The desk is told, so that open pages drop the rows.
    """
    conversations = list(Conversation.objects.filter(customer=customer).values_list("pk", flat=True))
    delete_attachments_of(customer=customer)
    Customer.objects.filter(pk=customer.pk).delete()
    _purge_search_index()
    for conversation_id in conversations:
        changed = events.ConversationChanged(conversation_id=str(conversation_id))
        transaction.on_commit(partial(events.publish, changed))


def _purge_search_index() -> None:
    """SQLite's full-text tables only mark a deleted text; merging all their parts drops its words for good.

    https://www.sqlite.org/fts5.html, "The 'optimize' Command". PostgreSQL's index goes with the row.
    """
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%USING fts5%'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'INSERT INTO "{table}"("{table}") VALUES (%s)', ["optimize"])
