"""Who a customer is to the host: an id, name and e-mail address that the host's server signed with the key's secret.

The signature is HMAC-SHA256 (RFC 2104), in hex, over id, name and e-mail joined by line feeds, as UTF-8.
"""

import hashlib
import hmac
import unicodedata
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from chatbot.conversations.models import Customer
from chatbot.sites.models import SiteKey
from chatbot.sites.services import identity_secret


class IdentityRefusedError(ValueError):
    """Nothing was changed. `code` is stable: `bad_identity` (a field) or `wrong_hash`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Identity:
    id: str
    name: str = ""
    email: str = ""

    def __post_init__(self) -> None:
        """Raises IdentityRefusedError: every part must fit its column, and none may hold the line feed that joins."""
        if not self.id or len(self.id) > 128 or len(self.name) > 80:
            raise IdentityRefusedError("bad_identity")
        if any(unicodedata.category(char) in ("Cc", "Cs") for char in self.id + self.name + self.email):
            raise IdentityRefusedError("bad_identity")
        try:
            if self.email:
                validate_email(self.email)
        except ValidationError:
            raise IdentityRefusedError("bad_identity") from None


def sign_identity(secret: str, identity: Identity) -> str:
    """What the host's server computes."""
    message = "\n".join([identity.id, identity.name, identity.email])
    return hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()


@transaction.atomic
def identify_customer(*, site: SiteKey, customer: Customer | None, identity: Identity, signature: str) -> Customer:
    """The customer with this identity, who takes over what `customer` said here anonymously. Safe to call twice.

    Raises IdentityRefusedError("wrong_hash"), and then nothing is changed.
    """
    expected = sign_identity(identity_secret(site), identity)
    if not hmac.compare_digest(expected.encode(), signature.lower().encode("utf-8", "replace")):
        raise IdentityRefusedError("wrong_hash")
    known = Customer.objects.select_for_update().filter(external_id=identity.id).first()
    is_anonymous = customer is not None and customer.external_id is None
    if known is None:
        known = customer if customer is not None and is_anonymous else Customer.objects.create()
    elif customer is not None and is_anonymous:
        _hand_over(customer, known)
    known.external_id, known.is_identified = identity.id, True
    known.name, known.email = identity.name or known.name, identity.email or known.email
    known.save(update_fields=["external_id", "is_identified", "name", "email"])
    return known


def _hand_over(anonymous: Customer, known: Customer) -> None:
    """Everything of the anonymous customer becomes the known one's; where both have a row of a kind, theirs stays."""
    anonymous.conversations.filter(last_seq=0).delete()  # an empty one would be shown as the latest
    for relation in Customer._meta.related_objects:
        for row in relation.related_model._default_manager.filter(**{relation.field.name: anonymous}):
            setattr(row, relation.field.name, known)
            try:
                with transaction.atomic():
                    row.save(update_fields=[relation.field.name])
            except IntegrityError:
                continue
