"""The modes of one suite: the engine in this process, on documents in memory and in MongoDB, and a controller in another one behind its REST API."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import storex
from storex import _settings
from storex.testing import Sandbox

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")

OWNER = {"owner": "John Smith", "email": "john@example-mail.com"}


@dataclass
class Mode:
    """A client, and what a test may do to the world behind it."""

    name: str
    client: storex.Storex
    fault: Callable[..., None]
    clear: Callable[[], None]
    traces: Callable[[], list[str]]
    asynchronous: Callable[[], storex.AsyncStorex]
    token: str = ""


def embedded() -> Iterator[Mode]:
    """The engine in this process, in real time."""
    yield from in_process("embedded", Sandbox.sandbox(virtual_time=False))


def on_mongodb(uri: str) -> Iterator[Mode]:
    """The same with its documents in this database."""
    yield from in_process("mongodb", Sandbox(_settings.sandbox(False, 0, "info", uri), "sandbox"))


def in_process(name: str, client: Sandbox) -> Iterator[Mode]:
    """A mode of this sandbox."""
    with client as sandbox:

        def fault(call: str, fault: Any, **more: Any) -> None:
            sandbox.faults.add(call, fault, **more)

        yield Mode(name, sandbox, fault, sandbox.faults.clear, sandbox.left_behind, sandbox.as_async)
        if not sandbox.closed:
            sandbox.faults.clear()


def remote() -> Iterator[Mode]:
    """A controller in a process of its own."""
    program = os.environ.get("STOREX_SANDBOX")
    assert program, "STOREX_SANDBOX names the program storex-sandbox; run make python"
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        try:
            announced = json.loads(process.stdout.readline())
            url, token = announced["url"], announced["token"]

            def ask(method: str, path: str, body: Any = None) -> Any:
                data = None if body is None else json.dumps(body).encode()
                headers = {"content-type": "application/json"}
                request = urllib.request.Request(f"{url}/__world/{path}", data, headers, method=method)
                with urllib.request.urlopen(request, timeout=10) as answer:
                    text = answer.read()
                return json.loads(text) if text else None

            def fault(call: str, fault: Any, **more: Any) -> None:
                rule = {"subject": "", "nth": 1, "times": 1, "when": "before"} | more
                ask("POST", "faults", {"call": call, "fault": fault} | rule)

            with storex.connect(url, token) as client:
                yield Mode(
                    "remote",
                    client,
                    fault,
                    lambda: ask("DELETE", "faults"),
                    lambda: list(ask("GET", "traces")),
                    lambda: storex.AsyncStorex.connect(url, token),
                    token,
                )
            ask("DELETE", "faults")
        finally:
            process.stdin.close()
            process.wait(10)


def mongod() -> Path:
    """The server that scripts/install-mongod.sh brings."""
    places = [Path(os.environ[name]) for name in ("STOREX_TOOLS",) if name in os.environ]
    places += [Path("/opt/storex"), Path.home() / ".local/share/storex"]
    found = next((place / "bin/mongod" for place in places if (place / "bin/mongod").exists()), None)
    assert found, "mongod is missing: run scripts/install-mongod.sh"
    return found


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Connection strings, each of a new database of one server."""
    folder, port, numbers = tmp_path_factory.mktemp("mongod"), free_port(), itertools.count()
    where = ["--dbpath", str(folder), "--unixSocketPrefix", str(folder), "--logpath", str(folder / "mongod.log")]
    arguments = ["--port", str(port), "--bind_ip", "127.0.0.1", "--wiredTigerCacheSizeGB", "0.25", *where]
    quiet = ["--setParameter", "diagnosticDataCollectionEnabled=false"]
    with subprocess.Popen([mongod(), *arguments, *quiet], stdout=subprocess.DEVNULL) as server:
        try:
            settled(lambda: answers(port), 60)
            yield lambda: f"mongodb://127.0.0.1:{port}/suite-{next(numbers)}"
        finally:
            server.kill()


def answers(port: int) -> bool:
    """Whether somebody listens on this port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(params=["embedded", "mongodb", "remote"])
def mode(request: pytest.FixtureRequest) -> Iterator[Mode]:
    """A world of its own for each test, in every mode."""
    if request.param == "mongodb":
        yield from on_mongodb(request.getfixturevalue("database")())
    else:
        yield from {"embedded": embedded, "remote": remote}[request.param]()


@pytest.fixture
def sx(mode: Mode) -> storex.Storex:
    """The client of :func:`mode`."""
    return mode.client


def settled(predicate: Callable[[], bool], limit: float = 10.0) -> None:
    """Returns once it holds."""
    done = threading.Event()
    for _ in range(int(limit / 0.01)):
        if predicate():
            return
        done.wait(0.01)
    raise AssertionError("it did not come about in time")


def run(main: Callable[[], Any]) -> Any:
    """Runs the coroutine function on a loop of its own."""
    return asyncio.run(main())
