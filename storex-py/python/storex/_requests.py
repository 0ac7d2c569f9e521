"""What both clients ask for: arguments made into calls, once."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from ._storex import codes
from ._transport import Call
from .exceptions import (
    OperationFailed,
    OperationPoisoned,
    OperationRolledBack,
    StorexError,
    WaitTimeoutError,
    _invalid,
    _of,
)
from .values import Event, Operation

_CODES = {name: (kind, next_step) for name, kind, _, _, next_step in codes()}


def encoded(document: object) -> str:
    """The document as JSON; what JSON has no form for is refused with its pointer."""
    _check(document, "")
    return json.dumps(document, ensure_ascii=True, default=dict)


def _check(value: object, pointer: str) -> None:
    if value is None or isinstance(value, (str, bool, int)):
        return
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _invalid(pointer, f"{value} has no JSON form")
    elif isinstance(value, Mapping):
        for key, member in value.items():
            if not isinstance(key, str):
                raise _invalid(pointer, f"a field is named by text, not by {type(key).__name__}")
            _check(member, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, (list, tuple)):
        for place, member in enumerate(value):
            _check(member, f"{pointer}/{place}")
    else:
        raise _invalid(pointer, f"a value of type {type(value).__name__} has no JSON form")


def store_document(
    username: object, owner: object, email: object, domain: object, plan: object, domain_strategy: object
) -> dict[str, Any]:
    """The document of a request to create a store."""
    document = {"username": username, "domain": domain, "storeDetails": {"owner": owner, "email": email, "plan": plan}}
    return document if domain_strategy is None else document | {"domain_strategy": domain_strategy}


def _query(**parameters: object) -> tuple[tuple[str, str], ...]:
    return tuple((name, _text(value)) for name, value in parameters.items() if value is not None)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _key(key: object) -> str | None:
    if key is None or isinstance(key, str):
        return key
    raise _invalid("/Idempotency-Key", f"a key is text, not {type(key).__name__}")


def create(document: object, key: object) -> Call:
    """Creates a store."""
    return Call("stores.create", body=encoded(document), key=_key(key))


def plan(document: object) -> Call:
    """What creating a store would do."""
    return Call("stores.plan", body=encoded(document))


def plan_delete(store_id: object) -> Call:
    """What deleting a store would do."""
    return Call("stores.plan_delete", _text(store_id))


def get_store(store_id: object) -> Call:
    """A store."""
    return Call("stores.get", _text(store_id))


def list_stores(page_size: object, page_token: object) -> Call:
    """A page of stores."""
    return Call("stores.list", query=_query(page_size=page_size, page_token=page_token))


def delete(store_id: object, key: object) -> Call:
    """Deletes a store."""
    return Call("stores.delete", _text(store_id), key=_key(key))


def of_store(verb: str, store_id: object) -> Call:
    """Purges a store's cache, or changes its database's password."""
    return Call(f"stores.{verb}", _text(store_id))


def reissue(store_id: object, force: object) -> Call:
    """Gets another certificate for a store's own domain."""
    return Call("stores.reissue", _text(store_id), body=encoded({"force": force}))


def insight(store_id: object, seconds: object) -> Call:
    """What the edge counted for a store."""
    return Call("stores.insight", _text(store_id), query=_query(seconds=seconds))


def reset(connector_id: object, force: object) -> Call:
    """Ends the connections of a connector."""
    return Call("tunnel.reset", _text(connector_id), body=encoded({"force": force}))


def operation(verb: str, operation_id: object) -> Call:
    """Shows, cancels or retries an operation."""
    return Call(f"operations.{verb}", _text(operation_id))


def find(idempotency_key: object) -> Call:
    """The operation that a request of this key has begun."""
    return Call("operations.find", query=(("idempotency_key", _text(idempotency_key)),))


def drift(store_id: object, limit: object, page_token: object) -> Call:
    """A page of drift."""
    return Call("drift", query=_query(store_id=store_id, limit=limit, page_token=page_token))


def reconcile(store_id: object, dry_run: object, accept_restore: object, limit: object, page_token: object) -> Call:
    """Brings back what drifted."""
    document = {
        "store_id": store_id,
        "dry_run": dry_run,
        "accept_restore": accept_restore,
        "limit": limit,
        "page_token": page_token,
    }
    return Call("reconcile", body=encoded({key: value for key, value in document.items() if value is not None}))


def timeout(value: float | None) -> float:
    """A time to wait, in seconds."""
    if value is None:
        return math.inf
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value) or value < 0:
        raise _invalid("/timeout", "a timeout is a number of seconds of at least 0, or None")
    return float(value)


def seconds(timestamp: str) -> float:
    """A time of the virtual clock in seconds."""
    return datetime.fromisoformat(timestamp).timestamp()


def parsed(text: str) -> Any:
    """A document of its own."""
    return json.loads(text)


class News:
    """Tells what changed between two looks at an operation."""

    def __init__(self) -> None:
        self.seen: dict[tuple[str, str], tuple[str, str | None]] = {}
        self.state: str | None = None

    def of(self, operation: Operation) -> Iterator[Event]:
        """The changes since the last look: tasks first, then the operation itself."""
        for step in operation.steps:
            for task in step.tasks:
                detail = task.error.message if task.error else task.reason or (task.waits_on.what if task.waits_on else None)
                told, now = (step.action, task.name), (task.state, detail)
                if task.state != "pending" and self.seen.get(told) != now:
                    self.seen[told] = now
                    yield Event(operation.id, "task", task.name, task.state, step.action, detail)
        if self.state != operation.state:
            self.state = operation.state
            detail = operation.error.message if operation.error else None
            yield Event(operation.id, "operation", operation.kind, operation.state, None, detail)


def judged(operation: Operation) -> Operation:
    """The operation when it succeeded; raises how it ended otherwise."""
    failures: dict[str, type[OperationFailed]] = {"rolled_back": OperationRolledBack, "poisoned": OperationPoisoned}
    kind = failures.get(operation.state)
    if kind is None:
        return operation
    cause: StorexError | None = None
    if operation.error:
        record = operation.error
        class_of_code, next_step = _CODES.get(record.code, ("internal", ""))
        facts = [(key, value) for key, value in record.context if key != "log"]
        log = [line for key, value in record.context if key == "log" for line in value.splitlines()]
        told = record.to_dict() | {"kind": class_of_code, "next_step": next_step, "operation": operation.id, "log": log}
        cause = _of(told | {"context": dict(facts)})
    error = kind(
        operation.error.message if operation.error else f"operation {operation.id} is {operation.state}",
        code=operation.state,
        pointer=cause.pointer if cause else None,
        operation_id=operation.id,
        next_step=cause.next_step if cause else "",
        context=cause.context if cause else None,
        log=cause.log if cause else (),
    )
    error.operation = operation
    raise error from cause


def overdue(operation_id: str, limit: float) -> WaitTimeoutError:
    """The time to wait is over."""
    return WaitTimeoutError(
        f"the operation is still going on after {limit:g} s",
        code="timeout",
        operation_id=operation_id,
        next_step="Wait again: the operation goes on.",
    )
