"""What storex answers: frozen values that compare, hash, pickle and show themselves.

Each keeps the document it was read from: :meth:`Value.to_dict` gives it back whole, with keys this version does not know.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

__all__ = [
    "Configuration",
    "Connector",
    "Domains",
    "Drift",
    "DriftReport",
    "Event",
    "Health",
    "HostTraffic",
    "Insight",
    "Operation",
    "OperationState",
    "Plan",
    "PlannedStep",
    "Problem",
    "Purge",
    "ReconcileReport",
    "Reissue",
    "SecurityEvent",
    "Step",
    "Store",
    "StoreDetails",
    "StorePage",
    "StoreState",
    "Task",
    "TaskState",
    "Tunnel",
    "Value",
    "Wait",
]

StoreState = Literal["configuring", "active", "deleting"]
"""Where a store is in its life."""
OperationState = Literal["queued", "running", "waiting", "succeeded", "unwinding", "settling", "rolled_back", "poisoned"]
"""Where an operation is. ``succeeded``, ``rolled_back`` and ``poisoned`` are at rest."""
TaskState = Literal["pending", "running", "succeeded", "skipped", "failed", "undone"]
"""Where a task of an operation is."""


@dataclass(frozen=True)
class Value:
    """A value read from a document."""

    _document: Mapping[str, Any] | None = field(default=None, repr=False, compare=False, kw_only=True)

    def to_dict(self) -> dict[str, Any]:
        """The document this was read from, as plain data of its own; of a value made by hand, its fields."""
        if self._document is None:
            return {name: value for name, value in asdict(self).items() if name != "_document"}
        return copy.deepcopy(dict(self._document))

    def to_json(self) -> str:
        """The document as JSON, keys in the API's order."""
        return json.dumps(self.to_dict(), ensure_ascii=False, default=str)


@dataclass(frozen=True)
class Domains(Value):
    """Host names of a store."""

    system: str
    """Name below the primary domain."""
    custom: str | None
    """The owner's own domain."""

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Domains:
        """Reads the document."""
        return cls(document["system"], document["custom"], _document=document)


@dataclass(frozen=True)
class Configuration(Value):
    """What is left to do for a store's domains."""

    nameservers: tuple[str, ...]
    """What the registrar of the custom domain must name; empty until it is known."""
    status: Literal["configuring", "active"]
    """Whether something is left to do."""
    next_steps: tuple[str, ...]
    """What the owner can do, in order."""

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Configuration:
        """Reads the document."""
        return cls(tuple(document["nameservers"]), document["status"], tuple(document["next_steps"]), _document=document)


@dataclass(frozen=True)
class StoreDetails(Value):
    """Who owns a store."""

    owner: str
    """Name of the owner."""
    email: str
    """Address of the owner."""
    plan: str | None
    """Plan the owner chose."""

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> StoreDetails:
        """Reads the document."""
        return cls(document["owner"], document["email"], document.get("plan"), _document=document)


@dataclass(frozen=True)
class Store(Value):
    """A store."""

    id: str
    """Identifier, such as ``oceanbreeze-12345``."""
    username: str
    """Name of the store."""
    state: StoreState
    """Where it is in its life."""
    domains: Domains
    """Its host names."""
    configuration: Configuration
    """What is left to do for them."""
    details: StoreDetails
    """Who owns it."""
    created_at: datetime
    """When it was asked for."""
    updated_at: datetime
    """When it last changed."""
    operation_id: str
    """The operation that changes or last changed it."""

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Store:
        """Reads the document."""
        return cls(
            document["store_id"],
            document["username"],
            document["state"],
            Domains.from_dict(document["domains"]),
            Configuration.from_dict(document["configuration"]),
            StoreDetails.from_dict(document["storeDetails"]),
            datetime.fromisoformat(document["created_at"]),
            datetime.fromisoformat(document["updated_at"]),
            document["operation"],
            _document=document,
        )


@dataclass(frozen=True)
class StorePage(Value):
    """A page of stores."""

    items: tuple[Store, ...]
    """The stores, by ascending identifier."""
    next_page_token: str | None
    """Where the next page begins; none when nothing follows."""

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> StorePage:
        """Reads the document."""
        return cls(tuple(map(Store.from_dict, document["stores"])), document["next_page_token"] or None, _document=document)


@dataclass(frozen=True)
class Problem(Value):
    """Why something did not succeed, as an operation remembers it."""

    code: str
    """Stable code."""
    message: str
    """One sentence."""
    pointer: str | None
    """JSON pointer of the offending field."""
    context: tuple[tuple[str, str], ...]
    """Facts, in order."""
    unclear: bool
    """Whether the effect was in doubt."""

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Problem:
        """Reads the document."""
        context = tuple((key, value) for key, value in document.get("context", ()))
        return cls(
            document["code"],
            document["message"],
            document.get("pointer"),
            context,
            document.get("unclear", False),
            _document=document,
        )


@dataclass(frozen=True)
class Wait(Value):
    """On whom a task waits."""

    who: str
    """Who has to act."""
    what: str
    """What is waited for."""
    since: datetime
    """Since when."""
    until: datetime
    """Until when; then the task has failed."""

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Wait:
        """Reads the document."""
        since, until = datetime.fromisoformat(document["since"]), datetime.fromisoformat(document["until"])
        return cls(document["who"], document["what"], since, until, _document=document)


@dataclass(frozen=True)
class Task(Value):
    """A task of an operation."""

    name: str
    """Name in the specification."""
    state: TaskState
    """Where it is."""
    failures: int
    """Tries that did not succeed."""
    reason: str | None
    """Why it is skipped."""
    error: Problem | None
    """Why it did not succeed yet, or at all."""
    waits_on: Wait | None
    """On whom it waits, which is no failure."""
    debts: tuple[str, ...]
    """What had to be left behind."""

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Task:
        """Reads the document."""
        error, wait = document.get("error"), document.get("waits_on")
        return cls(
            document["name"],
            document["state"],
            document["failures"],
            document.get("reason"),
            Problem.from_dict(error) if error else None,
            Wait.from_dict(wait) if wait else None,
            tuple(document.get("debts", ())),
            _document=document,
        )


@dataclass(frozen=True)
class Step(Value):
    """A step of an operation with its tasks."""

    action: str
    """Name in the specification."""
    tasks: tuple[Task, ...]
    """Its tasks, in order."""

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Step:
        """Reads the document."""
        return cls(document["action"], tuple(map(Task.from_dict, document["tasks"])), _document=document)


@dataclass(frozen=True)
class Operation(Value):
    """An operation as it was when it was asked for."""

    id: str
    """Identifier."""
    kind: str
    """What it does, such as ``create_store``."""
    label: str
    """Whom it is about: a username or ``platform``."""
    state: OperationState
    """Where it is."""
    done: bool
    """True when the state will not change without an operator."""
    created_at: datetime
    """When it was asked for."""
    updated_at: datetime
    """When it last changed."""
    steps: tuple[Step, ...]
    """Its steps with their tasks."""
    error: Problem | None
    """Why it was rolled back or poisoned."""

    @property
    def tasks(self) -> Iterator[Task]:
        """The tasks of all steps, in order."""
        return (task for step in self.steps for task in step.tasks)

    @property
    def succeeded(self) -> bool:
        """True once everything is as wanted."""
        return self.state == "succeeded"

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Operation:
        """Reads the document."""
        error = document.get("error")
        return cls(
            document["id"],
            document["kind"],
            document["label"],
            document["state"],
            document["done"],
            datetime.fromisoformat(document["created_at"]),
            datetime.fromisoformat(document["updated_at"]),
            tuple(map(Step.from_dict, document["steps"])),
            Problem.from_dict(error) if error else None,
            _document=document,
        )


@dataclass(frozen=True)
class Event:
    """Something of an operation that changed since it was last looked at. Each task's last state is told; short-lived ones may be missed."""

    operation_id: str
    """The operation."""
    subject: Literal["operation", "task"]
    """What changed."""
    name: str
    """The task's name, or what the operation does."""
    state: str
    """Where it is now: an :data:`OperationState` or a :data:`TaskState`."""
    step: str | None = None
    """The step of the task."""
    detail: str | None = None
    """Why, where there is something to say."""

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.name}: {self.state}" + (f" ({self.detail})" if self.detail else "")

    def to_dict(self) -> dict[str, Any]:
        """The event as plain data."""
        return dict(self.__dict__)


@dataclass(frozen=True)
class PlannedStep(Value):
    """One transition or check of a plan."""

    action: str
    """Step of the specification."""
    task: str
    """Task of the specification."""
    resource: str
    """The resource, such as ``zone/oceanbreezestore.com``."""
    change: Literal["bring", "remove", "check"]
    """What is done to it."""
    skipped: str | None
    """Why there is nothing to do."""
    after: tuple[int, ...]
    """Places in the plan, from 0, of the steps it waits for."""
    cloudflare_calls: int
    """Calls of Cloudflare's API."""

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> PlannedStep:
        """Reads the document."""
        return cls(
            document["action"],
            document["task"],
            document["resource"],
            document["change"],
            document.get("skipped"),
            tuple(document["after"]),
            document["cloudflare_calls"],
            _document=document,
        )


@dataclass(frozen=True)
class Plan(Value):
    """What an operation would do."""

    operation: str
    """The operation, such as ``create_store``."""
    steps: tuple[PlannedStep, ...]
    """Its transitions and checks, in order."""
    cloudflare_calls: int
    """Calls of Cloudflare's API over all steps when nothing fails."""

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Plan:
        """Reads the document."""
        steps = tuple(map(PlannedStep.from_dict, document["steps"]))
        return cls(document["operation"], steps, document["cloudflare_calls"], _document=document)


@dataclass(frozen=True)
class Drift(Value):
    """One thing that is not as it should be."""

    store_id: str | None
    """The store; none is the platform."""
    resource: str
    """The resource, such as ``records/oceanbreezestore.com``."""
    state: Literal["missing", "differs", "foreign", "orphan", "unknown"]
    """What is the matter."""
    detail: str
    """The same in words."""
    action: Literal["repair", "remove", "report"]
    """What a reconcile does about it."""

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Drift:
        """Reads the document."""
        return cls(
            document["store_id"],
            document["resource"],
            document["state"],
            document["detail"],
            document["action"],
            _document=document,
        )


@dataclass(frozen=True)
class DriftReport(Value):
    """The drift of a page of stores."""

    checked: int
    """Stores looked at."""
    items: tuple[Drift, ...]
    """What was found."""
    safe_mode: str | None
    """Why nothing is removed or repaired at present."""
    next_page_token: str | None
    """Where the next page begins; none when nothing follows."""

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> DriftReport:
        """Reads the document."""
        items = tuple(map(Drift.from_dict, document["drift"]))
        return cls(document["checked"], items, document["safe_mode"], document["next_page_token"] or None, _document=document)


@dataclass(frozen=True)
class ReconcileReport(Value):
    """What a reconcile found and began."""

    checked: int
    """Stores looked at."""
    items: tuple[Drift, ...]
    """What was found."""
    operations: tuple[str, ...]
    """The operations begun, one for each store that drifted."""
    held_back: tuple[str, ...]
    """What was not done and why."""
    next_page_token: str | None
    """Where the next page begins; none when nothing follows."""

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> ReconcileReport:
        """Reads the document."""
        return cls(
            document["checked"],
            tuple(map(Drift.from_dict, document["drift"])),
            tuple(document["operations"]),
            tuple(document["held_back"]),
            document["next_page_token"] or None,
            _document=document,
        )


@dataclass(frozen=True)
class Health(Value):
    """Whether stores can be made."""

    ready: bool
    """True when the platform stands."""
    missing: str
    """What is missing; empty when ready."""

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Health:
        """Reads the document."""
        return cls(document["ready"], document["missing"], _document=document)


@dataclass(frozen=True)
class Purge(Value):
    """What the edge has forgotten."""

    hosts: tuple[str, ...]
    """Hosts nothing is cached of any more."""

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Purge:
        """Reads the document."""
        return cls(tuple(document["purged"]), _document=document)


@dataclass(frozen=True)
class Reissue(Value):
    """What becomes of a certificate."""

    detail: str
    """What is done, or why nothing is."""
    operation_id: str | None
    """The operation that does it; none when there is nothing to do, or nothing to wait for."""

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Reissue:
        """Reads the document."""
        return cls(document["detail"], document.get("operation"), _document=document)


@dataclass(frozen=True)
class HostTraffic(Value):
    """Requests of one host."""

    host: str
    """The host."""
    requests: int
    """Requests in all."""
    cached: int
    """Of those, answered from the cache."""
    client_errors: int
    """Of those, answered 400 to 499."""
    server_errors: int
    """Of those, answered 500 or more."""
    bytes_sent: int
    """Bytes sent to visitors."""

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> HostTraffic:
        """Reads the document."""
        counts = (document[name] for name in ("requests", "cached", "client_errors", "server_errors", "bytes"))
        return cls(document["host"], *counts, _document=document)


@dataclass(frozen=True)
class SecurityEvent(Value):
    """Security events of one host, of one kind."""

    host: str
    """The host."""
    action: str
    """What was done, such as ``block``."""
    source: str
    """What did it, such as ``ratelimit``."""
    count: int
    """How often."""

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> SecurityEvent:
        """Reads the document."""
        return cls(document["host"], document["action"], document["source"], document["count"], _document=document)


@dataclass(frozen=True)
class Insight(Value):
    """What the edge counted for a store."""

    since: datetime
    """Beginning of the time that was counted."""
    until: datetime
    """Its end."""
    hosts: tuple[HostTraffic, ...]
    """Requests of each of the store's hosts; hosts nobody visited are there with zeros."""
    security_events: tuple[SecurityEvent, ...]
    """Security events of the store's hosts."""

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Insight:
        """Reads the document."""
        return cls(
            datetime.fromisoformat(document["from"]),
            datetime.fromisoformat(document["until"]),
            tuple(map(HostTraffic.from_dict, document["hosts"])),
            tuple(map(SecurityEvent.from_dict, document["security_events"])),
            _document=document,
        )


@dataclass(frozen=True)
class Connector(Value):
    """A connector of the tunnel."""

    id: str
    """Identifier."""
    status: str
    """How it is doing, such as ``healthy``."""
    version: str
    """Version of cloudflared."""
    config_version: int | None
    """Version of the configuration it serves."""
    current: bool
    """True when that is the newest."""
    connections: int
    """Connections that stand."""
    reconnecting: int
    """Connections it is opening again."""
    opened_at: datetime | None
    """Since when it is connected."""

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Connector:
        """Reads the document."""
        opened = document["opened_at"]
        return cls(
            document["id"],
            document["status"],
            document["version"],
            document["config_version"],
            document["current"],
            document["connections"],
            document["reconnecting"],
            datetime.fromisoformat(opened) if opened else None,
            _document=document,
        )


@dataclass(frozen=True)
class Tunnel(Value):
    """The tunnel all stores stand behind."""

    name: str
    """Name of the tunnel."""
    routing: Literal["router", "direct"]
    """How requests come from it to a store."""
    config_version: int
    """Version of its configuration."""
    serving: bool
    """True when a connector serves that version: what was routed is reached."""
    connectors: tuple[Connector, ...]
    """Its connectors, by identifier."""

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Tunnel:
        """Reads the document."""
        return cls(
            document["tunnel"],
            document["routing"],
            document["config_version"],
            document["serving"],
            tuple(map(Connector.from_dict, document["connectors"])),
            _document=document,
        )
