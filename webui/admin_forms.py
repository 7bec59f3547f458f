"""The forms of the admin site: an answer with its lists as plain text, and the upload of an answers file."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from chatbot.knowledge.models import Answer

IMPORT_MAX_BYTES = 10 * 1024 * 1024


class TextListField(forms.CharField):
    """A list of short texts, written with a separator between them. Spaces and empty entries don't count."""

    def __init__(self, *, separator: str, aliases: str = "", **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)
        self.separator, self.aliases = separator, aliases

    def prepare_value(self, value: Any) -> Any:
        joiner = self.separator if self.separator == "\n" else f"{self.separator} "
        return joiner.join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        text = str(value or "")
        for alias in self.aliases:
            text = text.replace(alias, self.separator)
        return [part.strip() for part in text.split(self.separator) if part.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return list(initial or []) != self.to_python(data)


class AnswerForm(forms.ModelForm):
    """Alternatives one per line, tags with commas between them (the full-width ones too)."""

    alternatives = TextListField(
        separator="\n",
        label=_("Alternatives"),
        help_text=_("Other ways to ask the same, one per line."),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5}),
    )
    tags = TextListField(
        separator=",",
        aliases="，、",
        label=_("Tags"),
        help_text=_("Separated by commas, such as delivery, returns."),
        widget=UnfoldAdminTextInputWidget(),
    )

    class Meta:
        model = Answer
        fields = ("id", "language", "question", "alternatives", "answer", "tags", "is_live")


class ImportForm(forms.Form):
    """A CSV file in UTF-8; `text` is what it holds."""

    file = forms.FileField(
        label=_("Answers file"),
        error_messages={"required": _("Choose a file first."), "empty": _("That file is empty. Choose another one.")},
    )

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if file.size is None or file.size > IMPORT_MAX_BYTES:
            raise ValidationError(_("That file is larger than 10 MB. Choose a smaller one."))
        try:
            self.cleaned_data["text"] = file.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValidationError(
                _("That file is not in UTF-8. Save it as “CSV UTF-8” and choose it again.")
            ) from error
        return file
