from collections.abc import Callable
from typing import final

__all__ = ["Engine", "Pending", "codes"]

_Told = tuple[bool, str, str | None, bool]
_Done = Callable[[bool, str, str | None, bool], object]

@final
class Pending:
    def cancel(self) -> None: ...
    def begun(self, done: Callable[[str | None], object]) -> None: ...

@final
class Engine:
    def __new__(cls, settings: str, log_level: str) -> Engine: ...
    def call(
        self,
        name: str,
        id: str = "",
        query: list[tuple[str, str]] | None = None,
        body: str | None = None,
        key: str | None = None,
    ) -> _Told: ...
    def start(
        self,
        done: _Done,
        name: str,
        id: str = "",
        query: list[tuple[str, str]] | None = None,
        body: str | None = None,
        key: str | None = None,
    ) -> Pending: ...
    def follow(self, id: str, limit: float, seen: str | None = None) -> _Told: ...
    def start_follow(self, done: _Done, id: str, limit: float, seen: str | None = None) -> Pending: ...
    def close(self) -> None: ...
    def flush_log(self) -> None: ...
    @property
    def in_flight(self) -> int: ...
    @property
    def is_virtual(self) -> bool: ...
    @property
    def closed(self) -> bool: ...

def codes() -> list[tuple[str, str, int, str, str]]: ...
