"""Two teams and other tools at one object, in any order: what a rollback keeps, gives back and refuses.

The machine has a model of its own: the list of all states with who made each, as somebody who watched would have
written it down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from awsauth.client import AwsAuthClient
from awsauth.core.document.document import Document
from awsauth.core.edit.changes import EnsureRole, RemoveRole
from awsauth.core.edit.merge import merge
from awsauth.errors import GuardError, RevisionNotFoundError
from awsauth.history.log import log
from tests.support.documents.strategies import examples
from tests.support.memory_store import SharedMemoryStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.apply import Result

ROLE: Final = "arn:aws:iam::111122223333:role/"
BOSS: Final = f"{ROLE}boss"
BEFORE: Final = {"mapRoles": f"- rolearn: {BOSS}\n  username: boss\n  groups: [system:masters]\n"}
TEAMS: Final = ("red", "blue")
OTHER_TOOL: Final = ""
NAMES: Final = [f"{ROLE}{name}" for name in "abc"]

Mapped = dict[str, tuple[str, ...]]


class Watched(NamedTuple):
    """One state of the object.

    Attributes:
        data: Its data.
        by: The team that made it; empty for another tool.
        restores: Of a rollback, the place of the state that it went back to; otherwise its own.
    """

    data: Mapping[str, str]
    by: str
    restores: int

    @property
    def mapped(self) -> Mapped:
        return mapped(Document(self.data))


def mapped(document: Document) -> Mapped:
    return {role.role_arn: role.groups for role in document.roles}


class TwoTeams(RuleBasedStateMachine):
    """One object, two teams that change it through awsauth, and another tool."""

    def __init__(self) -> None:
        super().__init__()
        self.store = SharedMemoryStore(BEFORE)
        self.clients = {team: AwsAuthClient(self.store, author=team) for team in TEAMS}
        self.watched = [Watched(BEFORE, OTHER_TOOL, 0)]
        self.numbers: dict[int, int] = {}
        """By the number of a revision, the place of its state."""

    def saw(self, by: str, result: Result | None = None, restores: int | None = None) -> None:
        """Write the present state down, if it is another one or was recorded."""
        here = len(self.watched)
        self.watched.append(Watched(self.store.read().data, by, here if restores is None else restores))
        if result and result.revision:
            self.numbers[result.revision] = here

    def note_recorded_before(self, count: int) -> None:
        """Note which revision keeps the state of another tool that the change of a team has recorded first."""
        infos = self.store.list_revisions().revisions
        if len(infos) > count and infos[count].kind == "outside":
            self.numbers[infos[count].number] = len(self.watched) - 1

    def make(self, team: str, change: EnsureRole | RemoveRole) -> None:
        count = len(self.store.list_revisions().revisions)
        result = self.clients[team].apply([change])
        if result.changed:
            self.note_recorded_before(count)
            self.saw(team, result)

    @rule(team=st.sampled_from(TEAMS), arn=st.sampled_from(NAMES), groups=st.sampled_from([(), ("view",), ("edit",)]))
    def ensure(self, team: str, arn: str, groups: tuple[str, ...]) -> None:
        self.make(team, EnsureRole(role_arn=arn, username="u", groups=groups, if_mapped="replace"))

    @rule(team=st.sampled_from(TEAMS), arn=st.sampled_from(NAMES))
    def remove(self, team: str, arn: str) -> None:
        self.make(team, RemoveRole(role_arn=arn))

    @rule(arn=st.sampled_from(NAMES), removes=st.booleans())
    def another_tool_writes(self, arn: str, *, removes: bool) -> None:
        change = (
            RemoveRole(role_arn=arn)
            if removes
            else EnsureRole(role_arn=arn, username="u", groups=["tool"], if_mapped="replace")
        )
        before = self.store.read()
        after = merge(before.document, [change])
        if after != before.document:
            self.store.overwrite(after.data)
            if before.own_head is None:
                self.watched.pop()  # nothing recorded the state in between
            if self.store.read().own_head is None:
                self.saw(OTHER_TOOL)

    @precondition(lambda self: self.numbers)
    @rule(team=st.sampled_from(TEAMS), draw=st.data())
    def goes_back_to_a_revision(self, team: str, draw: st.DataObject) -> None:
        number = draw.draw(st.sampled_from(sorted(self.numbers)))
        location = self.numbers[number]
        target = self.watched[location].mapped
        present = self.watched[-1].mapped
        expected = {**target, **self.added_by_others(team, location)}
        taken = {arn for arn in target if self.was_taken_by_another_team(team, arn, location)}
        count = len(self.store.list_revisions().revisions)
        try:
            result = self.clients[team].rollback(to=number)
        except GuardError as error:
            assert {finding.code for finding in error.findings} == {"regrant"}
            assert {finding.principal for finding in error.findings} <= taken
            assert mapped(self.store.read().document) == present
            result = self.clients[team].rollback(to=number, allow=["regrant"])
        else:
            assert not taken, "given back without having been asked"
        assert mapped(self.store.read().document) == expected
        if result.changed:
            self.note_recorded_before(count)
            self.saw(team, result, location)

    @rule(team=st.sampled_from(TEAMS))
    def undoes_the_last_change(self, team: str) -> None:
        count = len(self.store.list_revisions().revisions)
        try:
            result = self.clients[team].rollback(allow=["regrant"])
        except RevisionNotFoundError:
            assert self.place_before_the_last_change() is None
            return
        location = self.place_before_the_last_change()
        assert location is not None
        assert result.changed
        assert self.watched[location].mapped.items() <= mapped(self.store.read().document).items()
        self.note_recorded_before(count)
        self.saw(team, result, location)

    def place_before_the_last_change(self) -> int | None:
        """Return the place of the state that a rollback goes to."""
        location = len(self.watched) - 1
        while self.watched[location].restores != location:
            location = self.watched[location].restores
        present = self.watched[-1].data
        return next((one for one in range(location - 1, -1, -1) if self.watched[one].data != present), None)

    def added_by_others(self, team: str, location: int) -> Mapped:
        """Return what others have added since a state and is still there, as others left it last."""
        target, present = self.watched[location].mapped, self.watched[-1].mapped
        found = {}
        for arn in present:
            since = range(location + 1, len(self.watched))
            touched = [
                one for one in since if self.watched[one].mapped.get(arn) != self.watched[one - 1].mapped.get(arn)
            ]
            added = [one for one in touched if arn not in self.watched[one - 1].mapped]
            if arn not in target and self.watched[added[-1]].by != team:
                theirs = [one for one in touched if self.watched[one].by != team and arn in self.watched[one].mapped]
                found[arn] = self.watched[theirs[-1]].mapped[arn]
        return found

    def was_taken_by_another_team(self, team: str, arn: str, location: int) -> bool:
        """Whether the other team has taken a role, or some of its groups, that the state has and the present one has not."""
        then, now = self.watched[location].mapped[arn], self.watched[-1].mapped.get(arn)
        if now is not None and set(then) <= set(now):
            return False
        since = range(location + 1, len(self.watched))
        touched = [one for one in since if self.watched[one].mapped.get(arn) != self.watched[one - 1].mapped.get(arn)]
        return self.watched[touched[-1]].by not in (team, OTHER_TOOL)

    @invariant()
    def the_history_is_what_was_watched(self) -> None:
        entries = log(self.store).entries
        for entry in entries:
            if entry.info.number in self.numbers:
                assert not entry.unconfirmed
                data = self.store.read_revision(entry.info.number).data
                assert mapped(Document(data)) == self.watched[self.numbers[entry.info.number]].mapped
        assert [entry.live for entry in entries] == [index == 0 for index in range(len(entries))]


TestTwoTeams: Any = TwoTeams.TestCase
TestTwoTeams.settings = settings(examples(60), stateful_step_count=15)
