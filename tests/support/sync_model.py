"""A model of syncing: two owners, edits by another tool and losses of records, in any order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

import awsauth
from tests.support.command_line import NODE

if TYPE_CHECKING:
    from collections.abc import Sequence

ACCOUNT: Final = "arn:aws:iam::111122223333"
NAMES: Final = st.sampled_from("uvwxyz")
WANTED: Final = st.dictionaries(NAMES, st.sampled_from("123"), max_size=4)
STEPS: Final = st.lists(
    st.one_of(
        st.tuples(st.sampled_from("ab"), WANTED),
        st.tuples(st.just("edit"), NAMES, st.sampled_from(["1", "2", None])),
        st.tuples(st.just("lose"), st.sampled_from("ab")),
    ),
    max_size=8,
)


def arn(name: str) -> str:
    return f"{ACCOUNT}:role/{name}"


def fragment(owner: str, **users: str) -> awsauth.Fragment:
    return awsauth.Fragment(
        owner=owner, roles=[{"rolearn": arn(name), "username": user} for name, user in users.items()]
    )


def mapped(client: awsauth.AwsAuthClient) -> dict[str, str]:
    """Return the usernames of the roles by name, without that of the nodes."""
    return {role.role_arn.rpartition("/")[2]: role.username for role in client.read().roles if role.role_arn != NODE}


def synced(client: awsauth.AwsAuthClient, owner: str, wanted: dict[str, str]) -> bool:
    """Sync, and return whether there was no conflict, and no new record was refused."""
    try:
        client.sync(fragment(owner, **wanted), allow_empty=True, max_removals=99)
    except (awsauth.MappingConflictError, awsauth.GuardError):
        return False
    return True


class World(ABC):
    """An ``aws-auth`` somewhere, and the model of it: the entries, and what each owner applied."""

    def __init__(self, client: awsauth.AwsAuthClient) -> None:
        self.client = client
        self._before = client.read().data["mapRoles"]
        self._others = mapped(client)
        self._entries: dict[str, str] = {}
        self._records: dict[str, dict[str, str]] = {"a": {}, "b": {}}
        self._lost: dict[str, dict[str, str]] = {"a": {}, "b": {}}

    @abstractmethod
    def edit(self, change: Any) -> None:
        """Make a change as another tool does."""

    @abstractmethod
    def lose(self, owner: str) -> None:
        """Remove the record of an owner as another tool does."""

    def follow(self, steps: Sequence[Any]) -> None:
        """Do steps, and compare with the model after each."""
        for kind, *rest in steps:
            if kind == "edit":
                self._edit(*rest)
            elif kind == "lose":
                self._lost[rest[0]] = self._records[rest[0]] or self._lost[rest[0]]
                self._records[rest[0]] = {}
                self.lose(rest[0])
            else:
                self._sync(kind, rest[0])
            assert mapped(self.client) == {**self._others, **self._entries}
            assert self._before in self.client.read().data["mapRoles"]

    def _edit(self, name: str, user: str | None) -> None:
        self._entries.pop(name, None)
        if user:
            self._entries[name] = user
            self.edit(awsauth.EnsureRole(role_arn=arn(name), username=user, if_mapped="replace"))
        else:
            self.edit(awsauth.RemoveRole(role_arn=arn(name)))

    def _sync(self, owner: str, wanted: dict[str, str]) -> None:
        mine, others, entries = self._records[owner], self._records["b" if owner == "a" else "a"], self._entries
        refused = {
            name
            for name in {*wanted, *mine}
            if (name in wanted and name in others)
            or (name in wanted and name not in mine and entries.get(name, wanted[name]) != wanted[name])
            or (name not in wanted and name in entries and name not in others and entries[name] != mine[name])
        }
        is_lost = any(name in entries and name not in others for name in self._lost[owner]) and not mine
        if is_lost and not refused:
            # The sync may change nothing: it would begin a new record.
            refused = wanted.keys() - entries.keys()
        assert synced(self.client, owner, wanted) is not bool(refused)
        if refused:
            return
        for name in mine.keys() - wanted.keys():
            if entries.get(name) == mine.pop(name) and name not in others:
                del entries[name]
        for name, user in wanted.items():
            if name in mine or name not in entries:
                entries[name] = mine[name] = user
                self._lost[owner] = {}
