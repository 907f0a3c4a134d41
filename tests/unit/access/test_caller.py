"""A caller: any ARN of it leads to the one that the authenticator knows, and what is unknown stays unknown."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from awsauth.core.access.caller import Caller, as_caller
from awsauth.errors import InvalidValueError, UsageError
from tests.support.changed import PREFIX, USERS

STS = "arn:aws:sts::111122223333"


@pytest.mark.parametrize(
    ("arn", "canonical", "session", "is_role"),
    [
        (f"{STS}:assumed-role/ci/bob", f"{PREFIX}/ci", "bob", True),
        (f"{PREFIX}/ci", f"{PREFIX}/ci", None, True),
        (f"{PREFIX}/team/ci", f"{PREFIX}/ci", None, True),
        (f"{USERS}/team/alice", f"{USERS}/team/alice", "", False),
        (f"{STS}:federated-user/bob", f"{STS}:federated-user/bob", "", False),
        ("arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:root", "", False),
        ("arn:aws-cn:sts::111122223333:assumed-role/a/bb", "arn:aws-cn:iam::111122223333:role/a", "bb", True),
    ],
)
def test_arn_leads_to_the_canonical_one(arn: str, canonical: str, session: str | None, *, is_role: bool) -> None:
    caller = Caller(arn)
    assert (caller.canonical_arn, caller.session_name, caller.is_role) == (canonical, session, is_role)
    assert (caller.account, caller.access_key_id) == ("111122223333", None)


@pytest.mark.parametrize(("arn", "name"), [(f"{PREFIX}/a/ci", "ci"), ("arn:aws:iam::111122223333:root", "root")])
def test_name_is_the_last_part(arn: str, name: str) -> None:
    assert Caller(arn).name == name


@pytest.mark.parametrize(
    ("session", "is_instance"),
    [("i-01234567", True), ("i-0123456789abcdef0", True), ("i-0123456", False), ("bob", False), (None, None)],
)
def test_instance_is_told_by_the_name_of_its_session(session: str | None, *, is_instance: bool | None) -> None:
    assert Caller(f"{PREFIX}/ci", session_name=session).is_instance is is_instance


def test_a_users_session_is_no_instance() -> None:
    assert Caller(f"{USERS}/alice").is_instance is False


@pytest.mark.parametrize(
    "arn",
    ["x", "arn:aws:iam::111122223333:group/x", f"{STS}:assumed-role/ci", f"{STS}:assumed-role/ci/", f"{STS}:assumed-role/ci/x",
     "arn:aws-xy:iam::111122223333:role/ci", "arn:aws:iam::11112222333:role/ci", f"{PREFIX}/ci ", "arn:aws:iam::111122223333:role/*"],
)  # fmt: skip
def test_what_no_caller_can_be_is_refused(arn: str) -> None:
    with pytest.raises(InvalidValueError):
        Caller(arn)


@pytest.mark.parametrize(("arn", "hint"), [("", "the variable"), (None, "the variable"), (1, 'as text: "1"')])
def test_an_arn_that_is_none_is_a_usage_error(arn: str, hint: str) -> None:
    with pytest.raises(UsageError, match=hint):
        Caller(arn)


def test_session_that_contradicts_the_arn_is_a_usage_error() -> None:
    assert Caller(f"{STS}:assumed-role/ci/bob", session_name="bob").session_name == "bob"
    with pytest.raises(UsageError, match="the ARN has the session `bob`"):
        Caller(f"{STS}:assumed-role/ci/bob", session_name="eve")
    with pytest.raises(UsageError, match="session has no name"):
        Caller(f"{USERS}/alice", session_name="bob")


@pytest.mark.parametrize("session", ["", "a", "a b", "é" * 3, "x" * 65, "a/b"])
def test_name_that_no_session_can_have_is_refused(session: str) -> None:
    with pytest.raises(InvalidValueError, match="is not a session name"):
        Caller(f"{PREFIX}/ci", session_name=session)


def test_it_is_a_value() -> None:
    caller = Caller(f"{PREFIX}/ci", session_name="bob", access_key_id="ASIAEXAMPLEKEY")
    assert pickle.loads(pickle.dumps(caller)) == copy.copy(caller) == caller  # noqa: S301 - our own
    assert hash(caller) == hash(copy.copy(caller))
    assert "ASIAEXAMPLEKEY" not in repr(caller)
    assert str(caller) == f"{PREFIX}/ci"
    assert as_caller(caller) is caller
    assert as_caller(f"{PREFIX}/ci") == Caller(f"{PREFIX}/ci")


@pytest.mark.parametrize("name", ["session_name", "access_key_id"])
def test_what_is_no_text_is_refused_by_name(name: str) -> None:
    wrong: dict[str, Any] = {name: 5}
    with pytest.raises(UsageError, match=f"{name} is int, not text"):
        Caller(f"{PREFIX}/ci", **wrong)
