"""Customers' sessions: a signed, expiring token that names a customer. No HTTP here: webui keeps it in a cookie."""

import uuid
from datetime import UTC, datetime

from django.core import signing

from chatbot.conversations.models import Customer

_SALT = "kefu.customer"


def start_session() -> tuple[Customer, str]:
    """A new anonymous customer and the token that proves to be them."""
    customer = Customer.objects.create()
    return customer, sign_session(customer)


def sign_session(customer: Customer) -> str:
    return signing.dumps([customer.pk.hex, datetime.now(UTC).timestamp()], salt=_SALT)


def customer_of(token: str | None, *, max_age_s: int) -> Customer | None:
    """The customer named by a token; None when it is missing, forged, older than `max_age_s` or signed before a
    revocation."""
    if not token:
        return None
    try:
        customer_id, signed_at = signing.loads(token, salt=_SALT, max_age=max_age_s)
        customer = Customer.objects.filter(pk=uuid.UUID(customer_id)).first()
    except (signing.BadSignature, ValueError, TypeError):
        return None
    if customer is None or signed_at < customer.sessions_valid_from.timestamp():
        return None
    return customer


def revoke_sessions(*, customer: Customer) -> None:
    """Every session signed so far is refused from now on; open sockets close at their next check."""
    Customer.objects.filter(pk=customer.pk).update(sessions_valid_from=datetime.now(UTC))
