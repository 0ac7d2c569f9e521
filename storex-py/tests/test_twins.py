"""The blocking and the awaited client have one surface, and everything people use says what it does."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
import storex
import storex.testing

PAIRS = [
    (storex.Storex, storex.AsyncStorex),
    (storex.Stores, storex.AsyncStores),
    (storex.Operations, storex.AsyncOperations),
    (storex.Tunnels, storex.AsyncTunnels),
    (storex.OperationHandle, storex.AsyncOperationHandle),
    (storex.Creation, storex.AsyncCreation),
    (storex.Paged, storex.AsyncPaged),
]
# Python names these differently for what is awaited.
SPELLED = {"__enter__": "__aenter__", "__exit__": "__aexit__", "__iter__": "__aiter__"}


def surface(kind: type) -> dict[str, Any]:
    """What people use of a class, inherited members included."""
    own = {"__init__", "__repr__", *SPELLED, *SPELLED.values()}
    names = [
        name
        for name in dir(kind)
        if not name.startswith("_") or (name in own and name in {k for c in kind.__mro__[:-1] for k in vars(c)})
    ]
    return {name: inspect.getattr_static(kind, name) for name in names}


def function(member: Any) -> Any:
    """The function behind a method, class method or property."""
    return getattr(member, "__func__", None) or getattr(member, "fget", None) or member


def plain(annotation: str) -> str:
    """An annotation without what awaiting changes."""
    text = re.sub(r"\bAsync(?=[A-Z])", "", annotation)
    return re.sub(r"Callable\[\[(.*?)\], Awaitable\[(.*?)\]\]", r"Callable[[\1], \2]", text)


def signature(member: Any) -> tuple[list[tuple[str, Any, Any, str]], str]:
    """Names, kinds, defaults and annotations of the parameters, and what is returned."""
    told = inspect.signature(function(member))
    parameters = [(p.name, p.kind, p.default, plain(str(p.annotation))) for p in told.parameters.values()]
    return parameters, plain(str(told.return_annotation))


def differences(blocking: type, awaited: type) -> list[str]:
    """What the one has and the other has not, or otherwise."""
    one, other = surface(blocking), surface(awaited)
    found = [f"only one has {name}" for name in {SPELLED.get(name, name) for name in one} ^ set(other)]
    for name, member in one.items():
        twin = other.get(SPELLED.get(name, name))
        if twin is None:
            continue
        if type(member) is not type(twin):
            found.append(f"{name}: {type(member).__name__} and {type(twin).__name__}")
        elif callable(function(member)) and signature(member) != signature(twin):
            found.append(f"{name}: {signature(member)} and {signature(twin)}")
    return found


@pytest.mark.parametrize(("blocking", "awaited"), PAIRS, ids=lambda kind: kind.__name__)
def test_both_clients_have_the_same_names_signatures_and_answers(blocking: type, awaited: type) -> None:
    assert len(surface(blocking)) >= 3
    assert differences(blocking, awaited) == []


def test_every_difference_is_found() -> None:
    class One:
        def both(self, a: int = 1) -> str:
            """x"""
            return ""

        def missing(self) -> None:
            """x"""

        @property
        def kind(self) -> int:
            """x"""
            return 1

    class AsyncOne:
        async def both(self, a: int = 2) -> str:
            """x"""
            return ""

        def kind(self) -> int:
            """x"""
            return 1

    assert len(differences(One, AsyncOne)) == 3


def described(module: Any) -> list[tuple[str, str | None]]:
    """Everything a module offers with its docstring, members of classes included."""
    found = [(module.__name__, module.__doc__)]
    for name in module.__all__:
        thing = getattr(module, name)
        if not (inspect.isclass(thing) or inspect.isfunction(thing)):
            continue
        found.append((name, thing.__doc__))
        if inspect.isclass(thing):
            members = {key: value for key, value in vars(thing).items() if callable(function(value))}
            skipped = {
                "__hash__",
                "__eq__",
                "__replace__",
                "__delattr__",
                "__setattr__",
                "__class_getitem__",
                "__init_subclass__",
            }
            generated = hasattr(thing, "__dataclass_fields__")
            for key, value in members.items():
                if (
                    key in skipped
                    or (key.startswith("_") and not key.startswith("__"))
                    or (generated and key in {"__init__", "__repr__"})
                ):
                    continue
                found.append((f"{name}.{key}", function(value).__doc__))
    return found


def test_everything_has_a_docstring() -> None:
    told = described(storex) + described(storex.testing) + described(storex.exceptions) + described(storex.values)
    assert len(told) > 150
    mute = [name for name, text in told if not text or not text.strip()]
    # Generic classes and dataclasses get some members from Python itself.
    assert mute == []


def test_what_is_offered_is_there_and_nothing_else_is_public() -> None:
    assert sorted(storex.__all__) == storex.__all__ and all(hasattr(storex, name) for name in storex.__all__)
    for module in (storex.exceptions, storex.values):
        assert set(module.__all__) <= set(storex.__all__)


def test_exceptions_mirror_the_kinds_of_the_code_table() -> None:
    from storex import exceptions
    from storex._storex import codes

    kinds = {kind for _, kind, _, _, _ in codes()}
    known = set(exceptions._KINDS) | {"internal"}
    assert kinds <= known, kinds - known
    assert issubclass(storex.NotFoundError, LookupError) and issubclass(storex.ValidationError, ValueError)
    assert issubclass(storex.StorexTimeoutError, TimeoutError) and issubclass(storex.UnavailableError, ConnectionError)
    assert all(issubclass(kind, storex.StorexError) for kind in exceptions._KINDS.values())
