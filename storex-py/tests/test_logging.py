"""What the engine says arrives in `logging` below `storex`, engine by engine; nothing is installed for the process."""

from __future__ import annotations

import logging

import pytest
import storex
from conftest import OWNER
from storex.testing import Sandbox


def failing(sandbox: Sandbox) -> None:
    """Something the engine warns of."""
    sandbox.faults.add("notifier.deliver", {"refuse": "corrupt"})
    sandbox.stores.create("oceanbreeze", **OWNER).wait(timeout=60)
    assert sandbox.messages() == [] and sandbox.faults.fired() == 1
    sandbox._engine.flush_log()


def test_what_the_engine_says_arrives_in_logging_with_its_level_and_place(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="storex"), Sandbox.sandbox() as sandbox:
        failing(sandbox)
    records = [record for record in caplog.records if record.name.startswith("storex.")]
    assert [(record.name, record.levelname) for record in records if "can never be delivered" in record.getMessage()] == [
        ("storex.core.controller.outbox", "ERROR")
    ]


def test_an_engine_says_no_more_than_its_level_lets_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="storex"), Sandbox.sandbox(log_level="off") as quiet:
        failing(quiet)
    assert [record for record in caplog.records if record.name.startswith("storex.")] == []
    with pytest.raises(ValueError, match="no log level"):
        Sandbox.sandbox(log_level="loud")  # type: ignore[arg-type]


def test_nothing_is_installed_for_the_process() -> None:
    root, before = logging.getLogger(), list(logging.getLogger().handlers)
    with storex.Storex.sandbox() as sx:
        sx.stores.create("oceanbreeze", **OWNER).wait(timeout=60)
    assert root.handlers == before and logging.getLogger("storex").handlers == []
    assert logging.getLogger("storex").level == logging.NOTSET
