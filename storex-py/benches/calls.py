"""Figures of the Python package, each beside its floor from the same run. Argument: the wheel that is installed. `make bench` runs it.

The best of many short rounds counts: what else runs on the machine only ever adds.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

from storex import AsyncStorex
from storex._transport import Call
from storex.testing import Sandbox

CALLS, ROUNDS = 10, 300
CREATES, WORLDS = 10, 100
OWNER = {"owner": "John Smith", "email": "john@example-mail.com"}


def rust(sandbox: Sandbox, what: str, count: int, store_id: str = "") -> float:
    """Seconds of the same calls made from Rust."""
    query = (("what", what), ("count", str(count)))
    answer = sandbox._transport.send(Call("sandbox.measure", store_id, query))
    return float(answer.document["seconds"])


def blocked(sandbox: Sandbox, store_id: str) -> float:
    """Seconds of the blocking calls."""
    began = time.perf_counter()
    for _ in range(CALLS):
        sandbox.stores.get(store_id)
    return time.perf_counter() - began


async def awaited(client: AsyncStorex, store_id: str) -> float:
    """Seconds of the awaited calls."""
    began = time.perf_counter()
    for _ in range(CALLS):
        await client.stores.get(store_id)
    return time.perf_counter() - began


def created(sandbox: Sandbox) -> float:
    """Seconds of so many creations, each waited for."""
    began = time.perf_counter()
    for number in range(CREATES):
        sandbox.stores.create(f"python-{number}", **OWNER).wait(timeout=60)
    return time.perf_counter() - began


def tested() -> float:
    """Seconds of what a test with the fixture `storex_sandbox` does: a sandbox, a store made and removed, a look at what is left behind."""
    began = time.perf_counter()
    with Sandbox.sandbox() as sandbox:
        creation = sandbox.stores.create("oceanbreeze", **OWNER)
        creation.wait(timeout=3600)
        sandbox.stores.delete(creation.store_id).wait(timeout=3600)
        sandbox.messages()
        if sandbox.left_behind() or sandbox.broken_promises():
            raise AssertionError("something is left behind")
    return time.perf_counter() - began


def started(program: str) -> float:
    """Seconds of a Python that runs this program."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True)
    return time.perf_counter() - began


def quiet() -> Sandbox:
    """A sandbox in real time."""
    return Sandbox.sandbox(virtual_time=False, log_level="off")


def calls() -> tuple[float, float, float]:
    """Microseconds of a call from Rust, and what a blocking and an awaited one take more."""
    with quiet() as sandbox:
        creation = sandbox.stores.create("measured", **OWNER)
        creation.wait(timeout=60)
        client, store_id, rounds = sandbox.as_async(), creation.store_id, []
        for _ in range(ROUNDS):
            floor = rust(sandbox, "get", CALLS, store_id)
            rounds.append((floor, blocked(sandbox, store_id), asyncio.run(awaited(client, store_id))))
    floor, blocking, waiting = (1e6 * min(column) / CALLS for column in zip(*rounds, strict=True))
    return floor, blocking - floor, waiting - floor


def creations() -> tuple[float, float]:
    """Milliseconds of a creation from Rust and from Python, its end waited for."""
    pairs = []
    for _ in range(WORLDS):
        with quiet() as sandbox:
            python = created(sandbox)
        with quiet() as sandbox:
            pairs.append((rust(sandbox, "create", CREATES), python))
    floor, python = (1e3 * min(column) / CREATES for column in zip(*pairs, strict=True))
    return floor, python


def main() -> int:
    """Prints the figures; answers 1 when one is beyond its bound."""
    call, blocking, waiting = calls()
    floor, python = creations()
    size = Path(sys.argv[1]).stat().st_size / 1e6
    test = 1e3 * min(tested() for _ in range(9))
    imported = 1e3 * (min(started("import storex") for _ in range(9)) - min(started("pass") for _ in range(9)))
    figures = [
        ("a call from Python over the same from Rust", blocking, f"µs (the call itself {call:.1f} µs)", blocking <= 50),
        ("the same, awaited", waiting, "µs", waiting <= 150),
        (
            "1,000 creates, from Rust ÷ from Python",
            floor / python,
            f"({floor:.2f} ms ÷ {python:.2f} ms each)",
            floor >= 0.8 * python,
        ),
        ("wheel", size, "MB", size <= 10),
        ("a test with a sandbox", test, "ms", test <= 100),
        ("import", imported, "ms", imported <= 60),
    ]
    for name, value, unit, holds in figures:
        print(f"{name:45} {value:8.2f} {unit}{'' if holds else '   BEYOND ITS BOUND'}")
    return 0 if all(holds for *_, holds in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
