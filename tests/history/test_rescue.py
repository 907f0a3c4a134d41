"""Guards know a rescue: giving back what was live is not held up by what a lock-out took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from awsauth.client import AwsAuthClient
from awsauth.core.edit.changes import EnsureRole, ReplaceText
from awsauth.errors import GuardError
from awsauth.stores.memory import MemoryStore
from tests.support.command_line import manifest_in, run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


ROLE: Final = "arn:aws:iam::111122223333:role/"
NODE: Final = f"""- rolearn: {ROLE}node
  username: system:node:{{{{EC2PrivateDNSName}}}}
  groups: [system:bootstrappers, system:nodes]
"""
BOSS: Final = f"- rolearn: {ROLE}boss\n  username: boss\n  groups: [system:masters]\n"
DEVELOPERS: Final = "".join(f"- rolearn: {ROLE}dev{number}\n  username: dev{number}\n" for number in range(9))
WIPING: Final = ["node-mapping", "last-admin", "own-access"]


def teams() -> tuple[AwsAuthClient, AwsAuthClient]:
    """Return the clients of two teams for one object that the first of them has changed."""
    store = MemoryStore({"mapRoles": NODE + BOSS + DEVELOPERS})
    ours, theirs = (AwsAuthClient(store, author=author) for author in ("ours", "theirs"))
    ours.apply(EnsureRole(role_arn=f"{ROLE}ci", username="ci"))
    return ours, theirs


def wiped(client: AwsAuthClient, text: str, allow: Sequence[str] = WIPING) -> None:
    client.apply(ReplaceText(key="mapRoles", text=text), allow=allow)


def test_where_no_administrator_was_left_all_get_back_what_another_team_took() -> None:
    ours, theirs = teams()
    good = ours.read().data
    wiped(theirs, "[]\n")
    assert ours.rollback().changed
    assert ours.read().data == good


def test_nodes_get_back_what_another_team_took() -> None:
    ours, theirs = teams()
    good = ours.read().data
    wiped(theirs, good["mapRoles"].replace(NODE, ""))
    assert ours.rollback().changed
    assert ours.read().data == good


def test_where_an_administrator_was_left_it_takes_one_name_for_all() -> None:
    ours, theirs = teams()
    good = ours.read().data
    wiped(theirs, NODE + BOSS)
    with pytest.raises(GuardError) as caught:
        ours.rollback()
    assert [finding.code for finding in caught.value.findings] == ["regrant"] * 10
    assert "allow=['regrant']" in caught.value.hint
    assert ours.rollback(allow=["regrant"]).changed
    assert ours.read().data == good


def test_the_command_takes_back_what_another_user_added_and_names_the_way_forward(tmp_path: Path) -> None:
    path = manifest_in(tmp_path, mapRoles=NODE + BOSS)
    client = AwsAuthClient.from_file(path, author="theirs")
    client.apply(EnsureRole(role_arn=f"{ROLE}intruder", username="x", groups=["system:masters"]))
    assert run("rollback", "-y", "--file", str(path)).code == 0
    assert client.read().data == {"mapRoles": NODE + BOSS}
    done = run("rollback", "-y", "--file", str(path))
    assert done.code == 4
    assert "Revision 3 is a rollback itself. To undo it, pass --to 2." in done.err
