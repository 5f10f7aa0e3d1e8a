"""The two ways a question to someone else can fail to bring what was asked for."""


class NoAnswer(Exception):
    """No answer in time: timeout, lost connection, 5xx, or `request-in-progress`.

    Proves nothing about the other side: the command may have been done, or may yet be.
    A refusal (404, 409, 402) is an answer and never raises this.
    """
