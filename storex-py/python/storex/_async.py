"""The client that is awaited: the surface of the one that blocks. A test holds the two against each other."""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from types import TracebackType
from typing import Generic, Self

from . import _requests
from ._base import Client, Created, Item, PageOf
from ._storex import Engine
from ._transport import Answer, AsyncTransport, Call, Follow
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

__all__ = ["AsyncCreation", "AsyncOperationHandle", "AsyncOperations", "AsyncPaged", "AsyncStores", "AsyncStorex", "AsyncTunnels"]


class AsyncPaged(Generic[Item, PageOf]):
    """A list that fetches its pages as it is read. It can be read again and again; each time it asks anew."""

    def __init__(self, fetch: Callable[[str | None], Awaitable[PageOf]], page_token: str | None) -> None:
        """A list whose pages ``fetch`` answers, from this one on."""
        self._fetch = fetch
        self._token = page_token

    async def __aiter__(self) -> AsyncIterator[Item]:
        """What is on the pages, one after another."""
        async for page in self.pages():
            for item in page.items:
                yield item

    async def pages(self) -> AsyncIterator[PageOf]:
        """The pages themselves."""
        token = self._token
        while True:
            page = await self._fetch(token)
            yield page
            token = page.next_page_token
            if token is None:
                return


class AsyncOperationHandle:
    """An operation on its way. Dropping the handle stops nothing."""

    def __init__(self, transport: AsyncTransport, operation_id: str) -> None:
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

    async def get(self) -> Operation:
        """The operation as it is now.

        Raises :class:`~storex.NotFoundError` when there is none.
        """
        return Operation.from_dict((await self._transport.send(_requests.operation("get", self._id))).document)

    async def wait(self, timeout: float | None = None, on_event: Callable[[Event], object] | None = None) -> Operation:
        """The operation once it has succeeded, telling ``on_event`` what changes meanwhile.

        ``timeout`` is in seconds; of a sandbox with virtual time, in those. Raises :class:`~storex.OperationRolledBack` or
        :class:`~storex.OperationPoisoned` when it did not succeed, :class:`~storex.WaitTimeoutError` when the time is over. Whatever ends the waiting, also
        cancelling the task, the operation goes on. ``on_event`` may be awaitable.
        """
        limit = _requests.timeout(timeout)
        if on_event is None:
            operation = Operation.from_dict((await self._transport.send(Follow(self._id, limit))).document)
            if not operation.done:
                raise _requests.overdue(self._id, limit)
            return _requests.judged(operation)
        async for event, operation in self._followed(limit):
            told = on_event(event)
            if inspect.isawaitable(told):
                await told
        return _requests.judged(operation)

    def events(self, timeout: float | None = None) -> AsyncIterator[Event]:
        """What changes, until the operation is at rest; however it ends, the last event says so.

        ``timeout`` bounds the whole. Raises :class:`~storex.WaitTimeoutError` when it is over.
        """
        return (event async for event, _ in self._followed(_requests.timeout(timeout)))

    async def _followed(self, limit: float) -> AsyncIterator[tuple[Event, Operation]]:
        news, clock = _requests.News(), _clock(self._transport)
        began = await clock()
        answer = await self._transport.send(_requests.operation("get", self._id))
        while True:
            operation = Operation.from_dict(answer.document)
            for event in news.of(operation):
                yield event, operation
            if operation.done:
                return
            left = limit - (await clock() - began)
            seen = answer.text
            answer = await self._transport.send(Follow(self._id, max(left, 0.0), seen))
            if answer.text == seen:
                raise _requests.overdue(self._id, limit)

    async def cancel(self) -> Operation:
        """Makes the operation turn back; it ends ``rolled_back``. Answers it as it is now.

        Raises :class:`~storex.ConflictError` (``past_point_of_no_return``) when it can no longer turn back.
        """
        return Operation.from_dict((await self._transport.send(_requests.operation("cancel", self._id))).document)

    async def retry(self) -> Operation:
        """Takes up an operation that waits for an operator, once its cause is mended. Answers it as it is now.

        Raises :class:`~storex.ConflictError` when it does not wait for anybody.
        """
        return Operation.from_dict((await self._transport.send(_requests.operation("retry", self._id))).document)


def _clock(transport: AsyncTransport) -> Callable[[], Awaitable[float]]:
    """Seconds of the clock that counts."""

    async def clock() -> float:
        if not transport.engine.is_virtual:
            return time.monotonic()
        return _requests.seconds((await transport.send(Call("sandbox.now"))).document)

    return clock


class AsyncCreation(Created, AsyncOperationHandle):
    """A store that is being made, and the operation that makes it."""

    def __init__(self, transport: AsyncTransport, answer: Answer) -> None:
        """The handle of what this answer began."""
        super().__init__(transport, answer.operation or "")
        self._answer = answer

    async def store(self) -> Store:
        """The store as it is now. Raises :class:`~storex.NotFoundError` once it was rolled back."""
        return Store.from_dict((await self._transport.send(_requests.get_store(self.store_id))).document)


class AsyncStores:
    """Stores: create, show, list, delete, plan."""

    def __init__(self, transport: AsyncTransport) -> None:
        """The stores behind this transport."""
        self._transport = transport

    async def create(
        self,
        username: str,
        *,
        owner: str,
        email: str,
        domain: str | None = None,
        plan: str | None = None,
        domain_strategy: str | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncCreation:
        """Creates a store. Answers once its names are claimed and its intent is durable; the operation goes on by itself.

        ``domain_strategy`` is ``"zone"`` or ``"custom_hostname"``; none is the platform's own.
        A request with an ``idempotency_key`` may be repeated: it attaches to the operation it began. Raises
        :class:`~storex.ValidationError` with the field's pointer, :class:`~storex.ConflictError` for a name that is taken; when the operation fails
        before the answer, its error, with its ``operation_id``. Whatever else ends the call, :func:`~storex.operation_of` names the operation that goes on.
        """
        document = _requests.store_document(username, owner, email, domain, plan, domain_strategy)
        return await self.create_from(document, idempotency_key=idempotency_key)

    async def create_from(self, document: Mapping[str, object], *, idempotency_key: str | None = None) -> AsyncCreation:
        """Creates a store from the document the REST API takes: ``username``, ``domain``, ``storeDetails``. As :meth:`create`."""
        return AsyncCreation(self._transport, await self._transport.send(_requests.create(document, idempotency_key)))

    async def plan(
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
        return await self.plan_from(_requests.store_document(username, owner, email, domain, plan, domain_strategy))

    async def plan_from(self, document: Mapping[str, object]) -> Plan:
        """What creating a store from the document the REST API takes would do. As :meth:`plan`."""
        return Plan.from_dict((await self._transport.send(_requests.plan(document))).document)

    async def plan_delete(self, store_id: str) -> Plan:
        """What deleting the store would do. Nothing is done. Raises as :meth:`delete`."""
        return Plan.from_dict((await self._transport.send(_requests.plan_delete(store_id))).document)

    async def get(self, store_id: str) -> Store:
        """The store. Raises :class:`~storex.NotFoundError`."""
        return Store.from_dict((await self._transport.send(_requests.get_store(store_id))).document)

    def list(self, *, page_size: int | None = None, page_token: str | None = None) -> AsyncPaged[Store, StorePage]:
        """All stores by ascending identifier, fetched page by page as they are read.

        ``page_size`` 0 or none means 50, more than 1000 means 1000. Raises, when it is read, :class:`~storex.ValidationError` for a token storex did
        not give.
        """

        async def fetch(token: str | None) -> StorePage:
            return StorePage.from_dict((await self._transport.send(_requests.list_stores(page_size, token))).document)

        return AsyncPaged(fetch, page_token)

    async def delete(self, store_id: str, *, idempotency_key: str | None = None) -> AsyncOperationHandle:
        """Deletes a store and everything it holds. It only goes forward. Deleting it again answers the same operation.

        Raises :class:`~storex.NotFoundError`; :class:`~storex.ConflictError` while the store is being made.
        """
        answer = await self._transport.send(_requests.delete(store_id, idempotency_key))
        return AsyncOperationHandle(self._transport, answer.operation or "")

    async def purge_cache(self, store_id: str) -> Purge:
        """Forgets what the edge has cached of the store's hosts; other stores keep theirs. Asking again is safe.

        Raises :class:`~storex.NotFoundError`; :class:`~storex.ValidationError` (``unsupported``) where nothing is cached at an edge.
        """
        return Purge.from_dict((await self._transport.send(_requests.of_store("purge", store_id))).document)

    async def reissue_certificate(self, store_id: str, *, force: bool = False) -> Reissue:
        """Does what helps to get another certificate for the store's own domain. ``force`` also does what leaves visitors without HTTPS for a while.

        Raises :class:`~storex.NotFoundError`; :class:`~storex.ValidationError` (``unsupported``) for a store without a domain of its own;
        :class:`~storex.ConflictError` (``force_required``) when only ``force`` would help.
        """
        return Reissue.from_dict((await self._transport.send(_requests.reissue(store_id, force))).document)

    async def insight(self, store_id: str, *, seconds: int | None = None) -> Insight:
        """What the edge counted for the store in the last ``seconds``, as far as the plan tells; none is an hour.

        Raises :class:`~storex.NotFoundError`; :class:`~storex.ValidationError` (``unsupported``) where no edge counts.
        """
        return Insight.from_dict((await self._transport.send(_requests.insight(store_id, seconds))).document)

    async def rotate_password(self, store_id: str) -> AsyncOperationHandle:
        """Gives the store another user and password for its database, with no request of the store refused.

        Raises :class:`~storex.NotFoundError`; :class:`~storex.ValidationError` (``unsupported``) for a store without a database.
        """
        answer = await self._transport.send(_requests.of_store("rotate", store_id))
        return AsyncOperationHandle(self._transport, answer.operation or "")


class AsyncOperations:
    """Operations by their identifier."""

    def __init__(self, transport: AsyncTransport) -> None:
        """The operations behind this transport."""
        self._transport = transport

    def handle(self, operation_id: str) -> AsyncOperationHandle:
        """A handle of the operation; nothing is asked yet."""
        return AsyncOperationHandle(self._transport, operation_id)

    async def get(self, operation_id: str) -> Operation:
        """As :meth:`OperationHandle.get`."""
        return await self.handle(operation_id).get()

    async def find(self, idempotency_key: str) -> Operation:
        """As :meth:`Operations.find`."""
        return Operation.from_dict((await self._transport.send(_requests.find(idempotency_key))).document)

    async def wait(
        self, operation_id: str, timeout: float | None = None, on_event: Callable[[Event], object] | None = None
    ) -> Operation:
        """As :meth:`OperationHandle.wait`."""
        return await self.handle(operation_id).wait(timeout, on_event)

    def events(self, operation_id: str, timeout: float | None = None) -> AsyncIterator[Event]:
        """As :meth:`OperationHandle.events`."""
        return self.handle(operation_id).events(timeout)

    async def cancel(self, operation_id: str) -> Operation:
        """As :meth:`OperationHandle.cancel`."""
        return await self.handle(operation_id).cancel()

    async def retry(self, operation_id: str) -> Operation:
        """As :meth:`OperationHandle.retry`."""
        return await self.handle(operation_id).retry()


class AsyncTunnels:
    """The tunnel all stores stand behind, and its connectors."""

    def __init__(self, transport: AsyncTransport) -> None:
        """The tunnel behind this transport."""
        self._transport = transport

    async def get(self) -> Tunnel:
        """The tunnel with its connectors, asked of the edge."""
        return Tunnel.from_dict((await self._transport.send(Call("tunnel.show"))).document)

    async def reset(self, connector_id: str, *, force: bool = False) -> Tunnel:
        """Ends the connections of one connector, which connects again by itself if it still runs. Answers the tunnel as it is then.

        Raises :class:`~storex.NotFoundError`; :class:`~storex.DeniedError` for the last one that serves, which is reset with ``force`` only.
        """
        return Tunnel.from_dict((await self._transport.send(_requests.reset(connector_id, force))).document)


class AsyncStorex(Client):
    """A control plane: in this process (:meth:`sandbox`, :meth:`embedded`) or elsewhere (:meth:`connect`). Safe to use from several threads and loops.

    Use it in an ``async with`` block, or call :meth:`close`. It belongs to the process that made it: after a fork every call raises
    :class:`~storex.ForkedProcessError`.
    """

    def __init__(self, engine: Engine, description: str) -> None:
        """A client of this engine. Use :meth:`sandbox`, :meth:`embedded` or :meth:`connect`."""
        super().__init__(engine, description)
        self._transport = AsyncTransport(engine)
        self.stores: AsyncStores = AsyncStores(self._transport)
        self.operations: AsyncOperations = AsyncOperations(self._transport)
        self.tunnel: AsyncTunnels = AsyncTunnels(self._transport)

    async def open(self) -> Self:
        """Opens the engine, which the first call would do as well: the platform stands afterwards."""
        await self._transport.send(Call("open"))
        return self

    async def close(self) -> None:
        """Closes the client: calls that are going on end. Operations of an engine in this process stop as in a crash and are resumed by the next engine
        on the same data; those of a controller elsewhere go on. Closing it again does nothing.
        """
        import asyncio

        await asyncio.to_thread(self._engine.close)

    async def __aenter__(self) -> Self:
        """As :meth:`open`."""
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """As :meth:`close`."""
        await self.close()

    async def health(self) -> Health:
        """Whether stores can be made, and what is missing."""
        return Health.from_dict((await self._transport.send(Call("health"))).document)

    def drift(
        self, store_id: str | None = None, *, limit: int | None = None, page_token: str | None = None
    ) -> AsyncPaged[Drift, DriftReport]:
        """What stands differently from what should stand: of a store, or of the platform and all stores, page by page.

        ``limit`` is the number of stores looked at on a page: 0 or none means 50, more than 200 means 200. Nothing is changed.
        """

        async def fetch(token: str | None) -> DriftReport:
            return DriftReport.from_dict((await self._transport.send(_requests.drift(store_id, limit, token))).document)

        return AsyncPaged(fetch, page_token)

    async def reconcile(
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
        return ReconcileReport.from_dict((await self._transport.send(call)).document)
