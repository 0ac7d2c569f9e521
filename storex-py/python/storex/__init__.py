"""storex from Python: many isolated stores behind one Cloudflare tunnel.

The engine runs in this process (:meth:`Storex.sandbox`, :meth:`Storex.embedded`) or elsewhere (:func:`connect`); the surface is the same, blocking
(:class:`Storex`) or awaited (:class:`AsyncStorex`).

>>> import storex
>>> with storex.Storex.sandbox() as sx:
...     creation = sx.stores.create("oceanbreeze", owner="John Smith", email="john@oceanbreezestore.com")
...     creation.wait(timeout=60).state
...     [store.domains.system for store in sx.stores.list()]
'succeeded'
['oceanbreeze.storex.com']
"""

from ._async import AsyncCreation, AsyncOperationHandle, AsyncOperations, AsyncPaged, AsyncStores, AsyncStorex
from ._settings import LogLevel
from ._sync import Creation, OperationHandle, Operations, Paged, Stores, Storex, connect
from .exceptions import (
    AuthenticationError,
    ClientClosedError,
    ConflictError,
    CorruptError,
    DeniedError,
    ForkedProcessError,
    InternalError,
    Interrupted,
    NotFoundError,
    OperationFailed,
    OperationPoisoned,
    OperationRolledBack,
    RateLimitedError,
    StorexError,
    StorexTimeoutError,
    UnavailableError,
    UpstreamError,
    ValidationError,
    WaitTimeoutError,
    operation_of,
)
from .values import (
    Configuration,
    Domains,
    Drift,
    DriftReport,
    Event,
    Health,
    Operation,
    OperationState,
    Plan,
    PlannedStep,
    Problem,
    ReconcileReport,
    Step,
    Store,
    StoreDetails,
    StorePage,
    StoreState,
    Task,
    TaskState,
    Value,
    Wait,
)

__all__ = [
    "AsyncCreation",
    "AsyncOperationHandle",
    "AsyncOperations",
    "AsyncPaged",
    "AsyncStores",
    "AsyncStorex",
    "AuthenticationError",
    "ClientClosedError",
    "Configuration",
    "ConflictError",
    "CorruptError",
    "Creation",
    "DeniedError",
    "Domains",
    "Drift",
    "DriftReport",
    "Event",
    "ForkedProcessError",
    "Health",
    "InternalError",
    "Interrupted",
    "LogLevel",
    "NotFoundError",
    "Operation",
    "OperationFailed",
    "OperationHandle",
    "OperationPoisoned",
    "OperationRolledBack",
    "OperationState",
    "Operations",
    "Paged",
    "Plan",
    "PlannedStep",
    "Problem",
    "RateLimitedError",
    "ReconcileReport",
    "Step",
    "Store",
    "StoreDetails",
    "StorePage",
    "StoreState",
    "Stores",
    "Storex",
    "StorexError",
    "StorexTimeoutError",
    "Task",
    "TaskState",
    "UnavailableError",
    "UpstreamError",
    "ValidationError",
    "Value",
    "Wait",
    "WaitTimeoutError",
    "connect",
    "operation_of",
]
