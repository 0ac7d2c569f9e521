"""The client that blocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Generic, Self

from . import _requests
from ._base import Client, Created, Item, PageOf
from ._settings import LogLevel
from ._storex import Engine
from ._transport import Answer, Call, Follow, Transport
from .values import (
    Drift,
    DriftReport,
    Event,
    Health,
    Insight,
    Operation,
    Plan,
    Purge,
    ReconcileReport,
    Reissue,
    Store,
    StorePage,
    Tunnel,
)

__all__ = ["Creation", "OperationHandle", "Operations", "Paged", "Stores", "Storex", "Tunnels", "connect"]


class Paged(Generic[Item, PageOf]):
    """A list that fetches its pages as it is read. It can be read again and again; each time it asks anew."""

    def __init__(self, fetch: Callable[[str | None], PageOf], page_token: str | None) -> None:
        """A list whose pages ``fetch`` answers, from this one on."""
        self._fetch: Callable[[str | None], PageOf] = fetch
        self._token: str | None = page_token

    def __iter__(self) -> Iterator[Item]:
        """What is on the pages, one after another."""
        for page in self.pages():
            yield from page.items

    def pages(self) -> Iterator[PageOf]:
        """The pages themselves."""
        token = self._token
        while True:
            page = self._fetch(token)
            yield page
            token = page.next_page_token
            if token is None:
                return


class OperationHandle:
    """An operation on its way. Dropping the handle stops nothing."""

    def __init__(self, transport: Transport, operation_id: str) -> None:
        """The handle of this operation."""
        self._transport = transport
        self._id = operation_id

    @property
    def id(self) -> str:
        """Identifier of the operation."""
        return self._id

    def __repr__(self) -> str:
        """The kind of handle and the operation."""
        return f"{type(self).__name__}(id={self._id!r})"

    def get(self) -> Operation:
        """The operation as it is now.

        Raises :class:`~storex.NotFoundError` when there is none.
        """
        return Operation.from_dict(self._transport.send(_requests.operation("get", self._id)).document)

    def wait(self, timeout: float | None = None, on_event: Callable[[Event], object] | None = None) -> Operation:
        """The operation once it has succeeded, telling ``on_event`` what changes meanwhile.

        ``timeout`` is in seconds; of a sandbox with virtual time, in those. Raises :class:`~storex.OperationRolledBack` or
        :class:`~storex.OperationPoisoned` when it did not succeed, :class:`~storex.WaitTimeoutError` when the time is over. Whatever ends the waiting, also
        Ctrl-C (:class:`~storex.Interrupted`), the operation goes on.
        """
        limit = _requests.timeout(timeout)
        if on_event is None:
            operation = Operation.from_dict(self._transport.send(Follow(self._id, limit)).document)
            if not operation.done:
                raise _requests.overdue(self._id, limit)
            return _requests.judged(operation)
        for event, operation in self._followed(limit):
            on_event(event)
        return _requests.judged(operation)

    def events(self, timeout: float | None = None) -> Iterator[Event]:
        """What changes, until the operation is at rest; however it ends, the last event says so.

        ``timeout`` bounds the whole. Raises :class:`~storex.WaitTimeoutError` when it is over.
        """
        return (event for event, _ in self._followed(_requests.timeout(timeout)))

    def _followed(self, limit: float) -> Iterator[tuple[Event, Operation]]:
        news, clock = _requests.News(), _clock(self._transport)
        began = clock()
        answer = self._transport.send(_requests.operation("get", self._id))
        while True:
            operation = Operation.from_dict(answer.document)
            for event in news.of(operation):
                yield event, operation
            if operation.done:
                return
            left = limit - (clock() - began)
            seen = answer.text
            answer = self._transport.send(Follow(self._id, max(left, 0.0), seen))
            if answer.text == seen:
                raise _requests.overdue(self._id, limit)

    def cancel(self) -> Operation:
        """Makes the operation turn back; it ends ``rolled_back``. Answers it as it is now.

        Raises :class:`~storex.ConflictError` (``past_point_of_no_return``) when it can no longer turn back.
        """
        return Operation.from_dict(self._transport.send(_requests.operation("cancel", self._id)).document)

    def retry(self) -> Operation:
        """Takes up an operation that waits for an operator, once its cause is mended. Answers it as it is now.

        Raises :class:`~storex.ConflictError` when it does not wait for anybody.
        """
        return Operation.from_dict(self._transport.send(_requests.operation("retry", self._id)).document)


def _clock(transport: Transport) -> Callable[[], float]:
    """Seconds of the clock that counts."""
    if not transport.engine.is_virtual:
        return time.monotonic
    return lambda: _requests.seconds(transport.send(Call("sandbox.now")).document)


class Creation(Created, OperationHandle):
    """A store that is being made, and the operation that makes it."""

    def __init__(self, transport: Transport, answer: Answer) -> None:
        """The handle of what this answer began."""
        super().__init__(transport, answer.operation or "")
        self._answer = answer

    def store(self) -> Store:
        """The store as it is now. Raises :class:`~storex.NotFoundError` once it was rolled back."""
        return Store.from_dict(self._transport.send(_requests.get_store(self.store_id)).document)


class Stores:
    """Stores: create, show, list, delete, plan."""

    def __init__(self, transport: Transport) -> None:
        """The stores behind this transport."""
        self._transport = transport

    def create(
        self,
        username: str,
        *,
        owner: str,
        email: str,
        domain: str | None = None,
        plan: str | None = None,
        domain_strategy: str | None = None,
        idempotency_key: str | None = None,
    ) -> Creation:
        """Creates a store. Answers once its names are claimed and its intent is durable; the operation goes on by itself.

        ``domain_strategy`` is ``"zone"`` or ``"custom_hostname"``; none is the platform's own.
        A request with an ``idempotency_key`` may be repeated: it attaches to the operation it began. Raises
        :class:`~storex.ValidationError` with the field's pointer, :class:`~storex.ConflictError` for a name that is taken; when the operation fails
        before the answer, its error, with its ``operation_id``. Whatever else ends the call, :func:`~storex.operation_of` names the operation that goes on.
        """
        document = _requests.store_document(username, owner, email, domain, plan, domain_strategy)
        return self.create_from(document, idempotency_key=idempotency_key)

    def create_from(self, document: Mapping[str, object], *, idempotency_key: str | None = None) -> Creation:
        """Creates a store from the document the REST API takes: ``username``, ``domain``, ``storeDetails``. As :meth:`create`."""
        return Creation(self._transport, self._transport.send(_requests.create(document, idempotency_key)))

    def plan(
        self,
        username: str,
        *,
        owner: str,
        email: str,
        domain: str | None = None,
        plan: str | None = None,
        domain_strategy: str | None = None,
    ) -> Plan:
        """What creating the store would do, step by step, and what it costs. Nothing is done. Raises as :meth:`create`."""
        return self.plan_from(_requests.store_document(username, owner, email, domain, plan, domain_strategy))

    def plan_from(self, document: Mapping[str, object]) -> Plan:
        """What creating a store from the document the REST API takes would do. As :meth:`plan`."""
        return Plan.from_dict(self._transport.send(_requests.plan(document)).document)

    def plan_delete(self, store_id: str) -> Plan:
        """What deleting the store would do. Nothing is done. Raises as :meth:`delete`."""
        return Plan.from_dict(self._transport.send(_requests.plan_delete(store_id)).document)

    def get(self, store_id: str) -> Store:
        """The store. Raises :class:`~storex.NotFoundError`."""
        return Store.from_dict(self._transport.send(_requests.get_store(store_id)).document)

    def list(self, *, page_size: int | None = None, page_token: str | None = None) -> Paged[Store, StorePage]:
        """All stores by ascending identifier, fetched page by page as they are read.

        ``page_size`` 0 or none means 50, more than 1000 means 1000. Raises, when it is read, :class:`~storex.ValidationError` for a token storex did
        not give.
        """

        def fetch(token: str | None) -> StorePage:
            return StorePage.from_dict(self._transport.send(_requests.list_stores(page_size, token)).document)

        return Paged(fetch, page_token)

    def delete(self, store_id: str, *, idempotency_key: str | None = None) -> OperationHandle:
        """Deletes a store and everything it holds. It only goes forward. Deleting it again answers the same operation.

        Raises :class:`~storex.NotFoundError`; :class:`~storex.ConflictError` while the store is being made.
        """
        answer = self._transport.send(_requests.delete(store_id, idempotency_key))
        return OperationHandle(self._transport, answer.operation or "")

    def purge_cache(self, store_id: str) -> Purge:
        """Forgets what the edge has cached of the store's hosts; other stores keep theirs. Asking again is safe.

        Raises :class:`~storex.NotFoundError`; :class:`~storex.ValidationError` (``unsupported``) where nothing is cached at an edge.
        """
        return Purge.from_dict(self._transport.send(_requests.of_store("purge", store_id)).document)

    def reissue_certificate(self, store_id: str, *, force: bool = False) -> Reissue:
        """Does what helps to get another certificate for the store's own domain. ``force`` also does what leaves visitors without HTTPS for a while.

        Raises :class:`~storex.NotFoundError`; :class:`~storex.ValidationError` (``unsupported``) for a store without a domain of its own;
        :class:`~storex.ConflictError` (``force_required``) when only ``force`` would help.
        """
        return Reissue.from_dict(self._transport.send(_requests.reissue(store_id, force)).document)

    def insight(self, store_id: str, *, seconds: int | None = None) -> Insight:
        """What the edge counted for the store in the last ``seconds``, as far as the plan tells; none is an hour.

        Raises :class:`~storex.NotFoundError`; :class:`~storex.ValidationError` (``unsupported``) where no edge counts.
        """
        return Insight.from_dict(self._transport.send(_requests.insight(store_id, seconds)).document)

    def rotate_password(self, store_id: str) -> OperationHandle:
        """Gives the store another user and password for its database, with no request of the store refused.

        Raises :class:`~storex.NotFoundError`; :class:`~storex.ValidationError` (``unsupported``) for a store without a database.
        """
        answer = self._transport.send(_requests.of_store("rotate", store_id))
        return OperationHandle(self._transport, answer.operation or "")


class Operations:
    """Operations by their identifier."""

    def __init__(self, transport: Transport) -> None:
        """The operations behind this transport."""
        self._transport = transport

    def handle(self, operation_id: str) -> OperationHandle:
        """A handle of the operation; nothing is asked yet."""
        return OperationHandle(self._transport, operation_id)

    def get(self, operation_id: str) -> Operation:
        """As :meth:`OperationHandle.get`."""
        return self.handle(operation_id).get()

    def find(self, idempotency_key: str) -> Operation:
        """The operation that a request of this key has begun, the latest of them, for whoever did not get its answer. Looking begins nothing.

        Raises :class:`~storex.NotFoundError` when none was begun; :class:`~storex.ValidationError` for what is no key.
        """
        return Operation.from_dict(self._transport.send(_requests.find(idempotency_key)).document)

    def wait(
        self, operation_id: str, timeout: float | None = None, on_event: Callable[[Event], object] | None = None
    ) -> Operation:
        """As :meth:`OperationHandle.wait`."""
        return self.handle(operation_id).wait(timeout, on_event)

    def events(self, operation_id: str, timeout: float | None = None) -> Iterator[Event]:
        """As :meth:`OperationHandle.events`."""
        return self.handle(operation_id).events(timeout)

    def cancel(self, operation_id: str) -> Operation:
        """As :meth:`OperationHandle.cancel`."""
        return self.handle(operation_id).cancel()

    def retry(self, operation_id: str) -> Operation:
        """As :meth:`OperationHandle.retry`."""
        return self.handle(operation_id).retry()


class Tunnels:
    """The tunnel all stores stand behind, and its connectors."""

    def __init__(self, transport: Transport) -> None:
        """The tunnel behind this transport."""
        self._transport = transport

    def get(self) -> Tunnel:
        """The tunnel with its connectors, asked of the edge."""
        return Tunnel.from_dict(self._transport.send(Call("tunnel.show")).document)

    def reset(self, connector_id: str, *, force: bool = False) -> Tunnel:
        """Ends the connections of one connector, which connects again by itself if it still runs. Answers the tunnel as it is then.

        Raises :class:`~storex.NotFoundError`; :class:`~storex.DeniedError` for the last one that serves, which is reset with ``force`` only.
        """
        return Tunnel.from_dict(self._transport.send(_requests.reset(connector_id, force)).document)


class Storex(Client):
    """A control plane: in this process (:meth:`sandbox`, :meth:`embedded`) or elsewhere (:meth:`connect`). Safe to use from several threads.

    Use it in a ``with`` block, or call :meth:`close`. It belongs to the process that made it: after a fork every call raises
    :class:`~storex.ForkedProcessError`.
    """

    def __init__(self, engine: Engine, description: str) -> None:
        """A client of this engine. Use :meth:`sandbox`, :meth:`embedded` or :meth:`connect`."""
        super().__init__(engine, description)
        self._transport = Transport(engine)
        self.stores: Stores = Stores(self._transport)
        self.operations: Operations = Operations(self._transport)
        self.tunnel: Tunnels = Tunnels(self._transport)

    def open(self) -> Self:
        """Opens the engine, which the first call would do as well: the platform stands afterwards."""
        self._transport.send(Call("open"))
        return self

    def close(self) -> None:
        """Closes the client: calls that are going on end. Operations of an engine in this process stop as in a crash and are resumed by the next engine
        on the same data; those of a controller elsewhere go on. Closing it again does nothing.
        """
        self._engine.close()

    def __enter__(self) -> Self:
        """As :meth:`open`."""
        return self.open()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """As :meth:`close`."""
        self.close()

    def health(self) -> Health:
        """Whether stores can be made, and what is missing."""
        return Health.from_dict(self._transport.send(Call("health")).document)

    def drift(
        self, store_id: str | None = None, *, limit: int | None = None, page_token: str | None = None
    ) -> Paged[Drift, DriftReport]:
        """What stands differently from what should stand: of a store, or of the platform and all stores, page by page.

        ``limit`` is the number of stores looked at on a page: 0 or none means 50, more than 200 means 200. Nothing is changed.
        """

        def fetch(token: str | None) -> DriftReport:
            return DriftReport.from_dict(self._transport.send(_requests.drift(store_id, limit, token)).document)

        return Paged(fetch, page_token)

    def reconcile(
        self,
        store_id: str | None = None,
        *,
        dry_run: bool = False,
        accept_restore: bool = False,
        limit: int | None = None,
        page_token: str | None = None,
    ) -> ReconcileReport:
        """Brings back what drifted, one operation for each store; with ``dry_run`` only says so. Foreign objects are reported and never touched.

        ``accept_restore`` lets documents that were restored from a backup win. Raises :class:`~storex.ConflictError` (``safe_mode``) when the documents
        are older than the world.
        """
        call = _requests.reconcile(store_id, dry_run, accept_restore, limit, page_token)
        return ReconcileReport.from_dict(self._transport.send(call).document)


def connect(url: str, token: str, *, log_level: LogLevel = "info") -> Storex:
    """As :meth:`Storex.connect`."""
    return Storex.connect(url, token, log_level=log_level)
