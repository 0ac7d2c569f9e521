"""Waiting: the interpreter is free, Ctrl-C and cancelled tasks end it, threads, loops and forks do not trip over it."""

from __future__ import annotations

import asyncio
import http.server
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import storex
from conftest import OWNER, Mode, run, settled


def held(mode: Mode) -> storex.Creation:
    """An operation that does not end before its fault is cleared."""
    mode.fault("host.apply", "hold")
    return mode.client.stores.create("oceanbreeze", **OWNER)


def counted(seconds: float) -> int:
    """How far this thread counts in that time."""
    count, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        count += 1
    return count


def test_the_interpreter_is_free_while_a_call_waits(mode: Mode) -> None:
    creation = held(mode)
    alone = counted(0.5)

    def wait() -> None:
        with pytest.raises(storex.WaitTimeoutError):
            creation.wait(timeout=1.5)

    waiting = threading.Thread(target=wait)
    waiting.start()
    settled(lambda: mode.client.calls_in_flight == 1)
    beside = counted(0.5)
    waiting.join()
    mode.clear()
    # Other programs share the machine; a wait that kept the interpreter would leave next to nothing.
    assert beside > alone * 0.5, (beside, alone)


def interrupted(
    mode: Mode, call: Callable[[], object], when: Callable[[], bool] = lambda: True
) -> tuple[storex.Interrupted, float]:
    """The exception that Ctrl-C during this call raises, once this holds, and how long it took, in seconds."""
    sent: list[float] = []

    def interrupt() -> None:
        settled(lambda: mode.client.calls_in_flight == 1)
        settled(when)
        time.sleep(0.1)
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    killer = threading.Thread(target=interrupt)
    killer.start()
    with pytest.raises(KeyboardInterrupt) as ended:
        call()
    took = time.monotonic() - sent[0]
    killer.join()
    settled(lambda: mode.client.calls_in_flight == 0)
    assert isinstance(ended.value, storex.Interrupted)
    return ended.value, took


def test_ctrl_c_ends_a_wait_within_200_ms_and_the_operation_goes_on(mode: Mode) -> None:
    creation = held(mode)
    waits: list[Callable[[], object]] = [
        lambda: creation.wait(timeout=30),
        lambda: creation.wait(timeout=30, on_event=lambda event: None),
        lambda: list(creation.events(timeout=30)),
    ]
    for wait in waits:
        error, took = interrupted(mode, wait)
        assert error.operation_id == creation.id and creation.id in str(error)
        assert took < 0.2, took
    mode.clear()
    assert creation.wait(timeout=60).succeeded


def unanswered(mode: Mode, key: str | None = None) -> Callable[[], storex.Creation]:
    """A creation whose operation is begun and whose answer does not come before the faults are cleared."""
    mode.fault("domains.create_zone", "hold")
    return lambda: mode.client.stores.create("oceanbreeze", domain="oceanbreezestore.com", idempotency_key=key, **OWNER)


def begun(mode: Mode) -> bool:
    """Whether something of a store is there, so that an operation is."""
    return mode.traces() != []


@pytest.mark.parametrize("key", [None, "signup-42"])
def test_ctrl_c_before_a_creation_is_answered_names_the_operation_which_goes_on(mode: Mode, key: str | None) -> None:
    create = unanswered(mode, key)
    error, took = interrupted(mode, create, lambda: begun(mode))
    assert took < 0.2, took
    assert error.operation_id and f"operation {error.operation_id} goes on" in str(error)
    assert storex.operation_of(error) == error.operation_id
    assert not mode.client.operations.get(error.operation_id).done
    if key:
        # A repetition is about the same operation.
        again, _ = interrupted(mode, create)
        assert again.operation_id == error.operation_id == mode.client.operations.find(key).id
    mode.clear()
    assert mode.client.operations.wait(error.operation_id, timeout=60).succeeded


def test_ctrl_c_before_anything_is_begun_names_nothing(mode: Mode) -> None:
    mode.fault("host.facts", "hold")
    error, took = interrupted(mode, lambda: mode.client.stores.create("oceanbreeze", **OWNER))
    assert error.operation_id is None and storex.operation_of(error) is None and took < 0.3, took
    mode.clear()


def test_a_creation_that_is_cancelled_or_timed_out_before_its_answer_names_the_operation(mode: Mode) -> None:
    create: dict[str, Any] = {"domain": "oceanbreezestore.com", **OWNER}
    mode.fault("domains.create_zone", "hold", times=0)

    async def cancelled(sx: storex.AsyncStorex) -> BaseException:
        task = asyncio.create_task(sx.stores.create("oceanbreeze", **create))
        while not await asyncio.to_thread(begun, mode):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as ended:
            await task
        return ended.value

    async def timed_out(sx: storex.AsyncStorex) -> BaseException:
        with pytest.raises(TimeoutError) as ended:
            async with asyncio.timeout(1):
                await sx.stores.create("mountainpeak", **(create | {"domain": "mountainpeakstore.com"}))
        return ended.value

    async def main() -> None:
        sx = mode.asynchronous()
        found = [storex.operation_of(await way(sx)) for way in (cancelled, timed_out)]
        operations = [await sx.operations.get(operation or "") for operation in found]
        assert [(one.label, one.done) for one in operations] == [("oceanbreeze", False), ("mountainpeak", False)]
        mode.clear()
        for one in operations:
            assert (await sx.operations.wait(one.id, timeout=60)).succeeded
        if mode.name == "remote":
            await sx.close()

    run(main)


def test_an_answer_that_breaks_off_names_the_operation_that_was_begun() -> None:
    keys: list[str | None] = []

    class BreaksOff(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            keys.append(self.headers["Idempotency-Key"])
            self.close_connection = True

        def do_GET(self) -> None:
            asked = urllib.parse.urlsplit(self.path)
            known = asked.path == "/api/operations" and urllib.parse.parse_qs(asked.query)["idempotency_key"] == [keys[-1]]
            body = b'{"id": "op_1"}' if known else b"{}"
            self.send_response(200 if known or asked.path == "/healthz" else 404)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), BreaksOff) as server:
        threading.Thread(target=server.serve_forever).start()
        with storex.connect(f"http://127.0.0.1:{server.server_port}", "stx_token") as sx:
            for key in (None, None, "signup-42"):
                with pytest.raises(storex.UnavailableError) as broken:
                    sx.stores.create("oceanbreeze", idempotency_key=key, **OWNER)
                assert broken.value.unclear and broken.value.operation_id == "op_1"
        server.shutdown()
    assert keys[2] == "signup-42" and len({keys[0], keys[1], None}) == 3, "every creation has a key of its own"


def test_a_signal_handler_of_the_program_runs_during_a_wait_and_its_exception_ends_it(mode: Mode) -> None:
    creation = held(mode)

    class Enough(Exception):
        pass

    def handler(number: int, frame: object) -> None:
        raise Enough

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(Enough) as ended:
            creation.wait(timeout=30)
        assert storex.operation_of(ended.value) == creation.id
    finally:
        signal.signal(signal.SIGALRM, before)
    mode.clear()
    assert creation.wait(timeout=60).succeeded


def test_cancelling_a_task_drops_the_call_and_the_operation_goes_on(mode: Mode) -> None:
    creation = held(mode)

    async def main() -> None:
        sx = mode.asynchronous()
        task = asyncio.create_task(sx.operations.wait(creation.id))
        while sx.calls_in_flight == 0:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for _ in range(100):
            if sx.calls_in_flight == 0:
                break
            await asyncio.sleep(0.01)
        assert sx.calls_in_flight == 0, "the call was dropped"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await sx.operations.wait(creation.id)
        assert not (await sx.operations.get(creation.id)).done
        mode.clear()
        assert (await sx.operations.wait(creation.id, timeout=60)).succeeded
        if mode.name == "remote":
            await sx.close()

    run(main)


def test_the_awaited_client_does_what_the_blocking_one_does(mode: Mode) -> None:
    async def main() -> None:
        sx = mode.asynchronous()
        await sx.open()
        assert (await sx.health()).ready
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(sx.stores.create(f"store-{number}", **OWNER)) for number in range(10)]
        creations = [task.result() for task in tasks]
        events: list[storex.Event] = []

        async def on_event(event: storex.Event) -> None:
            events.append(event)

        for creation in creations:
            assert (await creation.wait(timeout=60, on_event=on_event)).succeeded
            assert (await creation.store()).state == "active"
        assert {event.operation_id for event in events} == {creation.id for creation in creations}
        assert len([store async for store in sx.stores.list(page_size=3)]) == 10
        assert [len(page.items) async for page in sx.stores.list(page_size=4).pages()] == [4, 4, 2]
        assert [drift async for drift in sx.drift()] == []
        assert (await sx.reconcile(dry_run=True)).checked == 10
        plan = await sx.stores.plan("other", **OWNER)
        assert plan.operation == "create_store"
        with pytest.raises(storex.ConflictError):
            await sx.stores.create("store-1", **OWNER)
        for creation in creations:
            deletion = await sx.stores.delete(creation.store_id)
            assert [event.state async for event in deletion.events(timeout=60)][-1] == "succeeded"
        assert mode.traces() == []
        if mode.name == "remote":
            await sx.close()

    run(main)


def test_threads_share_a_client(mode: Mode) -> None:
    def one(number: int) -> str:
        creation = mode.client.stores.create(f"store-{number}", **OWNER)
        creation.wait(timeout=60)
        mode.client.stores.delete(creation.store_id).wait(timeout=60)
        return creation.store_id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(one, range(24)))) == 24
    assert mode.traces() == []


def test_a_blocking_call_inside_a_running_loop_and_loops_one_after_another_and_in_threads(mode: Mode) -> None:
    async def main() -> str:
        # As in a notebook, whose cells run inside a loop.
        creation = mode.client.stores.create("inside", **OWNER)
        creation.wait(timeout=60)

        def elsewhere() -> bool:
            sx = mode.asynchronous()

            async def other() -> bool:
                ready = (await sx.health()).ready
                if mode.name == "remote":
                    await sx.close()
                return ready

            return bool(asyncio.run(other()))

        assert await asyncio.to_thread(elsewhere)
        return creation.store_id

    store_id = run(main)
    sx = mode.asynchronous()

    async def again() -> str:
        return (await sx.stores.get(store_id)).id

    # The same client on a second and a third loop.
    assert run(again) == run(again) == store_id
    if mode.name == "remote":
        run(sx.close)


def test_a_loop_that_is_gone_before_the_answer_is_no_harm(mode: Mode) -> None:
    creation = held(mode)
    sx = mode.asynchronous()
    loop = asyncio.new_event_loop()
    task = loop.create_task(sx.operations.wait(creation.id, timeout=1))
    loop.run_until_complete(asyncio.sleep(0.1))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.close()
    mode.clear()
    assert creation.wait(timeout=60).succeeded
    if mode.name == "remote":
        run(sx.close)


def in_a_fork(client: storex.Storex, told: multiprocessing.connection.Connection) -> None:
    """What a forked process sees."""
    began = time.monotonic()
    try:
        client.health()
        told.send("answered")
    except storex.ForkedProcessError as error:
        own = storex.Storex.sandbox()
        ready = own.health().ready
        own.close()
        client.close()
        told.send((error.code, error.next_step, time.monotonic() - began, client.closed, ready))


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_gets_a_clear_error_at_once_and_may_make_a_client_of_its_own(mode: Mode) -> None:
    assert mode.client.health().ready
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=in_a_fork, args=(mode.client, there))
    child.start()
    assert here.poll(10), "the child hangs"
    code, next_step, took, closed, ready = here.recv()
    child.join(10)
    assert child.exitcode == 0
    assert code == "forked_process" and "after the fork" in next_step and took < 5 and closed and ready
    assert mode.client.health().ready, "the parent's client is as it was"


def in_a_spawn(told: multiprocessing.connection.Connection) -> None:
    """What a process that was started anew does."""
    with storex.Storex.sandbox() as sx:
        told.send(sx.health().ready)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_that_are_started_anew_work(method: str) -> None:
    here, there = multiprocessing.Pipe()
    context: Any = multiprocessing.get_context(method)
    child = context.Process(target=in_a_spawn, args=(there,))
    child.start()
    assert here.poll(30) and here.recv() is True
    child.join(10)
    assert child.exitcode == 0


def test_closing_ends_calls_that_are_going_on(mode: Mode) -> None:
    creation = held(mode)
    failures: list[storex.StorexError] = []

    def wait() -> None:
        try:
            creation.wait(timeout=30)
        except storex.StorexError as error:
            failures.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    settled(lambda: mode.client.calls_in_flight == 1)
    began = time.monotonic()
    mode.client.close()
    waiting.join(10)
    assert time.monotonic() - began < 5 and not waiting.is_alive()
    assert [type(error) for error in failures] == [storex.ClientClosedError]
    assert failures[0].operation_id == creation.id


@pytest.mark.parametrize(
    "ending",
    ["sx.close()", "", "import os; os.kill(os.getpid(), 2)", "import threading; threading.Thread(target=sx.stores.list).start()"],
)
def test_a_program_ends_with_its_client_open_or_closed(ending: str) -> None:
    program = f"""
import storex, warnings
warnings.simplefilter("ignore")
sx = storex.Storex.sandbox(log_level="trace")
sx.stores.create("oceanbreeze", owner="J", email="j@example.org")
{ending}
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ended.returncode in ((-2, 130) if "kill" in ending else (0,)), ended
    assert "panic" not in ended.stderr and "Fatal" not in ended.stderr, ended.stderr
