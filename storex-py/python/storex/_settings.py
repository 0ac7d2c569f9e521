"""What an engine is told, as the native half reads it."""

from __future__ import annotations

import json
import os
from typing import Literal

from ._storex import Engine

LogLevel = Literal["off", "error", "warn", "info", "debug", "trace"]
"""How telling the engine's log is. It arrives in :mod:`logging` below the logger ``storex``."""


def sandbox(virtual_time: bool, seed: int, log_level: LogLevel, mongodb: str | None = None) -> Engine:
    """A world of twins in memory, or with its documents in a database."""
    return _engine({"mode": "sandbox", "virtual_time": virtual_time, "seed": seed, "mongodb": mongodb}, log_level)


def embedded(
    data: str | os.PathLike[str] | None,
    mongodb: str | None,
    primary_domain: str,
    router: str,
    cloudflare_token: str | None,
    cloudflare_account: str | None,
    simulator: bool | str | os.PathLike[str],
    agent: str | None,
    agent_token: str | None,
    reconcile: bool,
    log_level: LogLevel,
) -> Engine:
    """The engine in this process."""
    if data is not None and mongodb is not None:
        raise ValueError("give either a file or a MongoDB database")
    if cloudflare_token and simulator:
        raise ValueError("give either a Cloudflare token or the simulator")
    if (agent is None) != (agent_token is None):
        raise ValueError("an agent has an address and a token: give both or none")
    edge: object = "memory"
    if cloudflare_token:
        edge = {"cloudflare": {"token": cloudflare_token, "account": cloudflare_account}}
    elif simulator:
        edge = {"simulator": {"state": None if simulator is True else os.fspath(simulator)}}
    settings = {
        "mode": "embedded",
        "data": None if data is None else os.fspath(data),
        "mongodb": mongodb,
        "primary_domain": primary_domain,
        "router": router,
        "edge": edge,
        "agent": None if agent is None else {"address": agent, "token": agent_token},
        "reconcile": reconcile,
    }
    return _engine(settings, log_level)


def remote(url: str, token: str, log_level: LogLevel) -> Engine:
    """A controller behind its REST API."""
    return _engine({"mode": "remote", "url": url, "token": token}, log_level)


def _engine(settings: dict[str, object], log_level: str) -> Engine:
    return Engine(json.dumps(settings), log_level)
