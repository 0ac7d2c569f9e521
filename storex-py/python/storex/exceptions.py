"""What storex raises.

Every failure is a :class:`StorexError` with a stable ``code``; the class follows the code's kind, so that one can catch broadly
(``except storex.ConflictError``) or exactly (``if error.code == "domain_taken"``). Both modes, the REST API and the command line share one
table of codes (``docs/errors.md``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .values import Operation

__all__ = [
    "AuthenticationError",
    "ClientClosedError",
    "ConflictError",
    "CorruptError",
    "DeniedError",
    "ForkedProcessError",
    "InternalError",
    "Interrupted",
    "NotFoundError",
    "OperationFailed",
    "OperationPoisoned",
    "OperationRolledBack",
    "RateLimitedError",
    "StorexError",
    "StorexTimeoutError",
    "UnavailableError",
    "UpstreamError",
    "ValidationError",
    "WaitTimeoutError",
    "operation_of",
]


class StorexError(Exception):
    """Anything storex refuses or cannot do. ``str()`` says what happened; the attributes say the rest."""

    code: str
    """Stable code, such as ``domain_taken``."""
    message: str
    """One sentence."""
    pointer: str | None
    """JSON pointer of the offending field, such as ``/storeDetails/email``."""
    operation_id: str | None
    """The operation concerned."""
    next_step: str
    """What the reader can do about it."""
    unclear: bool
    """True when the effect may have happened: look before trying again."""
    context: Mapping[str, Any]
    """Further facts."""
    log: tuple[str, ...]
    """Last log lines of the store concerned, oldest first."""
    retry_after: float | None
    """Earliest useful retry, in seconds from when this was raised."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "internal",
        pointer: str | None = None,
        operation_id: str | None = None,
        next_step: str = "",
        unclear: bool = False,
        context: Mapping[str, Any] | None = None,
        log: tuple[str, ...] = (),
        retry_after: float | None = None,
    ) -> None:
        """An error with this message and these facts."""
        super().__init__(message)
        self.message = message
        self.code = code
        self.pointer = pointer
        self.operation_id = operation_id
        self.next_step = next_step
        self.unclear = unclear
        self.context = dict(context or {})
        self.log = tuple(log)
        self.retry_after = retry_after

    def __str__(self) -> str:
        """The code and the message, with the facts behind."""
        facts = {"pointer": self.pointer, "operation": self.operation_id, **self.context}
        told = "".join(f" [{key}={value}]" for key, value in facts.items() if value is not None)
        return f"{self.code}: {self.message}{told}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Exceptions travel between processes, as pytest-xdist and multiprocessing need it."""
        return _rebuilt, (type(self), self.message, dict(self.__dict__))


class ValidationError(StorexError, ValueError):
    """The request can never succeed as written; ``pointer`` names the field."""


class AuthenticationError(StorexError, PermissionError):
    """No or wrong credentials."""


class DeniedError(StorexError, PermissionError):
    """The caller is known but may not do this."""


class NotFoundError(StorexError, LookupError):
    """The named thing does not exist."""


class ConflictError(StorexError):
    """The request collides with something that exists or is going on."""


class RateLimitedError(StorexError):
    """A dependency asked to slow down; see ``retry_after``."""


class UnavailableError(StorexError, ConnectionError):
    """A dependency cannot be reached or is not ready."""


class StorexTimeoutError(StorexError, TimeoutError):
    """No answer in time."""


class WaitTimeoutError(StorexTimeoutError):
    """The time to wait is over; the operation goes on (``operation_id``)."""


class UpstreamError(StorexError):
    """A dependency refused, or answered something it should not."""


class CorruptError(StorexError):
    """Stored data cannot be understood."""


class InternalError(StorexError):
    """A defect of storex."""


class ForkedProcessError(StorexError, RuntimeError):
    """The client was made before this process was forked: its threads are not here. Make one in every process."""


class ClientClosedError(StorexError, RuntimeError):
    """The client is closed."""


class OperationFailed(StorexError):
    """An operation did not succeed. ``operation`` holds its steps and tasks; ``__cause__`` is the error that made it end."""

    operation: Operation
    """The operation as it ended."""


class OperationRolledBack(OperationFailed):
    """The operation failed and everything it made was removed."""


class OperationPoisoned(OperationFailed):
    """The operation needs an operator: it can go neither on nor back. Mend the cause, then retry it."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C ended the waiting. What was begun goes on: ``operation_id`` names it where it is known."""

    operation_id: str | None
    """The operation that goes on; none when nothing was begun, or that could not be found out within a tenth of a second."""

    def __init__(self, message: str, *, operation_id: str | None = None) -> None:
        """An interrupt while this operation was waited for."""
        super().__init__(message)
        self.operation_id = operation_id

    def __reduce__(self) -> tuple[Any, ...]:
        """As any other exception of storex."""
        return _rebuilt, (type(self), self.args[0], dict(self.__dict__))


def operation_of(error: BaseException | None) -> str | None:
    """The operation an exception is about, which goes on whatever ended the waiting for it.

    It looks at the exception and at what it was raised from. So it also answers for an ``asyncio.CancelledError``, for the ``TimeoutError`` of
    ``asyncio.timeout`` and for what a signal handler of the program's own raises: none of them are storex's, and the calls they end name the operation
    on them. None when no operation was begun, or that could not be found out within a tenth of a second.

    >>> operation_of(StorexError("failed", operation_id="op_1"))
    'op_1'
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        named = getattr(error, "operation_id", None)
        if isinstance(named, str):
            return named
        error = error.__cause__ or error.__context__
    return None


def _rebuilt(kind: type[BaseException], message: str, state: dict[str, Any]) -> BaseException:
    error = kind(message)
    error.__dict__.update(state)
    return error


_KINDS: Mapping[str, type[StorexError]] = {
    "invalid": ValidationError,
    "unauthenticated": AuthenticationError,
    "denied": DeniedError,
    "not_found": NotFoundError,
    "conflict": ConflictError,
    "rate_limited": RateLimitedError,
    "unavailable": UnavailableError,
    "timeout": StorexTimeoutError,
    "upstream": UpstreamError,
    "corrupt": CorruptError,
}
_CODES: Mapping[str, type[StorexError]] = {"forked_process": ForkedProcessError, "client_closed": ClientClosedError}


def _of(failure: Mapping[str, Any]) -> StorexError:
    """The exception for a failure as the native half tells it."""
    code = failure["code"]
    kind = _CODES.get(code) or _KINDS.get(failure["kind"], InternalError)
    return kind(
        failure["message"],
        code=code,
        pointer=failure.get("pointer"),
        operation_id=failure.get("operation"),
        next_step=failure.get("next_step", ""),
        unclear=failure.get("unclear", False),
        context=failure.get("context"),
        log=tuple(failure.get("log", ())),
        retry_after=failure.get("retry_after"),
    )


def _invalid(pointer: str, message: str) -> ValidationError:
    """A value that is refused before anything is sent, as the REST API would."""
    next_step = "Correct the field named by the pointer and send the request again."
    return ValidationError(message, code="invalid_field", pointer=pointer, next_step=next_step)
