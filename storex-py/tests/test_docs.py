"""What the documentation shows works."""

from __future__ import annotations

import doctest
import subprocess
import sys

import storex
from conftest import ROOT


def test_the_example_of_the_package_runs() -> None:
    outcome = doctest.testmod(storex)
    assert outcome.attempted >= 2 and outcome.failed == 0


def test_the_python_blocks_of_the_readmes_run() -> None:
    files = [str(ROOT / "README.md"), str(ROOT / "storex-py/README.md")]
    command = [sys.executable, "-W", "error", str(ROOT / "scripts/readme-block.py"), *files]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0 and "create_store: succeeded" in ended.stdout, ended.stderr
    assert "Python blocks passed" in ended.stdout
