"""The one way in which the gateway says no."""


class Refusal(Exception):
    """A final answer that moves no money. ``code`` is stable; clients decide by it, never by the message.

    400, 413, 422: the request is wrong in itself. 409: right in itself, but the books forbid it.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class Outage(Exception):
    """The gateway is (or pretends to be) unable to process: 503, which is not an answer."""
