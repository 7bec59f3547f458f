"""Embed keys: which sites may show the chat, and how it looks there. Writes are in `services.py`."""

import secrets
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chatbot.sites.origins import is_allowed, normalise_pattern

MAX_ORIGINS = 50


def new_public_key() -> str:
    return f"kf_{secrets.token_hex(12)}"


def new_salt() -> str:
    return secrets.token_hex(16)


class SiteKeyQuerySet(models.QuerySet["SiteKey"]):
    def active(self) -> Self:
        return self.filter(is_active=True)


class SiteKey(models.Model):
    """One embedding site. `key` is public: it stands in the site's pages. The identity secret is not kept here:
    it is made from the installation's secret key and `secret_salt`, so a copy of the database signs nothing."""

    class Position(models.TextChoices):
        RIGHT = "right", gettext_lazy("Right")
        LEFT = "left", gettext_lazy("Left")

    class Language(models.TextChoices):
        PAGE = "", gettext_lazy("As the page")
        EN = "en", "English"
        ZH = "zh-hans", "简体中文"

    key = models.CharField(max_length=40, unique=True, default=new_public_key, editable=False)
    name = models.CharField(gettext_lazy("name"), max_length=80)
    allowed_origins = models.JSONField(
        gettext_lazy("allowed origins"),
        default=list,
        blank=True,
        help_text=gettext_lazy("One per line, such as https://shop.example or https://*.shop.example for subdomains."),
    )
    secret_salt = models.CharField(max_length=32, default=new_salt, editable=False)
    is_active = models.BooleanField(
        gettext_lazy("is active"), default=True, help_text=gettext_lazy("Off: the chat closes on this site.")
    )
    accent = models.CharField(
        gettext_lazy("accent colour"),
        max_length=7,
        blank=True,
        default="",
        validators=[RegexValidator(r"\A#[0-9a-fA-F]{6}\Z", gettext_lazy("Write the colour as #RRGGBB."))],
        help_text=gettext_lazy("#RRGGBB; empty: Kefu's own. Text on it is black or white, whichever reads better."),
    )
    radius_px = models.PositiveSmallIntegerField(
        gettext_lazy("corner radius in px"), default=12, validators=[MaxValueValidator(32)]
    )
    position = models.CharField(gettext_lazy("position"), max_length=5, choices=Position, default=Position.RIGHT)
    launcher_text_en = models.CharField(gettext_lazy("launcher text, English"), max_length=30, blank=True, default="")
    launcher_text_zh = models.CharField(gettext_lazy("launcher text, Chinese"), max_length=30, blank=True, default="")
    language = models.CharField(
        gettext_lazy("language"), max_length=8, choices=Language, blank=True, default=Language.PAGE
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SiteKeyQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        verbose_name = gettext_lazy("site key")
        verbose_name_plural = gettext_lazy("site keys")

    def __str__(self) -> str:
        return self.name

    def allows(self, origin: str) -> bool:
        return is_allowed(origin, self.allowed_origins)

    def theme(self) -> dict[str, Any]:
        """How the chat looks on this site, as the script gets it."""
        texts = {"en": self.launcher_text_en, "zh-hans": self.launcher_text_zh}
        return {
            "accent": self.accent,
            "radius": self.radius_px,
            "position": self.position,
            "texts": texts,
            "language": self.language,
        }

    def clean(self) -> None:
        super().clean()
        if not isinstance(self.allowed_origins, list) or len(self.allowed_origins) > MAX_ORIGINS:
            raise ValidationError({"allowed_origins": _("At most %(num)s origins.") % {"num": MAX_ORIGINS}})
        kept: list[str] = []
        for line in self.allowed_origins:
            try:
                kept.append(normalise_pattern(str(line)))
            except ValueError:
                told = _("%(line)s is no origin. Write it like https://shop.example, without a path.") % {"line": line}
                raise ValidationError({"allowed_origins": told}) from None
        self.allowed_origins = list(dict.fromkeys(kept))
