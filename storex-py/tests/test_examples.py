"""The examples run, the notebook cell by cell as a notebook would."""

from __future__ import annotations

import ast
import asyncio
import csv
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Mode

EXAMPLES = ROOT / "storex-py/examples"


def program(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs an example."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def shops(path: Path, count: int) -> Path:
    """A file of stores, of which one cannot be used."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["username", "domain", "owner", "email", "plan"])
        for number in range(count):
            domain = f"shop-{number}-store.com" if number % 4 == 0 else ""
            writer.writerow([f"shop-{number}", domain, f"Owner {number}", f"owner-{number}@example.org", "starter"])
        writer.writerow(["Not_A_Name", "", "Nobody", "nobody@example.org", ""])
    return path


def test_200_stores_of_a_csv_are_imported_with_progress_and_a_bad_row_is_told(tmp_path: Path) -> None:
    ended = program("bulk_import.py", str(shops(tmp_path / "shops.csv", 200)))
    assert ended.stdout == "200 created, 0 known, 1 failed\n", ended.stderr
    assert ended.returncode == 1 and "Not_A_Name: invalid_username" in ended.stderr and "pointer=/username" in ended.stderr
    assert len(re.findall(r"^ *\d+ of 201 ", ended.stderr, re.MULTILINE)) == 11


def test_an_import_that_is_run_again_begins_nothing_twice(mode: Mode, tmp_path: Path) -> None:
    if mode.name != "remote":
        return
    url = repr(mode.client).split("'")[1]
    token = tmp_path / "token"
    token.write_text(mode.token)
    file = shops(tmp_path / "shops.csv", 20)
    connection = ["--url", url, "--token-file", str(token)]
    for told in ("20 created, 0 known, 1 failed\n", "0 created, 20 known, 1 failed\n"):
        ended = program("bulk_import.py", str(file), *connection)
        assert ended.stdout == told, ended.stderr
    audit = program("domain_audit.py", *connection)
    shown = [line for line in audit.stdout.splitlines() if line.startswith("| shop-")]
    assert audit.returncode == 0 and len(shown) == 20 and "5 wait for their owners." in audit.stdout


def test_the_audit_says_what_is_left_to_do() -> None:
    ended = program("domain_audit.py")
    assert ended.returncode == 0, ended.stderr
    assert "| oceanbreezestore.com | configuring |" in ended.stdout and "2 wait for their owners." in ended.stdout


def cells(path: Path) -> list[str]:
    """The code of a notebook."""
    notebook: dict[str, Any] = json.loads(path.read_text())
    assert notebook["nbformat"] == 4
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


async def played(sources: list[str]) -> dict[str, Any]:
    """The names a notebook ends with; each cell is compiled as a notebook does, with `await` at top level."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, source in enumerate(sources):
        code = compile(source, f"cell {number}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        outcome = eval(code, names)
        if inspect.isawaitable(outcome):
            await outcome
    return names


def test_the_notebook_runs_from_top_to_bottom(capsys: pytest.CaptureFixture[str]) -> None:
    sources = cells(EXAMPLES / "first_store.ipynb")
    assert len(sources) >= 5
    names = asyncio.run(played(sources))
    shown = capsys.readouterr().out
    assert names["remaining"] == [] and "create_store: succeeded" in shown and "/username" in shown
