"""The guards of the text and its history: what they must stop, and what they must not."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, cast

import pytest

import awsauth
from awsauth.core.document.document import MAX_BYTES, Document
from awsauth.core.document.model import KEYS, Key
from awsauth.core.findings import Finding, Severity
from awsauth.core.guards.context import GuardContext
from awsauth.core.guards.guards import GUARDS, enforce, raise_for_violations, run_guards
from awsauth.errors import GuardError, UsageError
from tests.support.changed import (
    ADMIN,
    BOTH,
    DNS,
    MASTERS,
    OUT_OF_THE_WAY,
    PREFIX,
    USERS,
    Entry,
    refused,
    role,
    roles,
    said,
    user,
    users,
)
from tests.support.command_line import process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

UNREADABLE = "- rolearn: ["


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("text", ["- [", "a: b", "- a\n\t- b", "- &a [*a"])
def test_a_text_that_cannot_be_read_is_refused(key: Key, text: str) -> None:
    before = Document({key: "[]"})
    [found] = run_guards(before, Document({key: text}), OUT_OF_THE_WAY)
    assert (found.code, found.principal) == ("unreadable", key)
    assert f"allow unreadable={key}" in found.hint
    assert found.location is not None


@pytest.mark.parametrize(
    "after",
    [
        [role("a"), {"username": "no arn"}],
        [role("a", cast("str", 3))],
        [{**role("a"), "sso": {"permissionSetName": "x"}}],
        [{**role("a"), "groups": "not-a-list"}],
        [role("a", "x"), "text"],
    ],
    ids=["entry without arn", "number", "arn and sso", "groups", "no mapping"],
)
def test_a_mapping_that_cannot_be_read_any_more_is_refused(after: list[Entry]) -> None:
    assert "unreadable" in refused(roles(role("a", "x", "g")), Document({"mapRoles": json.dumps(after)}))


def test_an_entry_that_cannot_be_read_is_refused_though_nobody_loses_anything() -> None:
    """Whoever writes an entry means somebody to come in by it."""
    assert refused(roles(role("a")), roles(role("a"), {"username": "no arn"})) == ["unreadable"]


def test_a_problem_in_the_place_of_another_is_no_new_one_where_nobody_loses_anything() -> None:
    before, after = (roles(role("a"), {"username": name}) for name in ("no arn", "none either"))
    assert [finding.code for finding in run_guards(before, after, OUT_OF_THE_WAY) if finding.code == "unreadable"] == []


BROKEN = f"- rolearn: {PREFIX}/a\n  username: 12\n- username: lost\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (UNREADABLE, "- rolearn: {"),
        (UNREADABLE, BROKEN),
        (UNREADABLE, f"- rolearn: {PREFIX}/a\n"),
        (UNREADABLE, ""),
        (BROKEN, f"# why\n\n{BROKEN}"),
        (BROKEN, f'- "rolearn": {PREFIX}/a\n  "username": 12\n- "username": lost\n'),
        (BROKEN, f"- rolearn: {PREFIX}/a\n  username: '12'\n- username: lost\n"),
        (BROKEN, f"{BROKEN}- rolearn: {PREFIX}/new\n"),
        (BROKEN, f"- rolearn: {PREFIX}/a\n  username: 12\n"),
    ],
    ids=[
        "still broken",
        "half repaired",
        "repaired",
        "emptied",
        "moved",
        "reformatted",
        "one repaired",
        "added",
        "removed",
    ],
)
def test_a_repair_is_never_refused(before: str, after: str) -> None:
    """Nor is a text with problems that were there before, wherever and however they are written now."""
    assert refused(Document({"mapRoles": before}), Document({"mapRoles": after})) == []


def test_repairing_one_entry_does_not_pay_for_breaking_another() -> None:
    good = f"- rolearn: {PREFIX}/a\n  username: a\n"
    before = Document({"mapRoles": f"{good}- username: lost\n"})
    after = Document({"mapRoles": f"- username: a\n- rolearn: {PREFIX}/b\n  username: lost\n"})
    assert refused(before, after) == ["unreadable"]


def test_a_node_mapping_in_an_unreadable_text_lets_nobody_in() -> None:
    """Before the repair no node came in, so leaving its mapping out takes nothing away."""
    broken = Document({"mapRoles": f"- rolearn: {PREFIX}/node\n  username: {DNS}\n  groups: [{', '.join(BOTH)}]\n- ["})
    assert refused(broken, roles(ADMIN)) == []


def test_where_nobody_knows_what_was_it_is_said() -> None:
    """The reader could not tell what the authenticator makes of the old text."""
    untrusted = next(
        document
        for text in ("- rolearn: a\n  ? [x]\n  : y\n", "- &a {<<: *a}", "%YAML 1.2\n---\n- a", "- !!timestamp 2001")
        if not (document := Document({"mapRoles": text})).reading("mapRoles").trusted
    )
    found = said(untrusted, roles(ADMIN), OUT_OF_THE_WAY)
    assert [(one.code, one.severity) for one in found] == [("unreadable", Severity.WARNING)]
    assert refused(untrusted, Document({"mapRoles": UNREADABLE})) == ["unreadable"]


def test_more_than_a_mebibyte_is_refused() -> None:
    """Bytes count, not characters; and only those of values."""
    fits = Document({"note": "é" * (MAX_BYTES // 2)})
    assert refused(Document({}), fits) == []
    assert refused(fits, Document({"note": fits.data["note"] + "x"})) == ["too-large"]
    assert refused(fits, Document({**fits.data, "mapUsers": "# x"})) == ["too-large"]


def test_binary_data_counts() -> None:
    context = GuardContext(caller_arn=f"{USERS}/x", binary_bytes=MAX_BYTES)
    assert refused(Document({}), Document({"mapUsers": "[]"}), context) == ["too-large"]


def test_making_it_smaller_is_not_refused() -> None:
    before = Document({"note": "x" * (MAX_BYTES + 9)})
    assert refused(before, Document({"note": "x" * (MAX_BYTES + 8)})) == []


@pytest.mark.parametrize(
    ("given_back", "before", "after"),
    [
        ({f"{PREFIX}/admin": (MASTERS,)}, roles(role("admin", "admin"), role("b", "b", MASTERS)), roles(ADMIN)),
        ({f"{PREFIX}/ADMIN": ()}, roles(role("b", "b", MASTERS)), roles(ADMIN)),
        (
            {f"{USERS}/anna": ("view",)},
            users(user("anna", "a"), user("boss", "b", MASTERS)),
            users(user("anna", "a", "view"), user("boss", "b", MASTERS)),
        ),
        (
            {"111122223333": ()},
            users(user("boss", "b", MASTERS)),
            Document({**users(user("boss", "b", MASTERS)).data, "mapAccounts": '["111122223333"]'}),
        ),
    ],
    ids=["group", "mapping", "user", "account"],
)
def test_giving_back_what_somebody_took_is_refused(
    given_back: dict[str, tuple[str, ...]], before: Document, after: Document
) -> None:
    context = GuardContext(caller_arn=f"{USERS}/x", regranted=given_back)
    assert refused(before, after, context) == ["regrant"]
    assert enforce(before, after, context, allow=[f"regrant={next(iter(given_back))}"])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (roles(ADMIN), roles(ADMIN, role("new"))),
        (roles(ADMIN, role("a")), roles(ADMIN, role("a", "x", "view"))),
        (roles(ADMIN), roles(ADMIN, role("a", "x", MASTERS), role("a"))),
        (roles(ADMIN), roles(ADMIN, role(f"{PREFIX}/path/a", "x", MASTERS))),
        (roles(ADMIN, role("a", "x", MASTERS)), roles(ADMIN, role("a", "x", MASTERS, "view"))),
    ],
    ids=["not concerned", "another group", "shadowed", "never matches", "had it again already"],
)
def test_what_gives_nothing_back_is_no_regrant(before: Document, after: Document) -> None:
    context = GuardContext(
        caller_arn=f"{USERS}/x", regranted={f"{PREFIX}/a": (MASTERS,), f"{PREFIX}/path/a": (MASTERS,)}
    )
    assert refused(before, after, context) == []


def test_a_group_that_one_of_two_spellings_gives_back_is_given_back() -> None:
    before, after = (users(user("CI", "ci"), *more) for more in ((), (user("ci", "ci", "g"),)))
    context = OUT_OF_THE_WAY._replace(is_rollback=True, regranted={f"{USERS}/ci": ("g",)})
    before, after = (Document({**one.data, **roles(ADMIN).data}) for one in (before, after))
    assert refused(before, after, context) == ["regrant"]


def test_a_revision_of_another_object_is_refused() -> None:
    context = GuardContext(caller_arn=f"{USERS}/x", uid="uid-new", revision_uid="uid-old")
    [found] = run_guards(Document({}), roles(ADMIN), context)
    assert (found.code, found.principal) == ("foreign-history", "uid-old")


@pytest.mark.parametrize(("uid", "revision_uid"), [("a", "a"), ("", "a"), ("a", ""), ("", "")])
def test_a_revision_of_this_object_or_of_a_file_is_not_refused(uid: str, revision_uid: str) -> None:
    context = GuardContext(caller_arn=f"{USERS}/x", uid=uid, revision_uid=revision_uid)
    assert run_guards(Document({}), roles(ADMIN), context) == ()


STRANGER = f"- rolearn: {PREFIX}/stranger\n  username: root\n  groups: [{MASTERS}]\n  note: [?]\n"
"""An administrator in a text of which it cannot be said how the authenticator reads it."""


@pytest.mark.parametrize(
    "before", ["[]", UNREADABLE, "- !!timestamp 2001\n", ""], ids=["readable", "unreadable", "untrusted", "empty"]
)
def test_an_untrusted_text_is_never_written(before: str) -> None:
    old, new = Document({"mapRoles": before}), Document({"mapRoles": STRANGER})
    assert not new.reading("mapRoles").trusted
    [found] = run_guards(old, new, OUT_OF_THE_WAY)
    assert (found.code, found.severity, found.principal) == ("untrusted", Severity.ERROR, "mapRoles")
    for allow in ([], [*GUARDS]):
        with pytest.raises(GuardError, match="This guard cannot be allowed") as error:
            enforce(old, new, OUT_OF_THE_WAY, allow=allow)
        assert "allow=" not in error.value.hint
    with pytest.raises(UsageError, match="no guard `untrusted`"):
        enforce(old, new, OUT_OF_THE_WAY, allow=["untrusted"])


def test_beside_an_untrusted_text_no_other_refusal_is_said_to_be_allowable() -> None:
    untrusted = run_guards(Document({}), Document({"mapRoles": STRANGER}), OUT_OF_THE_WAY)
    unreadable = run_guards(Document({}), Document({"mapUsers": UNREADABLE}), OUT_OF_THE_WAY)
    with pytest.raises(GuardError, match="for 2 reasons") as error:
        raise_for_violations([*unreadable, *untrusted])
    assert error.value.hint.startswith("Correct the text")


def test_an_untrusted_text_that_stays_as_it_is_stops_no_other_change() -> None:
    data = {"mapRoles": STRANGER}
    assert refused(Document(data), Document({**data, **users(user("anna")).data})) == []
    assert refused(Document(data), roles(ADMIN)) == []


def test_a_rollback_may_bring_an_untrusted_text_back() -> None:
    known = OUT_OF_THE_WAY._replace(is_rollback=True)
    assert refused(Document({"mapRoles": UNREADABLE}), Document({"mapRoles": STRANGER}), known) == []
    assert refused(roles(ADMIN, role("a")), Document({"mapRoles": STRANGER}), known) == ["last-admin", "unreadable"]


def _clients(folder: Path, data: dict[str, str], policy: awsauth.Policy) -> Iterator[awsauth.AwsAuthClient]:
    """Yield one client in memory and one of a file, both with a policy."""
    yield awsauth.AwsAuthClient.in_memory(data, policy=policy)
    yield awsauth.AwsAuthClient.from_file(_manifest(folder, data), policy=policy)


def _manifest(folder: Path, data: dict[str, str]) -> Path:
    path = folder / "aws-auth.json"
    metadata = {"name": "aws-auth", "namespace": "kube-system"}
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}), "utf-8")
    return path


@pytest.mark.parametrize(
    "before", ["[]\n", "- [\n", "- !!timestamp 2001\n"], ids=["readable", "unreadable", "untrusted"]
)
def test_no_way_to_write_takes_an_untrusted_text(tmp_path: Path, before: str) -> None:
    """Nor does it with everything allowed, nor without a history; and a policy is not got around."""
    data = {"mapRoles": before}
    change = awsauth.ReplaceText(key="mapRoles", text=STRANGER)
    policy = awsauth.Policy(administrators=[])
    for client in _clients(tmp_path, data, policy):

        def transacted(client: awsauth.AwsAuthClient = client) -> None:
            with client.transaction(allow=[*GUARDS]) as transaction:
                transaction.apply([change])

        plan = client.plan([change])
        ways: list[Callable[[], object]] = [
            partial(client.apply, [change], allow=[*GUARDS]),
            partial(client.apply, [change], allow=[*GUARDS], history=False),
            partial(client.apply, [change], allow=[*GUARDS], dry_run=True),
            partial(client.apply, awsauth.Plan.from_text(plan.to_text()), allow=[*GUARDS]),
            partial(client.apply, [awsauth.EnsureAccount(account="111122223333"), change], allow=[*GUARDS]),
            partial(plan.raise_for_violations, [*GUARDS]),
            transacted,
        ]
        for way in ways:
            with pytest.raises(GuardError, match="untrusted"):
                way()
        assert client.read().data == data


def test_edit_takes_no_untrusted_text(tmp_path: Path) -> None:
    path = _manifest(tmp_path, {"mapRoles": "- rolearn: arn:aws:iam::111122223333:role/a\n  username: a\n"})
    before = path.read_bytes()
    environ = {"EDITOR": "sed -i 's/username: a/note: [?]/'", "VISUAL": "", "TMPDIR": str(tmp_path)}
    every = [option for name in GUARDS for option in ("--allow", name)]
    done = process("edit", "--yes", "--file", str(path), *every, env=environ)
    assert (done.code, path.read_bytes()) == (8, before), done
    assert "effect of this text on the authenticator is uncertain" in done.err


def test_what_others_have_written_is_restored_though_it_is_untrusted(tmp_path: Path) -> None:
    """Another tool wrote it, so it was live: a rollback to it is no way around the guards."""
    for client in _clients(tmp_path, {"mapRoles": STRANGER}, awsauth.Policy(administrators=[])):
        client.apply([awsauth.ReplaceText(key="mapRoles", text="[]\n")])
        assert client.rollback(allow=["unreadable"]).changed
        assert client.read().data == {"mapRoles": STRANGER}


def test_a_problem_that_is_there_once_more_is_new_once() -> None:
    bad, other = {"username": "no arn"}, {"rolearn": PREFIX, "username": 3}
    for before, after in (([bad], [bad, bad]), ([bad, bad], [bad, bad, other])):
        assert refused(roles(role("a"), *before), roles(role("a"), *after)) == ["unreadable"]


def test_the_repair_of_a_text_without_any_meaning_tells_of_no_uncertain_meaning() -> None:
    assert said(Document({"mapRoles": UNREADABLE}), Document({"mapRoles": ""}), OUT_OF_THE_WAY) == []


def test_each_finding_about_the_object_refuses_once_and_only_its_own_text_corrects_it() -> None:
    after = Document({"mapRoles": "[]"})
    codes = ("unread-object", "repeated-data-key", "managed-by-tool")
    texts = [awsauth.ReplaceText(key="mapRoles", text=text) for text in ("[]", "- x")]
    for fix, is_corrected in (
        ((), False),
        ((awsauth.RemoveUsername(username="x"),), False),
        ((texts[0],), True),
        (texts, False),
    ):
        found = tuple(Finding(code, Severity.ERROR, "It is bad.", "", "", fix=tuple(fix)) for code in codes)
        assert refused(Document({}), after, OUT_OF_THE_WAY._replace(object_findings=found)) == [
            code for code in codes if not is_corrected
        ]


def test_a_regrant_is_allowed_as_a_whole_and_so_are_more_than_five_losses() -> None:
    before, admin = roles(ADMIN), role("ci", "ci")
    context = OUT_OF_THE_WAY._replace(is_rollback=True, regranted={f"{PREFIX}/ci": ()})
    with pytest.raises(GuardError, match=re.escape("pass allow=['regrant'].")):
        enforce(before, roles(ADMIN, admin), context)
    for count, allowed in ((5, "pass allow=['node-mapping=arn:"), (6, "pass allow=['node-mapping'].")):
        lost = roles(ADMIN, *({**role(f"n{number}", DNS, *BOTH)} for number in range(count)))
        with pytest.raises(GuardError, match=re.escape(allowed)):
            enforce(lost, roles(ADMIN), OUT_OF_THE_WAY)
