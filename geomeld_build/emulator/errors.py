"""What the emulated service answers when a request cannot be served."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["EvalError", "ServiceError", "SignaturesMissing"]

_STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class EvalError(Exception):
    """A function refused its input. The evaluator puts the function's name in front of the message."""


class SignaturesMissing(RuntimeError):
    """The list of function signatures, which the ``ee`` client ships, is not installed."""


class ServiceError(Exception):
    """An HTTP error answer in the shape of the service.

    Attributes:
        message: what the client shows to its user.
        status: HTTP status code.
        headers: extra answer headers, e.g. ``Retry-After``.
        reason: legacy reason such as ``rateLimitExceeded``, which decides on the client's retry of a 403.
    """

    def __init__(
        self, message: str, status: int = 400, *, headers: Mapping[str, str] | None = None, reason: str | None = None
    ) -> None:
        super().__init__(message, status)
        self.message = message
        self.status = status
        self.headers = dict(headers or {})
        self.reason = reason

    def __str__(self) -> str:
        return self.message

    def body(self) -> dict[str, object]:
        """The JSON body of the answer."""
        error: dict[str, object] = {
            "code": self.status,
            "message": self.message,
            "status": _STATUS_NAMES.get(self.status, "UNKNOWN"),
        }
        if self.reason is not None:
            error["errors"] = [{"message": self.message, "domain": "usageLimits", "reason": self.reason}]
        return {"error": error}
