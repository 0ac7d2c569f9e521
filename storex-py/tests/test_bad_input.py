"""The table of bad input: what the REST API refuses, both modes refuse with the same code and pointer, blocking and awaited."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import storex
from conftest import OWNER, ROOT, Mode, run

TABLE = json.loads((ROOT / "tests/fixtures/bad-input.json").read_text())


def documents(case: dict[str, Any]) -> Iterator[Any]:
    """The documents a case sends: one, or one for each of its values."""
    if "values" in case:
        *parents, key = case["at"].split("/")[1:]
        for value in case["values"]:
            document = copy.deepcopy(TABLE["base"])
            place = document
            for parent in parents:
                place = place[parent]
            place[key] = value
            yield document
    else:
        yield case.get("document", TABLE["base"])


def send(sx: Any, case: dict[str, Any], document: Any) -> Any:
    """Asks what the case asks; in the awaited client, what is to be awaited or iterated."""
    key, query, id = case.get("key"), case.get("query", {}), case.get("id", "oceanbreeze-12345")
    calls: dict[str, Callable[[], Any]] = {
        "create": lambda: sx.stores.create_from(document, idempotency_key=key),
        "list": lambda: sx.stores.list(**query),
        "get": lambda: sx.stores.get(id),
        "delete": lambda: sx.stores.delete(id, idempotency_key=key),
        "plan_delete": lambda: sx.stores.plan_delete(id),
        "find": lambda: sx.operations.find(**query),
        "get_operation": lambda: sx.operations.get(id),
        "cancel": lambda: sx.operations.cancel(id),
        "retry": lambda: sx.operations.retry(id),
        "drift": lambda: sx.drift(**query),
        "purge": lambda: sx.stores.purge_cache(id),
        "reissue": lambda: sx.stores.reissue_certificate(id, **case.get("document", {})),
        "insight": lambda: sx.stores.insight(id, **query),
        "rotate": lambda: sx.stores.rotate_password(id),
        "reset": lambda: sx.tunnel.reset(id, **case.get("document", {})),
        "reconcile": lambda: sx.reconcile(**document),
    }
    return calls[case["call"]]()


def rows() -> list[tuple[dict[str, Any], Any]]:
    """Every row that a Python program can write."""
    cases = [case for case in TABLE["cases"] if "rest_only" not in case]
    return [(case, document) for case in cases for document in documents(case)]


def told(error: storex.StorexError) -> tuple[str, str | None]:
    """What the table says of an error."""
    return error.code, error.pointer


def test_every_row_is_refused_with_its_code_and_pointer_and_leaves_nothing(mode: Mode) -> None:
    wrong: list[Any] = []
    refused = 0
    for case, document in rows():
        try:
            answer = send(mode.client, case, document)
            list(answer)
            wrong.append((case, document, "accepted"))
        except storex.StorexError as error:
            refused += 1
            if told(error) != (case["code"], case["pointer"]):
                wrong.append((case, document, error))
            expected = LookupError if case["code"] == "not_found" else ValueError
            assert isinstance(error, expected), error
    assert wrong == []
    assert refused > 200
    assert mode.traces() == []
    mode.client.stores.create_from(TABLE["base"]).wait(timeout=60)


def test_the_awaited_client_refuses_every_row_too(mode: Mode) -> None:
    async def main() -> None:
        sx = mode.asynchronous()
        for case, document in rows():
            with pytest.raises(storex.StorexError) as refused:
                asked = send(sx, case, document)
                if hasattr(asked, "__aiter__"):
                    _ = [item async for item in asked]
                else:
                    await asked
            assert told(refused.value) == (case["code"], case["pointer"]), (case, document)
        if mode.name == "remote":
            await sx.close()

    run(main)


def test_rows_about_names_a_signature_does_not_have_are_refused_by_python_itself(sx: storex.Storex) -> None:
    cases = [case for case in TABLE["cases"] if case.get("rest_only") == "the signature has no such parameter"]
    assert len(cases) >= 4
    for case in cases:
        with pytest.raises(TypeError):
            send(sx, case, case.get("document"))


def test_what_json_has_no_form_for_is_refused_with_its_pointer(sx: storex.Storex) -> None:
    for value, pointer in [
        (float("nan"), "/username"),
        (float("inf"), "/username"),
        (b"bytes", "/username"),
        (object(), "/username"),
        ({1, 2}, "/username"),
        ([1, {"a/b": 1j}], "/username/1/a~1b"),
        ({1: 2}, "/username"),
    ]:
        with pytest.raises(storex.ValidationError) as refused:
            sx.stores.create_from(TABLE["base"] | {"username": value})
        assert told(refused.value) == ("invalid_field", pointer), value
    unusable: list[Any] = [-1, float("nan"), "1", True, []]
    for timeout in unusable:
        with pytest.raises(storex.ValidationError) as refused:
            sx.operations.wait("op_x", timeout=timeout)
        assert told(refused.value) == ("invalid_field", "/timeout")
    with pytest.raises(storex.ValidationError) as refused:
        sx.stores.create("a", idempotency_key=5, **OWNER)  # type: ignore[arg-type]
    assert told(refused.value) == ("invalid_field", "/Idempotency-Key")


def test_text_that_is_no_unicode_is_no_json(sx: storex.Storex) -> None:
    with pytest.raises(storex.ValidationError) as refused:
        sx.stores.create("\ud800", **OWNER)
    assert told(refused.value) == ("invalid_json", None)
