"""The client: plan and apply, one write for a transaction, guards on every way, and ways back."""

from __future__ import annotations

import inspect
import pickle
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

import awsauth
from awsauth.mapping_methods import MappingMethods
from awsauth.options import Options
from awsauth.stores.memory import MemoryStore
from tests.support.steps import steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from awsauth.stores.store import Snapshot

ACCOUNT = "arn:aws:iam::111122223333"
NODE = f"{ACCOUNT}:role/node"
ADMIN = f"{ACCOUNT}:role/admin"
CI = f"{ACCOUNT}:role/ci"
ALICE = f"{ACCOUNT}:user/alice"
DATA = {
    "mapRoles": f"""\
- rolearn: {NODE}
  username: system:node:{{{{EC2PrivateDNSName}}}}
  groups:
  - system:bootstrappers
  - system:nodes
- rolearn: {ADMIN}
  username: admin
  groups:
  - system:masters
""",
    "other": "kept\n",
}
ENSURE_CI = awsauth.EnsureRole(role_arn=CI, username="ci", groups=["builders"])


@pytest.fixture
def client() -> awsauth.AwsAuthClient:
    return awsauth.AwsAuthClient.in_memory(DATA, author="us")


def other_writer(client: awsauth.AwsAuthClient, data: dict[str, str]) -> None:
    """Write as a tool that knows nothing of revisions does."""
    store = client._store
    store.write({**store.read().data, **data}, store.read(), None)


def another_team(client: awsauth.AwsAuthClient) -> awsauth.AwsAuthClient:
    """Return the client of another team for the same object."""
    return awsauth.AwsAuthClient(client._store, author="another team")


def usernames(client: awsauth.AwsAuthClient) -> list[str]:
    return [role.username for role in client.read().roles]


def test_a_plan_changes_nothing_until_it_is_applied(client: awsauth.AwsAuthClient) -> None:
    plan = client.plan([ENSURE_CI])
    assert client.read().data == DATA
    result = client.apply(awsauth.Plan.from_text(plan.to_text()), reason="release 42")
    assert result.changed
    assert usernames(client)[-1] == "ci"
    assert client.show(result.revision or 0).info.reason == "release 42"
    assert client.read().data["other"] == "kept\n"


def test_a_plan_is_merged_with_what_others_did_meanwhile(client: awsauth.AwsAuthClient) -> None:
    plan = client.plan(ENSURE_CI)
    other_writer(client, {"mapUsers": f"- userarn: {ALICE}\n  username: alice\n"})
    client.apply(plan)
    assert usernames(client)[-1] == "ci"
    assert [user.username for user in client.read().users] == ["alice"]


def test_a_plan_of_which_something_else_would_come_is_refused(client: awsauth.AwsAuthClient) -> None:
    plan = client.plan(ENSURE_CI)
    other_writer(client, {"mapRoles": DATA["mapRoles"] + f"- rolearn: {CI}\n  username: ci\n  groups: [testers]\n"})
    before = client.read()
    with pytest.raises(awsauth.PlanError, match="has changed since"):
        client.apply(plan)
    assert client.read() == before


def test_a_plan_for_another_object_is_refused(client: awsauth.AwsAuthClient) -> None:
    from awsauth.stores.memory import MemoryStore

    other = awsauth.AwsAuthClient(MemoryStore(DATA, uid="another"))
    with pytest.raises(awsauth.PlanError, match="is for the object"):
        other.apply(client.plan(ENSURE_CI))


def test_guards_stop_what_locks_out_unless_allowed_by_name(client: awsauth.AwsAuthClient) -> None:
    with pytest.raises(awsauth.GuardError) as caught:
        client.apply([awsauth.RemoveRole(role_arn=NODE), awsauth.RemoveRole(role_arn=ADMIN)])
    assert {finding.code for finding in caught.value.findings} == {"node-mapping", "last-admin"}
    assert client.read().data == DATA
    with pytest.raises(awsauth.GuardError):
        client.remove_role_mapping(NODE, allow=["node-mapping=" + ADMIN])
    assert client.remove_role_mapping(NODE, allow=["node-mapping=" + NODE]).changed


def test_a_policy_holds_for_every_change_and_can_be_allowed_by_name() -> None:
    policy = awsauth.Policy.from_text("username_prefixes: [team-]\n")
    client = awsauth.AwsAuthClient.in_memory(DATA, policy=policy)
    with pytest.raises(awsauth.GuardError, match="policy"):
        client.apply([ENSURE_CI])
    assert [finding.code for finding in client.plan([ENSURE_CI]).findings] == ["policy"]
    assert "policy-username" in [finding.code for finding in client.check()]
    assert client.apply([ENSURE_CI], allow=["policy"]).changed


def test_a_check_lints_and_its_cures_can_be_applied(client: awsauth.AwsAuthClient) -> None:
    other_writer(client, {"mapUsers": f"- userarn: {ALICE}\n  username: a\n- userarn: {ALICE}\n  username: a\n"})
    assert "duplicate" in [finding.code for finding in client.check()]
    client.apply(awsauth.fixes(client.read()))
    assert "duplicate" not in [finding.code for finding in client.check()]
    assert [user.username for user in client.read().users] == ["a"]


def test_an_explanation_is_of_what_is_there_now(client: awsauth.AwsAuthClient) -> None:
    assert client.explain(CI).verdict == "not-mapped"
    client.apply([ENSURE_CI])
    assert client.explain(CI).groups == ("builders",)


def test_without_a_server_there_is_nobody_to_ask_for_a_dry_run(client: awsauth.AwsAuthClient) -> None:
    with pytest.raises(awsauth.UsageError, match="needs a cluster"):
        client.apply([ENSURE_CI], dry_run="server")
    assert client.read().data == DATA


def test_a_dry_run_says_and_refuses_the_same_and_writes_nothing(client: awsauth.AwsAuthClient) -> None:
    dry = client.add_role_mapping(CI, username="ci", dry_run=True)
    assert (dry.changed, dry.revision) == (True, None)
    assert client.read().data == DATA
    assert not client.history().entries
    with pytest.raises(awsauth.GuardError):
        client.remove_role_mapping(ADMIN, dry_run=True)
    assert str(client.add_role_mapping(CI, username="ci").diff) == str(dry.diff)


def test_a_transaction_is_one_write(client: awsauth.AwsAuthClient) -> None:
    with client.transaction(reason="release 42") as tx:
        tx.add_role_mapping(CI, username="ci")
        tx.add_user_mapping(ALICE, username="alice")
        tx.add_node_role(f"{ACCOUNT}:role/fargate", kind="fargate")
        tx.apply([awsauth.EnsureAccount(account="012345678901")])
        assert client.read().data == DATA
    assert tx.result.changed
    kinds = [(entry.info.kind, entry.info.reason) for entry in client.history().entries]
    assert kinds == [("change", "release 42"), ("outside", "")]
    assert usernames(client)[-2:] == ["ci", "system:node:{{SessionName}}"]
    assert client.read().accounts == ("012345678901",)


def test_the_steps_of_a_transaction_grow_with_document_and_changes_and_not_their_square() -> None:
    """Half of the changes add a role, half of them extend one; the difference is shown, and the guards have looked."""

    def changed(count: int) -> None:
        entry = f"- rolearn: {ACCOUNT}:role/{{0}}\n  username: '{{0}}'\n  groups:\n  - some\n"
        client = awsauth.AwsAuthClient.in_memory({"mapRoles": "".join(map(entry.format, range(count)))})
        with client.transaction(history=False) as tx:
            for number in range(count // 2, count + count // 2):
                tx.add_role_mapping(f"{ACCOUNT}:role/{number}", username=str(number), groups=["more", "some"])
        assert len(tx.result.diff.mappings) == count
        assert str(tx.result.diff)

    changed(2)  # what is made once
    few, many = (steps(partial(changed, count)) for count in (100, 400))
    assert many < 4.5 * few


def test_a_transaction_whose_block_raises_writes_nothing(client: awsauth.AwsAuthClient) -> None:
    with pytest.raises(ZeroDivisionError), client.transaction() as tx:  # noqa: PT012 - the block is what is tested
        tx.add_role_mapping(CI, username="ci")
        _ = 1 / 0
    assert client.read().data == DATA
    with pytest.raises(awsauth.UsageError):
        _ = tx.result
    with pytest.raises(awsauth.UsageError, match="is over"):
        tx.add_role_mapping(CI, username="ci")


def test_a_transaction_takes_its_options_once_for_all(client: awsauth.AwsAuthClient) -> None:
    with pytest.raises(awsauth.UsageError, match="reason"), client.transaction() as tx:
        tx.add_role_mapping(CI, username="ci", reason="why")
    assert client.read().data == DATA


def test_removing_what_is_absent_changes_nothing(client: awsauth.AwsAuthClient) -> None:
    for result in (
        client.remove_role_mapping(CI),
        client.remove_user_mapping(ALICE),
        client.remove_account_mapping("012345678901"),
        client.remove_groups(CI, ["x"]),
        client.remove_username("nobody"),
        client.rename_principal(CI, ADMIN),
    ):
        assert not result.changed
    assert not client.history().entries


def test_an_empty_username_removes_nobody(client: awsauth.AwsAuthClient) -> None:
    other_writer(client, {"mapUsers": f"- userarn: {ALICE}\n"})
    with pytest.raises(awsauth.UsageError, match="username is"):
        client.remove_username("")
    assert len(client.read().users) == 1


def test_each_method_does_what_it_says(client: awsauth.AwsAuthClient) -> None:
    client.add_role_mapping(CI, username="ci", groups=["builders", "testers"])
    client.remove_groups(CI, ["testers"])
    client.rename_principal(CI, f"{ACCOUNT}:role/ci2")
    client.add_user_mapping(ALICE, username="ci")
    assert client.read().roles[-1].groups == ("builders",)
    assert client.read().roles[-1].role_arn == f"{ACCOUNT}:role/ci2"
    client.remove_username("ci")
    assert (len(client.read().roles), len(client.read().users)) == (2, 0)


def test_rollback_restores_the_bytes_and_keeps_what_others_added(client: awsauth.AwsAuthClient) -> None:
    client.add_role_mapping(CI, username="ci")
    assert client.rollback().changed
    assert client.read().data == DATA
    client.rollback(to=2)
    assert usernames(client)[-1] == "ci"
    other_writer(client, {"mapUsers": f"- userarn: {ALICE}\n  username: alice\n"})
    kept = client.rollback(to=1)
    assert kept.restoration
    assert [effect.principal for effect in kept.restoration.kept] == [ALICE]
    assert [user.username for user in client.read().users] == ["alice"]
    client.rollback(to=1, exact=True)
    assert client.read().data == DATA


def test_rollback_repairs_what_cannot_be_read(client: awsauth.AwsAuthClient) -> None:
    client.add_role_mapping(CI, username="ci")
    good = client.read().data
    other_writer(client, {"mapRoles": good["mapRoles"].replace("  username: ci", " username: ci")})
    assert client.read().problems
    client.rollback(to=2)
    assert client.read().data == good


def test_who_was_taken_out_before_the_text_broke_is_not_let_in_again(client: awsauth.AwsAuthClient) -> None:
    client.add_role_mapping(CI, username="ci")
    another_team(client).remove_role_mapping(CI)
    client.add_user_mapping(ALICE, username="alice")
    other_writer(client, {"mapRoles": "broken: ["})
    with pytest.raises(awsauth.GuardError) as caught:
        client.rollback(to=2)
    assert [(finding.code, finding.principal) for finding in caught.value.findings] == [("regrant", CI)]


def test_giving_back_what_somebody_took_has_to_be_allowed(client: awsauth.AwsAuthClient) -> None:
    client.add_role_mapping(CI, username="ci", groups=["builders"])
    another_team(client).remove_role_mapping(CI)
    with pytest.raises(awsauth.GuardError, match="regrant"):
        client.rollback(to=2)
    client.rollback(to=2, allow=[f"regrant={CI}"])
    assert usernames(client)[-1] == "ci"


def test_what_another_tool_took_may_be_given_back(client: awsauth.AwsAuthClient) -> None:
    client.add_role_mapping(CI, username="ci", groups=["builders"])
    other_writer(client, {"mapRoles": DATA["mapRoles"]})
    client.rollback()
    assert usernames(client)[-1] == "ci"


def test_what_we_took_ourselves_may_be_given_back(client: awsauth.AwsAuthClient) -> None:
    client.add_role_mapping(CI, username="ci", groups=["builders"])
    client.remove_role_mapping(CI)
    client.rollback()
    assert usernames(client)[-1] == "ci"


def test_revisions_can_be_compared(client: awsauth.AwsAuthClient) -> None:
    client.add_role_mapping(CI, username="ci")
    client.add_user_mapping(ALICE, username="alice")
    assert [mapping.principal for mapping in client.diff(1, 3).mappings] == [CI, ALICE]
    assert [mapping.principal for mapping in client.diff(2).mappings] == [ALICE]
    with pytest.raises(awsauth.RevisionNotFoundError):
        client.diff(1, 9)


def test_without_history_nothing_is_kept(client: awsauth.AwsAuthClient) -> None:
    result = client.add_role_mapping(CI, username="ci", history=False)
    assert result.changed
    assert result.revision is None
    assert not client.history().entries
    assert client.prune() == ()


def test_many_threads_lose_nothing(client: awsauth.AwsAuthClient) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for change in range(5):
                client.add_role_mapping(f"{ACCOUNT}:role/t{number}-{change}", username=f"t{number}-{change}")
        except BaseException as error:  # noqa: BLE001 - any failure of a thread fails the test
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert sorted(usernames(client)[2:]) == sorted(f"t{number}-{change}" for number in range(8) for change in range(5))


@pytest.mark.parametrize(
    "options",
    [
        {"dryrun": True},
        {"dry_run": "no"},
        {"reason": 5},
        {"allow": "last-admin"},
        {"allow": [5]},
        {"allow": 5},
        {"allow": ["no-such-guard"]},
        {"history": None},
    ],
)
def test_a_misspelt_option_does_not_write(client: awsauth.AwsAuthClient, options: dict[str, Any]) -> None:
    """Least of all where it was meant for a dry run."""
    calls: list[Callable[..., Any]] = [
        lambda **given: client.add_role_mapping(CI, username="ci", **given),
        lambda **given: client.remove_username("nobody", **given),
        lambda **given: awsauth.add_role_mapping(CI, username="ci", client=client, **given),
    ]
    calls += [lambda **given: client.apply(ENSURE_CI, **given), client.transaction, client.rollback]
    for call in calls:
        with pytest.raises(TypeError, match=r"Pass |The guards are|unexpected keyword argument 'dryrun'"):
            call(**options)
    assert client.read().data == DATA


@pytest.mark.parametrize("changes", [None, 5, "EnsureRole", {"change": "Deduplicate"}, [None], [ENSURE_CI, "x"]])
def test_what_is_no_change_is_refused(client: awsauth.AwsAuthClient, changes: Any) -> None:
    with pytest.raises(awsauth.UsageError):
        client.plan(changes)
    with pytest.raises(awsauth.UsageError):
        client.apply(changes)
    with pytest.raises(awsauth.UsageError), client.transaction() as tx:
        tx.apply(changes)


@pytest.mark.parametrize("number", ["1", 1.0, True, None])
def test_what_is_no_revision_number_is_refused(client: awsauth.AwsAuthClient, number: Any) -> None:
    client.add_role_mapping(CI, username="ci")
    with pytest.raises(awsauth.UsageError):
        client.show(number)
    if number is not None:
        with pytest.raises(awsauth.UsageError):
            client.rollback(to=number)


@pytest.mark.parametrize("path", [7, b"x", "", None])
def test_what_names_no_file_is_refused(path: Any) -> None:
    with pytest.raises(awsauth.UsageError):
        awsauth.connect(file=path)


def test_a_revision_of_another_object_has_to_be_allowed() -> None:
    """As after a restored backup: the history is there, and the object is a new one."""
    from awsauth.stores.memory import MemoryStore

    store = MemoryStore(DATA, uid="old")
    awsauth.AwsAuthClient(store).add_role_mapping(CI, username="ci")
    store._state = store._state._replace(uid="new")
    client = awsauth.AwsAuthClient(store)
    with pytest.raises(awsauth.GuardError, match="foreign-history"):
        client.rollback(to=1)
    assert client.rollback(to=1, allow=["foreign-history"]).changed


def test_a_closed_block_gives_the_client(client: awsauth.AwsAuthClient) -> None:
    with client as same:
        assert same is client


def parameters(function: Callable[..., Any]) -> list[tuple[str, Any]]:
    return [(p.name, p.default) for p in inspect.signature(function).parameters.values() if p.name != "self"]


METHODS = [name for name, value in vars(MappingMethods).items() if not name.startswith("_") and callable(value)]


@pytest.mark.parametrize("name", METHODS)
def test_function_and_method_share_name_and_signature(name: str) -> None:
    method, target = parameters(getattr(MappingMethods, name)), parameters(awsauth.connect)
    assert [name for name, _ in method][-len(Options.__annotations__) :] == list(Options.__annotations__)
    *function, (last, _) = parameters(getattr(awsauth, name))
    assert (function, last) == (method + target, "client")


def test_a_username_is_removed_where_it_stands_and_nowhere_else() -> None:
    """Another mapping of the same principal, which may be the one that counts, is left alone."""
    twice = f"- rolearn: {CI}\n  username: old\n- rolearn: {CI}\n  username: ci\n"
    client = awsauth.AwsAuthClient.in_memory({"mapRoles": twice})
    client.remove_username("old")
    assert usernames(client) == ["ci"]
    with client.transaction() as tx:
        tx.add_role_mapping(ADMIN, username="short-lived")
        tx.remove_username("short-lived")
    assert usernames(client) == ["ci"]


@pytest.mark.parametrize("text", ["- broken: [", '- !!timestamp "x"\n', "{}"])
def test_nobody_is_said_to_be_out_of_a_text_that_cannot_be_read(text: str) -> None:
    client = awsauth.AwsAuthClient.in_memory({"mapRoles": text, "mapUsers": text, "mapAccounts": text + "["})
    calls: list[Callable[[], Any]] = [
        lambda: client.remove_role_mapping(CI),
        lambda: client.remove_user_mapping(ALICE),
        lambda: client.remove_account_mapping("012345678901"),
        lambda: client.remove_groups(CI, ["x"]),
        lambda: client.rename_principal(CI, ADMIN),
        lambda: client.remove_username("ci"),
        lambda: client.apply(awsauth.Deduplicate()),
    ]
    for call in calls:
        with pytest.raises(awsauth.EditError):
            call()


def test_what_was_not_there_is_told(client: awsauth.AwsAuthClient) -> None:
    (finding,) = client.remove_role_mapping(ADMIN + "n").findings
    assert finding.code == "not-mapped"
    assert ADMIN + "n" in finding.message


def test_a_user_that_is_mapped_as_a_role_is_taken_out_there(client: awsauth.AwsAuthClient) -> None:
    """Roles are tried first, and nothing checks what kind of ARN is mapped."""
    client.apply(awsauth.ReplaceText(key="mapRoles", text=DATA["mapRoles"] + f"- rolearn: {ALICE}\n  username: a\n"))
    with pytest.raises(awsauth.MappingConflictError, match="mapRoles"):
        client.add_user_mapping(ALICE, username="alice")
    client.remove_user_mapping(ALICE)
    assert client.add_user_mapping(ALICE, username="alice").changed
    assert len(client.read().roles) == 2


def test_a_username_that_somebody_took_is_not_given_back(client: awsauth.AwsAuthClient) -> None:
    client.add_role_mapping(CI, username="cluster-boss")
    another_team(client).add_role_mapping(CI, username="nobody", if_mapped="replace")
    with pytest.raises(awsauth.GuardError, match="regrant"):
        client.rollback(to=2)


def test_values_survive_pickling(client: awsauth.AwsAuthClient) -> None:
    result = client.add_role_mapping(CI, username="ci")
    assert pickle.loads(pickle.dumps(result)).document == result.document  # noqa: S301 - our own bytes


def test_an_author_who_is_no_text_is_refused() -> None:
    wrong: Any = 5
    with pytest.raises(awsauth.UsageError, match="author is `5`"):
        awsauth.AwsAuthClient(MemoryStore(DATA), author=wrong)


@pytest.mark.parametrize("changes", [-1, "3", True, None])
def test_a_history_takes_a_number_of_changes(changes: Any) -> None:
    with pytest.raises(awsauth.UsageError, match=r"described is .*\."):
        awsauth.AwsAuthClient(MemoryStore(DATA)).history(described=changes)


def test_binary_data_counts_for_what_is_almost_full() -> None:
    class Large(MemoryStore):
        def read(self) -> Snapshot:
            return super().read()._replace(binary_data={"blob": "A" * 1_200_000})

    def is_said(store: MemoryStore) -> bool:
        return "almost-full" in {finding.code for finding in awsauth.AwsAuthClient(store).check()}

    assert is_said(Large(DATA))
    assert not is_said(MemoryStore(DATA))


def test_a_bare_name_that_nothing_is_mapped_under_is_refused(client: awsauth.AwsAuthClient) -> None:
    """Somebody who is to be shut out must not stay in because a name stood for an ARN."""
    with pytest.raises(awsauth.InvalidValueError, match="is not an ARN") as caught:
        client.remove_role_mapping("admin")
    assert ADMIN in caught.value.hint
    assert client.read().data == DATA
