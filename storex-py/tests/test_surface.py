"""One suite over both modes: what a program does with stores and operations."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest
import storex
from conftest import OWNER, Mode, run, settled


def test_a_store_is_created_waited_for_listed_and_deleted_without_a_trace(mode: Mode) -> None:
    sx = mode.client
    assert sx.health() == storex.Health(ready=True, missing="")
    creation = sx.stores.create("oceanbreeze", domain="oceanbreezestore.com", plan="professional", **OWNER)
    assert creation.to_dict()["status"] == "success" and list(creation.to_dict()) == [
        "status",
        "store_id",
        "domains",
        "configuration",
    ]
    assert creation.domains.system == "oceanbreeze.storex.com" and creation.domains.custom == "oceanbreezestore.com"
    assert len(creation.configuration.nameservers) == 2 and creation.configuration.next_steps[0] == "Update domain nameservers"
    events: list[storex.Event] = []
    operation = creation.wait(timeout=60, on_event=events.append)
    assert operation.succeeded and operation.kind == "create_store" and len(list(operation.tasks)) == 15
    assert events[-1].subject == "operation" and events[-1].state == "succeeded"
    last = {event.name: event.state for event in events if event.subject == "task"}
    assert last == {task.name: task.state for task in operation.tasks}
    store = creation.store()
    assert store.state == "active" and store.details.plan == "professional" and store.id == creation.store_id
    assert [one.id for one in sx.stores.list()] == [store.id] and sx.stores.get(store.id) == store
    deletion = sx.stores.delete(store.id)
    assert [event.state for event in deletion.events(timeout=60)][-1] == "succeeded"
    assert mode.traces() == []
    with pytest.raises(storex.NotFoundError) as refused:
        sx.stores.get(store.id)
    assert refused.value.code == "not_found" and isinstance(refused.value, LookupError) and refused.value.next_step


def test_lists_fetch_their_pages_as_they_are_read_and_can_be_read_again(sx: storex.Storex) -> None:
    names = ["auk", "bittern", "crane", "dove", "eagle"]
    for creation in [sx.stores.create(name, **OWNER) for name in names]:
        creation.wait(timeout=60)
    paged = sx.stores.list(page_size=2)
    assert [store.username for store in paged] == names == [store.username for store in paged]
    assert [len(page.items) for page in paged.pages()] == [2, 2, 1]
    second = next(iter(paged.pages())).next_page_token
    assert [store.username for store in sx.stores.list(page_size=2, page_token=second)] == names[2:]
    assert sx.calls_in_flight == 0


def test_a_plan_says_what_would_be_done_and_does_nothing(mode: Mode) -> None:
    sx = mode.client
    plan = sx.stores.plan("oceanbreeze", domain="oceanbreezestore.com", **OWNER)
    assert plan.operation == "create_store" and plan.cloudflare_calls > 0 and plan.steps[0].change in {"bring", "check"}
    assert list(sx.stores.list()) == [] and mode.traces() == []
    creation = sx.stores.create("oceanbreeze", **OWNER)
    creation.wait(timeout=60)
    assert sx.stores.plan_delete(creation.store_id).operation == "delete_store" and creation.store().state == "active"


def test_the_way_of_a_domain_is_chosen_and_one_that_is_not_known_is_refused_before_anything_is_done(mode: Mode) -> None:
    sx = mode.client
    plain = sx.stores.plan("oceanbreeze", domain="oceanbreezestore.com", **OWNER)
    assert sx.stores.plan("oceanbreeze", domain="oceanbreezestore.com", domain_strategy="zone", **OWNER).steps == plain.steps
    with pytest.raises(storex.ValidationError) as refused:
        sx.stores.create("oceanbreeze", domain="oceanbreezestore.com", domain_strategy="dns", **OWNER)
    assert refused.value.pointer == "/domain_strategy" and mode.traces() == []


def test_a_name_that_is_taken_is_a_conflict_that_names_field_and_operation(sx: storex.Storex) -> None:
    sx.stores.create("oceanbreeze", domain="oceanbreezestore.com", **OWNER).wait(timeout=60)
    with pytest.raises(storex.ConflictError) as refused:
        sx.stores.create("other", domain="OceanBreezeStore.COM.", **OWNER)
    error = refused.value
    assert (error.code, error.pointer) == ("domain_taken", "/domain") and not error.unclear
    assert error.operation_id
    with pytest.raises(storex.OperationRolledBack):
        sx.operations.wait(error.operation_id, timeout=60)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is storex.ConflictError and vars(again) == vars(error) and str(again) == str(error)
    assert str(error).startswith("domain_taken: ") and "[pointer=/domain]" in str(error)


def test_a_key_makes_a_request_repeatable_and_another_request_of_it_is_refused(sx: storex.Storex) -> None:
    first = sx.stores.create("oceanbreeze", idempotency_key="signup-42", **OWNER)
    first.wait(timeout=60)
    again = sx.stores.create("oceanbreeze", idempotency_key="signup-42", **OWNER)
    assert (first.replayed, again.replayed) == (False, True) and again.id == first.id and again.store_id == first.store_id
    with pytest.raises(storex.ValidationError) as refused:
        sx.stores.create("other", idempotency_key="signup-42", **OWNER)
    assert (refused.value.code, refused.value.pointer) == ("idempotency_key_reused", "/Idempotency-Key")


def test_whoever_lost_the_answer_finds_the_operation_by_its_key(sx: storex.Storex) -> None:
    with pytest.raises(storex.NotFoundError):
        sx.operations.find("signup-42")
    creation = sx.stores.create("oceanbreeze", idempotency_key="signup-42", **OWNER)
    creation.wait(timeout=60)
    assert sx.operations.find("signup-42") == creation.get()
    with pytest.raises(storex.NotFoundError):
        sx.operations.find("signup-43")
    deletion = sx.stores.delete(creation.store_id, idempotency_key="leaving-42")
    deletion.wait(timeout=60)
    assert sx.operations.find("leaving-42").id == deletion.id


def test_an_operation_that_rolls_back_raises_its_cause_with_the_steps(mode: Mode) -> None:
    mode.fault("repo.put", {"refuse": "corrupt"}, subject="outbox/", times=0)
    sx = mode.client
    try:
        operation_id = sx.stores.create("oceanbreeze", domain="oceanbreezestore.com", **OWNER).id
    except storex.CorruptError as early:
        # It failed before its answer: then that is the answer.
        assert early.operation_id
        operation_id = early.operation_id
    with pytest.raises(storex.OperationRolledBack) as failed:
        sx.operations.wait(operation_id, timeout=60)
    error = failed.value
    assert (error.code, error.operation_id) == ("rolled_back", operation_id) and error.operation.state == "rolled_back"
    assert isinstance(error.__cause__, storex.CorruptError) and error.__cause__.code == "corrupt"
    assert any(task.state == "undone" for task in error.operation.tasks)
    assert pickle.loads(pickle.dumps(error)).operation == error.operation
    assert mode.traces() == [] and list(sx.stores.list()) == []


def test_a_wait_that_is_over_names_the_operation_which_goes_on(mode: Mode) -> None:
    mode.fault("host.apply", "hold")
    creation = mode.client.stores.create("oceanbreeze", **OWNER)
    for wait in (creation.wait, lambda timeout: list(creation.events(timeout=timeout))):
        with pytest.raises(storex.WaitTimeoutError) as over:
            wait(timeout=0.3)
        assert over.value.operation_id == creation.id and isinstance(over.value, TimeoutError)
    assert not creation.get().done
    mode.clear()
    assert creation.wait(timeout=60).succeeded


def test_an_operation_can_be_cancelled_until_it_has_succeeded(mode: Mode) -> None:
    mode.fault("host.apply", "hold")
    creation = mode.client.stores.create("oceanbreeze", **OWNER)
    creation.cancel()
    mode.clear()
    with pytest.raises(storex.OperationRolledBack) as failed:
        creation.wait(timeout=60)
    assert isinstance(failed.value.__cause__, storex.ConflictError) and failed.value.__cause__.code == "cancelled"
    done = mode.client.stores.create("oceanbreeze", **OWNER)
    done.wait(timeout=60)
    for refused, code in ((done.cancel, "past_point_of_no_return"), (done.retry, "operation_in_progress")):
        with pytest.raises(storex.ConflictError) as error:
            refused()
        assert error.value.code == code


def test_drift_is_found_page_by_page_and_brought_back(mode: Mode) -> None:
    sx = mode.client
    assert list(sx.drift()) == [] and [page.checked for page in sx.drift().pages()] == [0]
    # The world has lost the record once the event struck; nothing else is wrong with the call.
    creation = sx.stores.create("oceanbreeze", domain="oceanbreezestore.com", **OWNER)
    creation.wait(timeout=60)
    mode.fault("repo.put", {"event": "records_removed"}, times=1)
    sx.stores.create("trigger", **OWNER).wait(timeout=60)
    found = list(sx.drift(creation.store_id))
    assert [(drift.state, drift.action) for drift in found] == [("missing", "repair")] and found[0].store_id == creation.store_id
    assert sx.reconcile(dry_run=True).operations == ()
    report = sx.reconcile(creation.store_id)
    assert report.items == tuple(found) and len(report.operations) == 1
    sx.operations.wait(report.operations[0], timeout=60)
    assert list(sx.drift()) == []


def test_what_the_edge_does_for_a_store_is_asked(mode: Mode) -> None:
    sx = mode.client
    creation = sx.stores.create("oceanbreeze", domain="oceanbreezestore.com", **OWNER)
    creation.wait(timeout=60)
    names = {"oceanbreeze.storex.com", "oceanbreezestore.com"}
    assert set(sx.stores.purge_cache(creation.store_id).hosts) == names
    insight, usual = sx.stores.insight(creation.store_id, seconds=600), sx.stores.insight(creation.store_id)
    assert {traffic.host for traffic in insight.hosts} == names and insight.security_events == ()
    lengths = [(told.until - told.since).total_seconds() for told in (insight, usual)]
    assert lengths == [600, 3600]
    reissue = sx.stores.reissue_certificate(creation.store_id)
    assert reissue.detail
    if reissue.operation_id:
        sx.operations.wait(reissue.operation_id, timeout=60)
    tunnel = sx.tunnel.get()
    assert (tunnel.routing, tunnel.serving, tunnel.connectors) == ("router", False, ())
    system_only = sx.stores.create("bluepeak", **OWNER)
    system_only.wait(timeout=60)
    for refused in (sx.stores.reissue_certificate, sx.stores.rotate_password):
        with pytest.raises(storex.ValidationError) as error:
            refused(system_only.store_id)
        assert error.value.code == "unsupported"

    async def main() -> None:
        again = mode.asynchronous()
        assert await again.tunnel.get() == tunnel
        assert await again.stores.reissue_certificate(creation.store_id, force=False)
        if mode.name == "remote":
            await again.close()

    run(main)


def test_values_compare_hash_show_and_give_their_document_back(sx: storex.Storex) -> None:
    creation = sx.stores.create("oceanbreeze", domain="oceanbreezestore.com", **OWNER)
    operation = creation.wait(timeout=60)
    store = creation.store()
    for value in (store, operation, sx.stores.plan("other", **OWNER), next(iter(sx.stores.list().pages())), sx.health()):
        twin = pickle.loads(pickle.dumps(value))
        assert twin == value == copy.deepcopy(value) and hash(twin) == hash(value) and twin is not value
        assert repr(value).startswith(type(value).__name__ + "(") and "_document" not in repr(value)
        document = value.to_dict()
        assert type(value).from_dict(document) == value
        document.clear()
        assert value.to_dict()
        with pytest.raises(AttributeError):
            delattr(value, next(iter(vars(value))))
    assert store != storex.Store.from_dict(store.to_dict() | {"username": "other"})
    assert storex.Store.from_dict(store.to_dict() | {"later": 1}).to_dict()["later"] == 1
    made = storex.Domains("oceanbreeze.storex.com", None)
    assert (
        made.to_dict() == {"system": "oceanbreeze.storex.com", "custom": None}
        and storex.Domains.from_dict(made.to_dict()) == made
    )
    match store.domains:
        case storex.Domains(system, custom):
            assert (system, custom) == ("oceanbreeze.storex.com", "oceanbreezestore.com")


def test_a_client_is_closed_once_and_says_so(mode: Mode) -> None:
    sx = mode.client
    creation = sx.stores.create("oceanbreeze", **OWNER)
    creation.wait(timeout=60)
    assert not sx.closed and "closed" not in repr(sx)
    sx.close()
    sx.close()
    assert sx.closed and "closed" in repr(sx)
    with pytest.raises(storex.ClientClosedError):
        creation.get()


def test_a_client_that_is_not_closed_warns() -> None:
    with pytest.warns(ResourceWarning, match="unclosed Storex"):
        storex.Storex.sandbox()


def test_the_token_is_shown_nowhere() -> None:
    client = storex.connect("http://127.0.0.1:1", "stx_secret")
    with pytest.raises(storex.UnavailableError) as refused:
        client.open()
    client.close()
    told = repr(client) + repr(refused.value) + str(refused.value) + repr(vars(refused.value))
    assert "stx_secret" not in told and "127.0.0.1:1" in repr(client)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", "unusable"),
        ("127.0.0.1:80", "unusable"),
        ("ftp://127.0.0.1", "unusable"),
        ("http://127.0.0.1/api", "unusable"),
        ("http://user@127.0.0.1", "unusable"),
        ("http://192.0.2.1:8080", "unsupported"),
        ("http://localhost.example.com", "unsupported"),
    ],
)
def test_the_token_is_sent_readably_to_this_machine_only(url: str, code: str) -> None:
    client = storex.connect(url, "stx_secret")
    with pytest.raises(storex.ValidationError) as refused:
        client.open()
    client.close()
    assert refused.value.code == code


def test_a_wrong_token_is_told_apart(mode: Mode) -> None:
    if mode.name != "remote":
        assert mode.client.health().ready, "an engine in the process has no token"
        return
    url = repr(mode.client).split("'")[1]
    with storex.connect(url, "stx_wrong") as client, pytest.raises(storex.AuthenticationError) as refused:
        list(client.stores.list())
    assert refused.value.code == "unauthenticated" and isinstance(refused.value, PermissionError)


def test_settings_that_contradict_each_other_are_refused_and_no_token_is_shown() -> None:
    with pytest.raises(ValueError, match="either a Cloudflare token or the simulator"):
        storex.Storex.embedded(cloudflare_token="cf-secret", simulator=True)
    with pytest.raises(ValueError, match="give both or none"):
        storex.Storex.embedded(agent="127.0.0.1:8081")
    with pytest.raises(ValueError, match="address"):
        storex.Storex.embedded(agent="nowhere", agent_token="stx_secret")
    client = storex.Storex.embedded(cloudflare_token="cf-secret", agent="192.0.2.1:8081", agent_token="stx_secret")
    assert "secret" not in repr(client)
    with pytest.raises(storex.ValidationError) as refused:
        client.open()
    client.close()
    assert refused.value.code == "unusable" and "not loopback" in str(refused.value) and "secret" not in str(refused.value)
    client = storex.Storex.embedded(primary_domain="*.storex.com")
    with pytest.raises(storex.ValidationError) as refused:
        client.open()
    client.close()
    assert refused.value.code == "invalid_domain"


def test_an_engine_of_twins_alone_works_on_another_primary_domain() -> None:
    with storex.Storex.embedded(primary_domain="shops.example.org") as sx:
        creation = sx.stores.create("oceanbreeze", **OWNER)
        creation.wait(timeout=60)
        assert creation.domains.system == "oceanbreeze.shops.example.org"
        assert list(sx.drift()) == []


def test_an_engine_on_a_file_and_a_simulator_takes_up_what_the_one_before_left(tmp_path: Path) -> None:
    def engine(reconcile: bool = True) -> storex.Storex:
        files = tmp_path / "storex.redb", tmp_path / "cloudflare.json"
        return storex.Storex.embedded(data=files[0], simulator=files[1], reconcile=reconcile)

    with engine() as sx:
        creation = sx.stores.create("oceanbreeze", domain="oceanbreezestore.com", **OWNER)
        creation.wait(timeout=60)
        second = engine()
        with pytest.raises(storex.StorexError) as refused:
            second.open()
        second.close()
        assert refused.value.code in {"directory_busy", "unusable"}, refused.value
    with engine(reconcile=False) as sx:
        assert [store.id for store in sx.stores.list()] == [creation.store_id]
        settled(lambda: sx.operations.get(creation.id).succeeded)
