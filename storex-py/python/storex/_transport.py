"""Calls to the native half: blocking, or awaited on whichever loop is running."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ._storex import Engine, Pending
from .exceptions import Interrupted, _of

if TYPE_CHECKING:
    import asyncio

_Told = tuple[bool, str, str | None, bool]
_News = TypeVar("_News")


@dataclass(frozen=True, slots=True)
class Call:
    """A use case by name, in the shape of the REST API."""

    name: str
    id: str = ""
    query: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Follow:
    """Waiting for an operation: for its rest or, when ``seen`` is given, for a change."""

    id: str
    limit: float
    seen: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    document: Any
    text: str
    operation: str | None
    replayed: bool


def _answer(told: _Told) -> Answer:
    ok, text, operation, replayed = told
    document = json.loads(text)
    if not ok:
        raise _of(document)
    return Answer(document, text, operation, replayed)


def _goes_on(request: Call | Follow, found: object) -> str | None:
    """The operation that goes on although nobody waits for it any more."""
    if isinstance(found, str):
        return found
    return request.id if request.id.startswith("op_") else None


class Transport:
    """Calls that block, with the interpreter released."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def send(self, request: Call | Follow) -> Answer:
        """Carries the request out."""
        try:
            if isinstance(request, Follow):
                told = self.engine.follow(request.id, request.limit, request.seen)
            else:
                told = self.engine.call(request.name, request.id, list(request.query), request.body, request.key)
        except KeyboardInterrupt as interrupt:
            # The engine has named it, where it found it out.
            operation = _goes_on(request, getattr(interrupt, "operation_id", None))
            known = f"operation {operation} goes on" if operation else "what was begun goes on"
            raise Interrupted(f"interrupted; {known}", operation_id=operation) from interrupt
        return _answer(told)


class AsyncTransport:
    """Calls that are awaited. Cancelling the task drops the call; what it has begun goes on."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def send(self, request: Call | Follow) -> Answer:
        """Carries the request out."""
        # Programs that only block do without it: it takes longer to import than all of storex.
        import asyncio

        loop = asyncio.get_running_loop()
        future: asyncio.Future[_Told] = loop.create_future()

        def done(ok: bool, text: str, operation: str | None, replayed: bool) -> None:
            _tell(loop, future, (ok, text, operation, replayed))

        pending = self._begin(request, done)
        try:
            told = await future
        except asyncio.CancelledError as cancelled:
            pending.cancel()
            operation = await _begun(loop, pending)
            cancelled.operation_id = _goes_on(request, operation)  # type: ignore[attr-defined]
            raise
        return _answer(told)

    def _begin(self, request: Call | Follow, done: Callable[[bool, str, str | None, bool], None]) -> Pending:
        if isinstance(request, Follow):
            return self.engine.start_follow(done, request.id, request.limit, request.seen)
        return self.engine.start(done, request.name, request.id, list(request.query), request.body, request.key)


def _tell(loop: asyncio.AbstractEventLoop, future: asyncio.Future[_News], news: _News) -> None:
    """Gives the future its result, from any thread."""

    def settle() -> None:
        if not future.done():
            future.set_result(news)

    try:
        loop.call_soon_threadsafe(settle)
    except RuntimeError:
        # The loop is closed: nobody waits any more.
        pass


async def _begun(loop: asyncio.AbstractEventLoop, pending: Pending) -> str | None:
    """The operation that a call has begun which was given up; asked for a moment only."""
    import asyncio

    future: asyncio.Future[str | None] = loop.create_future()
    pending.begun(lambda operation: _tell(loop, future, operation))
    try:
        return await future
    except asyncio.CancelledError:
        # Cancelled once more: nobody has the time.
        return None
