"""Notification's entries in the menu of every admin page."""

from shop.backoffice.menu import entry

entry(
    role="notification",
    section="Settings",
    position=10,
    title="Messages",
    icon="mail",
    page="notification/message/",
    permission="notification.view_message",
)

entry(
    role="notification",
    section="Settings",
    position=20,
    title="Wordings",
    icon="edit_note",
    page="notification/template/",
    permission="notification.view_template",
)
