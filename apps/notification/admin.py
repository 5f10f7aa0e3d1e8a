"""A window on notification: templates are editable, messages are not; a parked one can be retried."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.notification import services, wording
from apps.notification.models import Message, MessageKind, MessageState, Template
from shop.backoffice import marks
from shop.backoffice.pages import Page, ReadOnlyAdmin

TONES = {
    MessageState.QUEUED: marks.BUSY,
    MessageState.SENDING: marks.BUSY,
    MessageState.SENT: marks.GOOD,
    MessageState.PARKED: marks.BAD,
    MessageState.WITHHELD: marks.QUIET,
}


class TemplateForm(forms.ModelForm[Template]):
    """Refuses what is no template while its author is looking."""

    def clean_subject(self) -> str:
        return wording.checked(self.cleaned_data["subject"])

    def clean_text(self) -> str:
        return wording.checked(self.cleaned_data["text"])


@admin.register(Template)
class TemplateAdmin(Page):
    """The shop's own wordings. Deleting one brings the built-in wording back."""

    form = TemplateForm
    list_display = ["kind", "subject"]

    def get_readonly_fields(self, request: HttpRequest, obj: Template | None = None) -> list[str]:
        return ["kind"] if obj else []

    def save(self, request: HttpRequest, form: Any, formsets: Any) -> Template:
        worded = form.instance
        return services.word(kind=MessageKind(worded.kind), subject=worded.subject, text=worded.text)

    def delete(self, request: HttpRequest, obj: Template) -> None:
        services.use_built_in_wording(kind=MessageKind(obj.kind))


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """Messages as they were queued, and what became of them."""

    list_display = ["created_at", "subject", "about", "status", "attempts", "last_error", "sent_at"]
    list_display_links = ["subject"]
    list_filter = ["state", "kind"]
    search_fields = ["about", "email", "account_id", "event_id"]
    search_help_text = "Order number, a guest's e-mail address, or the id of an account or event"
    ordering = ["-created_at", "-id"]
    actions = ["retry_parked"]

    @admin.display(description="State")
    def status(self, message: Message) -> str:
        return marks.tag(message.state, TONES[MessageState(message.state)])

    def as_stored(self, lookup: str, text: str) -> str:
        return {"about": text.upper(), "email": text.lower()}.get(lookup, text)

    @admin.action(description="Send parked messages again", permissions=["operate"])
    def retry_parked(self, request: HttpRequest, queryset: QuerySet[Message]) -> None:
        retried = sum(services.retry(message_id=message.pk) for message in queryset)
        self.message_user(request, f"{retried} queued again.")
