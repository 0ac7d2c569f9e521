"""The pytest plugin, as a user's test sees it."""

from __future__ import annotations

import time

import pytest
import storex
from conftest import OWNER
from storex.testing import Sandbox

# What a user writes; at most 20 lines.
USERS_TEST = """
import pytest, storex

def test_a_signup_that_fails_late_leaves_nothing(storex_sandbox):
    sx = storex_sandbox
    sx.faults.add("host.apply", {"refuse": "host_refused"}, times=0)
    with pytest.raises(storex.UpstreamError) as failed:
        sx.stores.create("oceanbreeze", owner="J", email="j@example.org")
    with pytest.raises(storex.OperationRolledBack):
        sx.operations.wait(failed.value.operation_id, timeout=3600)
    assert sx.faults.fired() > 0
    sx.faults.clear()

    creation = sx.stores.create("oceanbreeze", owner="J", email="j@example.org")
    creation.wait(timeout=3600)
    assert len(sx.messages()) == 1
    sx.stores.delete(creation.store_id).wait(timeout=3600)
"""


def test_a_users_test_of_20_lines_passes_in_under_100_ms(pytester: pytest.Pytester) -> None:
    assert len(USERS_TEST.strip().splitlines()) <= 20
    pytester.makepyfile(USERS_TEST)
    ended = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--durations=0", "-vv")
    ended.assert_outcomes(passed=1)
    phases = [line.split()[0] for line in ended.outlines if line.endswith("test_a_signup_that_fails_late_leaves_nothing")]
    took = sum(float(phase.removesuffix("s")) for phase in phases if phase.endswith("s") and phase[0].isdigit())
    # The figure itself is in `make bench`; what shares the machine may take its time here.
    assert took < 1.0, ended.outlines


def test_what_is_left_behind_fails_the_test_unless_it_says_so(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        def make(sandbox):
            sandbox.stores.create("oceanbreeze", owner="J", email="j@example.org").wait(timeout=60)

        def test_leaves_a_store(storex_sandbox):
            make(storex_sandbox)

        @pytest.mark.storex_leftovers
        def test_may_leave_a_store(storex_sandbox):
            make(storex_sandbox)

        def test_leaves_an_operation(storex_sandbox):
            storex_sandbox.faults.add("host.apply", "hold")
            storex_sandbox.stores.create("bluepeak", owner="J", email="j@example.org")

        def test_leaves_nothing(storex_sandbox):
            assert storex_sandbox.left_behind() == []
        """
    )
    ended = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    ended.assert_outcomes(passed=4, errors=2)
    ended.stdout.fnmatch_lines(["*left behind: deployment oceanbreeze-*", "*left behind: claim username/bluepeak*"])


def test_fixtures_work_beside_each_other_in_several_processes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("number", range(12))
        def test_one(storex_sandbox, number):
            creation = storex_sandbox.stores.create("oceanbreeze", owner="J", email="j@example.org")
            creation.wait(timeout=60)
            storex_sandbox.stores.delete(creation.store_id).wait(timeout=60)
        """
    )
    ended = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-n", "3")
    ended.assert_outcomes(passed=12)


def test_virtual_time_passes_at_once_and_only_while_somebody_waits(storex_sandbox: Sandbox) -> None:
    began, first = time.monotonic(), storex_sandbox._ask("now")
    storex_sandbox.elapse(24 * 3600)
    assert time.monotonic() - began < 5
    later = storex_sandbox._ask("now")
    assert later[:10] > first[:10]
    time.sleep(0.05)
    assert storex_sandbox._ask("now") == later
    storex_sandbox.faults.add("host.apply", "hold")
    creation = storex_sandbox.stores.create("oceanbreeze", **OWNER)
    for wait in (creation.wait, lambda timeout: list(creation.events(timeout=timeout))):
        with pytest.raises(storex.WaitTimeoutError):
            wait(timeout=5)
    storex_sandbox.faults.clear()
    creation.wait(timeout=3600, on_event=lambda event: None)
    storex_sandbox.stores.delete(creation.store_id).wait(timeout=3600)


def test_a_key_under_which_a_request_may_be_repeated_is_nothing_left_behind(storex_sandbox: Sandbox) -> None:
    creation = storex_sandbox.stores.create("oceanbreeze", idempotency_key="signup-42", **OWNER)
    creation.wait(timeout=3600)
    assert storex_sandbox.left_behind() != [], "the control"
    storex_sandbox.stores.delete(creation.store_id).wait(timeout=3600)
    storex_sandbox.messages()
    assert storex_sandbox.left_behind() == []


def test_the_same_seed_gives_the_same_run_and_another_another() -> None:
    def run(seed: int) -> str:
        with Sandbox.sandbox(seed=seed) as sandbox:
            return sandbox.stores.create("oceanbreeze", **OWNER).store_id

    assert run(1) == run(1) != run(2)


@pytest.mark.storex_leftovers
def test_the_world_can_be_meddled_with(storex_sandbox: Sandbox) -> None:
    storex_sandbox.insert_foreign_zone("taken.com")
    with pytest.raises(storex.ConflictError) as refused:
        storex_sandbox.stores.create("oceanbreeze", domain="taken.com", **OWNER)
    assert refused.value.code == "zone_exists"
    storex_sandbox.silence("bluepeak")
    with pytest.raises(storex.StorexError) as failed:
        storex_sandbox.stores.create("bluepeak", **OWNER).wait(timeout=3600)
    cause = failed.value.__cause__ if isinstance(failed.value, storex.OperationFailed) else failed.value
    assert isinstance(cause, storex.UpstreamError) and cause.code == "process_not_serving" and cause.log
    storex_sandbox.unsilence("bluepeak")
    creation = storex_sandbox.stores.create("bluepeak", domain="bluepeak-shop.com", **OWNER)
    creation.wait(timeout=3600)
    storex_sandbox.activate_zone("bluepeak-shop.com")
    assert any(call["name"] == "domains.create_zone" for call in storex_sandbox.calls())
    with pytest.raises(storex.ValidationError):
        storex_sandbox.faults.add("host.apply", "no such fault")
