"""What both clients have in common: how they are made and shown, and what an answer says of a store that is being made."""

from __future__ import annotations

import atexit
import os
import warnings
import weakref
from typing import Any, Protocol, Self, TypeVar

from . import _requests, _settings
from ._settings import LogLevel
from ._storex import Engine
from ._transport import Answer
from .values import Configuration, Domains

T_co = TypeVar("T_co", covariant=True)


class Page(Protocol[T_co]):
    """A page of a list."""

    @property
    def items(self) -> tuple[T_co, ...]:
        """What is on it."""

    @property
    def next_page_token(self) -> str | None:
        """Where the next page begins; none when nothing follows."""


Item = TypeVar("Item")
PageOf = TypeVar("PageOf", bound=Page[Any])


# Threads of an engine must not meet an interpreter that is ending.
_clients: weakref.WeakSet[Client] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for client in list(_clients):
        client._engine.close()


class Client:
    """A control plane, however it is called."""

    # False when another client closes the engine.
    _owns = True

    def __init__(self, engine: Engine, description: str) -> None:
        """A client of this engine. Use :meth:`sandbox`, :meth:`embedded` or :meth:`connect`."""
        self._engine = engine
        self._description = description
        _clients.add(self)

    @classmethod
    def sandbox(cls, *, virtual_time: bool = False, seed: int = 0, log_level: LogLevel = "info") -> Self:
        """A world of its own in memory: nothing to install, nothing leaves the process, nothing stays.

        With ``virtual_time`` hours pass in no time, and only while a call is going on. The same ``seed`` and the same calls give the same run.
        """
        return cls(_settings.sandbox(virtual_time, seed, log_level), "sandbox")

    @classmethod
    def embedded(
        cls,
        *,
        data: str | os.PathLike[str] | None = None,
        mongodb: str | None = None,
        primary_domain: str = "storex.com",
        router: str = "http://localhost:3000",
        cloudflare_token: str | None = None,
        cloudflare_account: str | None = None,
        simulator: bool | str | os.PathLike[str] = False,
        agent: str | None = None,
        agent_token: str | None = None,
        reconcile: bool = True,
        log_level: LogLevel = "info",
    ) -> Self:
        """The engine in this process. What is not given is a twin in memory.

        ``data`` is the file of the documents; one engine at a time has it. ``mongodb`` (``mongodb://user:password@a,b,c/storex?replicaSet=rs0``) keeps them
        in that database instead, which any number of engines and controllers share; its password is shown nowhere. ``cloudflare_token`` works on the real account, ``simulator`` on a
        simulated Cloudflare in this process (a path keeps its state). ``agent`` (``127.0.0.1:8081``) and ``agent_token`` name the store host.
        ``reconcile`` looks for drift in the background and repairs it. The engine opens at the first call or at the beginning of the block.
        """
        engine = _settings.embedded(
            data,
            mongodb,
            primary_domain,
            router,
            cloudflare_token,
            cloudflare_account,
            simulator,
            agent,
            agent_token,
            reconcile,
            log_level,
        )
        return cls(engine, f"embedded {primary_domain!r}")

    @classmethod
    def connect(cls, url: str, token: str, *, log_level: LogLevel = "info") -> Self:
        """A controller behind its REST API, such as ``storex up``: ``http`` to this machine, ``https`` to any.

        The token is in the file ``admin.token`` of its data directory. Nothing is sent before the first call.
        """
        return cls(_settings.remote(url, token, log_level), f"remote {url!r}, token=***")

    def __repr__(self) -> str:
        """Where calls go; the token is not shown."""
        state = ", closed" if self._engine.closed else ""
        return f"{type(self).__name__}({self._description}{state})"

    @property
    def closed(self) -> bool:
        """True once it is closed."""
        return self._engine.closed

    @property
    def calls_in_flight(self) -> int:
        """How many calls are going on in the engine."""
        return self._engine.in_flight

    def __del__(self) -> None:
        """Warns of a client that was not closed."""
        engine = getattr(self, "_engine", None)
        if engine is not None and self._owns and not engine.closed:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)


class Created:
    """What the answer to a creation says."""

    _answer: Answer

    @property
    def store_id(self) -> str:
        """Identifier of the store."""
        return str(self._answer.document["store_id"])

    @property
    def domains(self) -> Domains:
        """Its host names."""
        return Domains.from_dict(self._answer.document["domains"])

    @property
    def configuration(self) -> Configuration:
        """What is left to do for them."""
        return Configuration.from_dict(self._answer.document["configuration"])

    @property
    def replayed(self) -> bool:
        """True when the request was a repetition (its ``idempotency_key`` was known) and nothing new was begun."""
        return self._answer.replayed

    def to_dict(self) -> dict[str, Any]:
        """The answer as the REST API gives it."""
        return dict(_requests.parsed(self._answer.text))

    def __repr__(self) -> str:
        """The store and the operation."""
        return f"{type(self).__name__}(store_id={self.store_id!r}, id={self._answer.operation!r}, replayed={self.replayed})"
