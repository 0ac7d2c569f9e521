"""An engine in the process whose documents are in MongoDB: what is refused, and that the next one goes on. The suite runs a round on it as well."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
import storex
from conftest import OWNER, free_port


def shown(client: storex.Storex, error: BaseException) -> str:
    """All that a program or a log could show of a client and an error."""
    return "".join([repr(client), str(client), repr(error), repr(vars(error)), *traceback.format_exception(error)])


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "canary",
        "mongodb://",
        "mongodb://user:canary:canary@host/",
        "mongodb://user:canary@host:99999/db",
        "mongodb+srv://user:canary@cluster.example.net/",
        "mongodb://user:canary@host/?loadBalanced=true",
        "postgres://user:canary@host/",
    ],
)
def test_a_string_that_cannot_be_used_is_refused_as_elsewhere_and_no_part_of_it_is_shown(uri: str) -> None:
    client = storex.Storex.embedded(mongodb=uri)
    with pytest.raises(storex.ValidationError) as refused:
        client.open()
    client.close()
    assert refused.value.code == "unusable" and refused.value.context["argument"] == "mongodb"
    assert "canary" not in shown(client, refused.value)


def test_a_server_that_is_not_there_is_unavailable_and_the_password_is_not_shown() -> None:
    uri = f"mongodb://user:canary@127.0.0.1:{free_port()}/storex?serverSelectionTimeoutMS=300"
    client = storex.Storex.embedded(mongodb=uri)
    with pytest.raises(storex.UnavailableError) as refused:
        client.open()
    client.close()
    assert "canary" not in shown(client, refused.value)


def test_a_file_and_a_database_at_once_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="either a file or a MongoDB database"):
        storex.Storex.embedded(data=tmp_path / "storex.redb", mongodb="mongodb://127.0.0.1/storex")
    with pytest.raises(ValueError, match="invalid type"):
        storex.Storex.embedded(mongodb=5)  # type: ignore[arg-type]


def test_an_engine_takes_up_what_the_one_before_left_in_the_database(database: Callable[[], str], tmp_path: Path) -> None:
    uri, world = database(), tmp_path / "cloudflare.json"
    with storex.Storex.embedded(mongodb=uri, simulator=world) as sx:
        creation = sx.stores.create("oceanbreeze", domain="oceanbreezestore.com", **OWNER)
        assert creation.wait(timeout=60).succeeded
    with storex.Storex.embedded(mongodb=uri, simulator=world, reconcile=False) as sx:
        assert [store.id for store in sx.stores.list()] == [creation.store_id]
        assert sx.operations.get(creation.id).succeeded
        with pytest.raises(storex.ConflictError) as taken:
            sx.stores.create("oceanbreeze", **OWNER)
        assert taken.value.code == "username_taken"
    with storex.Storex.embedded(mongodb=database(), simulator=tmp_path / "other.json") as sx:
        assert list(sx.stores.list()) == [], "another database is another deployment"
