"""For your own tests: a sandbox whose faults are scripted, whose time is virtual, and that says what was left behind.

With pytest, take the fixture ``storex_sandbox``; it fails the test that leaves a store, a record or a claim behind.
"""

from __future__ import annotations

import json
from typing import Any, Literal, Self

from .. import _requests, _settings
from .._async import AsyncStorex
from .._settings import LogLevel
from .._storex import Engine
from .._sync import Storex
from .._transport import Call

__all__ = ["Faults", "Sandbox"]


class Faults:
    """Faults of the calls a sandbox's engine makes: ``repo.put``, ``domains.create_zone``, ``host.apply``, ``notifier.deliver``, …"""

    def __init__(self, sandbox: Sandbox) -> None:
        """The faults of this sandbox."""
        self._sandbox = sandbox

    def add(
        self,
        call: str,
        fault: str | dict[str, object],
        *,
        subject: str = "",
        when: Literal["before", "after"] = "before",
        nth: int = 1,
        times: int = 1,
    ) -> None:
        """Makes a call fail: the ``nth`` from now about a subject that contains ``subject``, and ``times`` of them (0 is for ever).

        ``fault`` is ``"unavailable"``, ``"unclear"``, ``"hold"`` (until :meth:`clear`), ``"no_answer"``, ``"undecodable"``, ``"denied"``, ``"twice"``,
        ``"disk"``, or one with a value: ``{"refuse": "corrupt"}``, ``{"rate_limited": 3}``, ``{"late": 5}``, ``{"slow": 50}``
        (milliseconds; then the call goes well). ``when`` says whether it strikes before the effect or loses the answer after it. Raises
        :class:`~storex.ValidationError` for what is no fault.
        """
        rule = {"call": call, "subject": subject, "nth": nth, "times": times, "when": when, "fault": fault}
        self._sandbox._ask("fault", body=json.dumps(rule))

    def clear(self) -> None:
        """Removes all faults and lets held calls go on."""
        self._sandbox._ask("clear")

    def fired(self) -> int:
        """How many calls the faults that are set have hit: a test whose fault never struck proves nothing."""
        return sum(rule["fired"] for rule in self._sandbox._ask("faults"))


class Sandbox(Storex):
    """A client of a world in memory that a test may meddle with."""

    def __init__(self, engine: Engine, description: str) -> None:
        """A sandbox on this engine. Use :meth:`sandbox`."""
        super().__init__(engine, description)
        self.faults: Faults = Faults(self)

    @classmethod
    def sandbox(cls, *, virtual_time: bool = True, seed: int = 0, log_level: LogLevel = "info") -> Self:
        """A world of its own, in virtual time unless said otherwise: hours pass in no time, and only while a call is going on."""
        return cls(_settings.sandbox(virtual_time, seed, log_level), "sandbox")

    def as_async(self) -> AsyncStorex:
        """The same world, awaited. Closing either closes both."""
        client = AsyncStorex(self._engine, self._description)
        client._owns = False
        return client

    def left_behind(self) -> list[str]:
        """Everything in the world that belongs to stores, one line each; empty when no store was ever made or all are wholly gone."""
        return list(self._ask("traces"))

    def broken_promises(self) -> list[str]:
        """Everything that is wrong once no operation is going on: orphans, stores that are neither wholly there nor wholly gone. Empty when all is well."""
        return list(self._ask("judge"))

    def messages(self) -> list[dict[str, Any]]:
        """Messages delivered to owners, oldest first."""
        return list(self._ask("messages"))

    def calls(self) -> list[dict[str, Any]]:
        """Calls the engine made to the world, oldest first."""
        return list(self._ask("calls"))

    def elapse(self, seconds: int) -> None:
        """Lets this much time pass; in virtual time at once."""
        self._ask("elapse", query=(("seconds", str(seconds)),))

    def silence(self, username: str) -> None:
        """Makes the processes of this username start and never serve."""
        self._ask("silence", username)

    def unsilence(self, username: str) -> None:
        """Lets them serve again."""
        self._ask("unsilence", username)

    def insert_foreign_zone(self, domain: str) -> None:
        """Puts a zone that storex did not make into the account."""
        self._ask("foreign_zone", domain)

    def activate_zone(self, domain: str) -> None:
        """The owner has named the zone's name servers: it becomes active."""
        self._ask("activate", domain)

    def _ask(self, what: str, subject: str = "", query: tuple[tuple[str, str], ...] = (), body: str | None = None) -> Any:
        return self._transport.send(Call(f"sandbox.{what}", _requests._text(subject), query, body)).document
