"""Taking a change back after a verification, and its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from awsauth.client import AwsAuthClient
from awsauth.core.edit.changes import EnsureRole, RemoveRole
from awsauth.errors import UsageError
from awsauth.stores.memory import MemoryStore
from awsauth.verification.verify import revert
from tests.support.going_back import by

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.core.revisions.revision import Revision
    from awsauth.stores.store import Snapshot
    from tests.support.named_cluster import NamedCluster


def data(named: NamedCluster) -> dict[str, str]:
    found = named.cluster.aws_auth()
    assert found
    mapped: dict[str, str] = found["data"]
    return mapped


X, Y, Z = (f"arn:aws:iam::111122223333:role/{name}" for name in "xyz")


@pytest.mark.parametrize("when", ["before", "behind the first read", "just before the write"])
@pytest.mark.parametrize("existed", [False, True])
def test_what_others_write_meanwhile_stays_when_a_change_is_taken_back(when: str, *, existed: bool) -> None:
    """Also where they have the same name, as jobs of one account have."""

    class Racing(MemoryStore):
        now = ""

        def _race(self, moment: str) -> None:
            if self.now == moment:
                self.now = ""
                client.add_role_mapping(Z, username="z")

        def read(self) -> Snapshot:
            snapshot = super().read()
            self._race("behind the first read")
            return snapshot

        def write(self, data: Mapping[str, str], base: Snapshot, revision: Revision | None) -> Snapshot:
            self._race("just before the write")
            return super().write(data, base, revision)

    store = Racing()
    client = AwsAuthClient(store, author="me")
    if existed:
        client.add_role_mapping(Y, username="y", groups=["a"])
    before = client.read()
    result = client.apply([EnsureRole(role_arn=X, username="x"), *([RemoveRole(role_arn=Y)] if existed else [])])
    if when == "before":
        client.add_role_mapping(Z, username="z")
    store.now = when
    after = revert(store, before, result.document, to=int(existed), reason="", writer=by("me"))
    assert after == client.read()
    assert sorted(role.username for role in after.roles) == (["y", "z"] if existed else ["z"])


def test_a_change_that_nobody_has_touched_is_taken_back_byte_for_byte() -> None:
    store = MemoryStore({"mapRoles": f"# ours\n- {{rolearn: {Y}, username: y}}\n"})
    client = AwsAuthClient(store, author="me")
    before = client.read()
    result = client.add_role_mapping(X, username="x")
    assert revert(store, before, result.document, to=1, reason="why", writer=by("me")) == before == client.read()
    [entry, *_] = client.history().entries
    assert (entry.info.kind, entry.info.restores, entry.info.reason) == ("rollback", 1, "why")


@pytest.mark.parametrize(
    "options",
    [
        {"wait": -1}, {"wait": True}, {"wait": "10"}, {"wait": float("nan")}, {"revert_after": 4},
        {"revert_after": 61}, {"revert_after": 30, "history": False}, {"verify": ["caller"]},
        {"verify": "caller", "wait": 1}, {"verify": None, "wait": 1}, {"verify": ["worker"], "wait": 1},
        {"verify": ["arn:aws:iam::111122223333:user/x"], "wait": 1}, {"wait": 10}, {"revert_after": 30},
    ],
)  # fmt: skip
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    client = AwsAuthClient.in_memory({"mapRoles": ""})
    with pytest.raises(UsageError, match=r"wait=|wait is|verify|revert_after"):
        client.add_role_mapping("arn:aws:iam::111122223333:role/x", username="x", **options)
    assert client.read().roles == ()
