"""Keys made, changed and asked for; the identity secret of a key. What sessions and identities prove is beside this."""

import hashlib
import hmac
from collections.abc import Sequence

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from chatbot.sites.models import SiteKey, new_salt

OWN_SITE_NAME = "This site"


class SiteRefusedError(PermissionError):
    """A key or origin that can't be served. `code` is stable: `unknown_key`, `inactive_key` or `origin_not_allowed`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@transaction.atomic
def create_site_key(*, name: str, allowed_origins: Sequence[str]) -> SiteKey:
    """A new active key. Raises ValidationError on an origin that is none."""
    site = SiteKey(name=name, allowed_origins=list(allowed_origins))
    site.full_clean()
    site.save()
    return site


def site_for(*, key: str, origin: str) -> SiteKey:
    """The active key that may be used on pages of `origin`. Raises SiteRefusedError."""
    site = SiteKey.objects.filter(key=key).first()
    if site is None:
        raise SiteRefusedError("unknown_key")
    if not site.is_active:
        raise SiteRefusedError("inactive_key")
    if not site.allows(origin):
        raise SiteRefusedError("origin_not_allowed")
    return site


def is_known_origin(origin: str) -> bool:
    """Whether any active key allows this origin: all that can be asked before a request shows its token."""
    return any(site.allows(origin) for site in SiteKey.objects.active())


def identity_secret(site: SiteKey) -> str:
    """What the host's server signs identities with. The same until it is rotated or SECRET_KEY changes."""
    message = f"kefu.identity:{site.key}:{site.secret_salt}"
    return hmac.new(settings.SECRET_KEY.encode(), message.encode(), hashlib.sha256).hexdigest()


@transaction.atomic
def rotate_identity_secret(*, site: SiteKey) -> str:
    """A new secret; what was signed with the old one is refused from now on."""
    site.secret_salt = new_salt()
    SiteKey.objects.filter(pk=site.pk).update(secret_salt=site.secret_salt)
    return identity_secret(site)


@transaction.atomic
def ensure_own_site_key(*, origins: Sequence[str]) -> SiteKey:
    """The key for this installation's own pages, made once; what an admin changed about it stays."""
    if found := SiteKey.objects.filter(name=OWN_SITE_NAME).first():
        return found
    try:
        return create_site_key(name=OWN_SITE_NAME, allowed_origins=origins)
    except ValidationError:
        return create_site_key(name=OWN_SITE_NAME, allowed_origins=[])
