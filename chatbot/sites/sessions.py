"""Bearer tokens of embedded chats: each names a customer, a key and an origin, is signed, and expires.

Kept by the host page (other sites' cookies are blocked by browsers). Asked again, so a key turned off, an origin taken
away or a revoked session ends it.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from django.core import signing

from chatbot.conversations.models import Customer
from chatbot.sites.models import SiteKey
from chatbot.sites.origins import normalise_origin
from chatbot.sites.services import SiteRefusedError, site_for

_SALT = "kefu.embed"
_MAX_CHARS = 1000


@dataclass(frozen=True, kw_only=True)
class EmbedSession:
    customer: Customer
    site: SiteKey
    origin: str


def start_embed_session(*, site: SiteKey, origin: str) -> tuple[Customer, str]:
    """A new anonymous customer on this site, and their token."""
    customer = Customer.objects.create()
    return customer, sign_embed_session(customer=customer, site=site, origin=origin)


def sign_embed_session(*, customer: Customer, site: SiteKey, origin: str) -> str:
    fields = [customer.pk.hex, site.key, normalise_origin(origin), datetime.now(UTC).timestamp()]
    return signing.dumps(fields, salt=_SALT)


def embed_session_of(token: str, *, origin: str, max_age_s: int) -> EmbedSession | None:
    """What a token proves when it comes from a page of `origin`; None if anything about it isn't right now, or it is
    older than `max_age_s`."""
    known_origin = normalise_origin(origin)
    if not token or len(token) > _MAX_CHARS or known_origin is None:
        return None
    try:
        customer_id, key, signed_origin, signed_at = signing.loads(token, salt=_SALT, max_age=max_age_s)
        if signed_origin != known_origin:
            return None
        site = site_for(key=key, origin=known_origin)
        customer = Customer.objects.filter(pk=uuid.UUID(customer_id)).first()
    except (signing.BadSignature, SiteRefusedError, ValueError, TypeError):
        return None
    if customer is None or signed_at < customer.sessions_valid_from.timestamp():
        return None
    return EmbedSession(customer=customer, site=site, origin=known_origin)
