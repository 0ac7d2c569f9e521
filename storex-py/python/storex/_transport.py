"""Calls to the native half: blocking, or awaited on whichever loop is running."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._storex import Engine, Pending
from .exceptions import Interrupted, _of

if TYPE_CHECKING:
    import asyncio

_Told = tuple[bool, str, str | None, bool]


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
            operation = request.id if request.id.startswith("op_") else None
            known = f"operation {operation} goes on" if operation else "what was begun goes on"
            raise Interrupted(f"interrupted; {known}", operation_id=operation) from interrupt
        return _answer(told)


class AsyncTransport:
    """Calls that are awaited. Cancelling the task drops the call; what it has begun goes on."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def send(self, request: Call | Follow) -> Answer:
        """Carries the request out."""
        engine = self.engine
        if isinstance(request, Follow):
            follow = request
            return await _settled(lambda done: engine.start_follow(done, follow.id, follow.limit, follow.seen))
        call = request
        return await _settled(lambda done: engine.start(done, call.name, call.id, list(call.query), call.body, call.key))


async def _settled(begin: Callable[[Callable[[bool, str, str | None, bool], None]], Pending]) -> Answer:
    # Programs that only block do without it: it takes longer to import than all of storex.
    import asyncio

    loop = asyncio.get_running_loop()
    future: asyncio.Future[_Told] = loop.create_future()

    def settle(told: _Told) -> None:
        if not future.done():
            future.set_result(told)

    def done(ok: bool, text: str, operation: str | None, replayed: bool) -> None:
        try:
            loop.call_soon_threadsafe(settle, (ok, text, operation, replayed))
        except RuntimeError:
            # The loop is closed: nobody waits any more.
            pass

    pending = begin(done)
    try:
        told = await future
    except asyncio.CancelledError:
        pending.cancel()
        raise
    return _answer(told)
