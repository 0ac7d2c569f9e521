"""Creates the stores of a CSV file (`username,domain,owner,email,plan`), many at a time, and can be run again: what was begun is not begun twice.

    python bulk_import.py shops.csv --url http://127.0.0.1:8080 --token-file /srv/storex/admin.token

Without `--url` it tries the import in a sandbox, where nothing leaves the process.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import storex

AT_A_TIME = 16
COLUMNS = {"username", "domain", "owner", "email", "plan"}


@dataclass
class Progress:
    """How far the import is."""

    total: int
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def tell(self, username: str, outcome: str) -> None:
        """Counts an outcome; every twentieth tells how far it is."""
        self.outcomes[outcome] += 1
        done = self.outcomes.total()
        if done % 20 == 0 or done == self.total:
            print(f"{done:>4} of {self.total}  {time.monotonic() - self.began:5.1f} s  {dict(self.outcomes)}", file=sys.stderr)


async def import_one(sx: storex.AsyncStorex, row: dict[str, str], progress: Progress) -> None:
    """Creates one store and waits for it."""
    username = row["username"]
    details = {"owner": row["owner"], "email": row["email"], "plan": row["plan"] or None}
    document = {"username": username, "domain": row["domain"] or None, "storeDetails": details}
    try:
        creation = await sx.stores.create_from(document, idempotency_key=f"import-{username}")
        await creation.wait(timeout=15 * 60)
        progress.tell(username, "known" if creation.replayed else "created")
    except storex.StorexError as error:
        progress.failures.append(f"{username}: {error}. {error.next_step}")
        progress.tell(username, "failed")


async def import_all(sx: storex.AsyncStorex, rows: list[dict[str, str]]) -> Progress:
    """Creates all of them, some at a time."""
    progress, room = Progress(len(rows)), asyncio.Semaphore(AT_A_TIME)

    async def one(row: dict[str, str]) -> None:
        async with room:
            await import_one(sx, row, progress)

    async with asyncio.TaskGroup() as group:
        for row in rows:
            group.create_task(one(row))
    return progress


def read(path: Path) -> list[dict[str, str]]:
    """The rows of the file."""
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if set(reader.fieldnames or ()) != COLUMNS:
            raise SystemExit(f"{path}: the first line must be {','.join(sorted(COLUMNS))} in any order")
        return list(reader)


async def main() -> int:
    """The program; answers its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--url", help="address of the controller")
    parser.add_argument("--token-file", type=Path)
    options = parser.parse_args()
    rows = read(options.file)
    if options.url:
        client = storex.AsyncStorex.connect(options.url, options.token_file.read_text().strip())
    else:
        client = storex.AsyncStorex.sandbox()
    async with client as sx:
        progress = await import_all(sx, rows)
    for failure in progress.failures:
        print(failure, file=sys.stderr)
    print(f"{progress.outcomes['created']} created, {progress.outcomes['known']} known, {progress.outcomes['failed']} failed")
    return 1 if progress.failures else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
