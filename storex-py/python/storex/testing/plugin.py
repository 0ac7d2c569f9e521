"""The pytest plugin of storex; it is loaded by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import Sandbox

__all__ = ["pytest_configure", "storex_sandbox"]


def pytest_configure(config: pytest.Config) -> None:
    """Declares the marker."""
    config.addinivalue_line(
        "markers", "storex_leftovers: the test may leave stores in its storex_sandbox; broken promises still fail it."
    )


@pytest.fixture
def storex_sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """A sandbox of its own for the test: a world in memory, scripted faults, virtual time.

    The test fails when it leaves anything of a store behind (unless it is marked ``storex_leftovers``), and when the world is not as storex promises.
    """
    with Sandbox.sandbox() as sandbox:
        yield sandbox
        if sandbox.closed:
            return
        sandbox.faults.clear()
        # A message on its way to an owner is nothing left behind.
        sandbox.messages()
        allowed = request.node.get_closest_marker("storex_leftovers") is not None
        left = [] if allowed else sandbox.left_behind()
        problems = [f"left behind: {line}" for line in left] + sandbox.broken_promises()
    if problems:
        pytest.fail("\n".join(["storex_sandbox:", *problems]), pytrace=False)
