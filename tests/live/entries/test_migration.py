"""The story's cluster goes from ``CONFIG_MAP`` to ``API``, and nobody named as kept is refused for a moment.

The API server asks access entries first and then a real authenticator, as EKS does.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from itertools import chain, count, repeat
from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth.aws.access_entries import AccessEntries
from awsauth.aws.token import TokenSource
from awsauth.cli.command import DONE, FOUND, REFUSED, USAGE
from awsauth.connections.eks_cluster_info import EksClusterInfo
from awsauth.core.edit.changes import EnsureRole, RemoveRole
from awsauth.core.entries.model import MIGRATED
from awsauth.errors import GuardError, PlanOutdatedError, RevertedError, UsageError
from tests.support.command_line import run
from tests.support.migration_story import (
    CI,
    FARGATE,
    GIVEN_UP,
    NODE,
    OTHER,
    SERVICE,
    SSO,
    TO_API,
    TO_BOTH,
    USER,
    MigrationStory,
    mappings,
)  # fmt: skip
from tests.support.recovery_stage import BOTH, OPS, ROLE
from tests.support.stopping import StoppedProcess

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.entry_changes import Entries

LATE: Final = 0.6  # seconds until the API server uses a policy
UNPROVEN: Final = (f"unproven={NODE}", f"unproven={FARGATE}", f"unproven={USER}")


@pytest.fixture
def story(entries: Entries, monkeypatch: pytest.MonkeyPatch) -> MigrationStory:
    monkeypatch.setattr("awsauth.entries.engine.SETTLES", LATE * 2)
    told = MigrationStory(entries)
    told.stage.webhook.late = LATE
    return told


@pytest.fixture
def quick(entries: Entries, monkeypatch: pytest.MonkeyPatch) -> MigrationStory:
    """Return the story where a policy counts at once, and nothing waits for that.

    The API server remembers for ten seconds whose a token is, so each request has a new one.
    """
    token = TokenSource.token
    monkeypatch.setattr(TokenSource, "token", lambda source, **_: token(source, renew=True))
    return MigrationStory(entries)


def test_the_cluster_moves_and_nobody_is_refused(story: MigrationStory) -> None:
    with story.working() as wrong, story.entries.client() as client:
        migration = story.migration(client)
        plan = migration.plan()
        assert {item.mapped.principal.rpartition("/")[2]: item.verdict for item in plan.items} == {
            "migrated-node": "eks-owned",
            "migrated-pods": "eks-owned",
            "recover-ops": "same-reach",
            "migrated-mytestrole": "same-reach",
            "migrated-ci": "equal",
            SSO: "equal",
            "migrated-gone": "dead",
            "AWSServiceRoleForBatch": "different",
            "migrated-anna": "needs-rbac",
            "444455556666": "different",
        }
        with pytest.raises(GuardError, match="switches the authentication mode to API_AND_CONFIG_MAP") as refused:
            migration.apply()
        assert f"allow=['{TO_BOTH}']" in refused.value.hint
        assert (story.stage.shown.authentication_mode, story.stage.entries) == ("CONFIG_MAP", [])

        made = migration.apply(plan, allow=[TO_BOTH])
        assert story.stage.entries[:2] == [NODE, FARGATE]  # by EKS
        assert story.stage.entries[-2:] == [story.arns["mytestrole"], OPS]
        assert [found.principal for found in made.findings if found.code == "unproven"] == [USER]
        assert not migration.apply(plan).changed

        status = {item.mapped.principal: (item.decided_by, item.proven) for item in migration.status().items}
        assert status[CI] == status[f"{ROLE}{SSO}"] == status[f"{ROLE}recover-ops"] == ("entry", True)
        assert status[NODE] == status[USER] == ("entry", None)
        assert status[f"{ROLE}migrated-gone"] == ("nothing", None)

        finished = migration.finish(revert_after=5)
        assert "stays in aws-auth" in next(found.message for found in finished.findings if found.principal == NODE)
        left = client.read()
        assert [one.principal for one in left.reading("mapUsers").mapped] == [USER]
        assert [one.principal for one in left.reading("mapRoles").mapped] == [
            NODE, FARGATE, f"{ROLE}migrated-gone", SERVICE,
        ]  # fmt: skip
        assert not migration.finish(allow=[TO_API]).changed

        assert story.migration(client, *UNPROVEN).finish().changed
        with pytest.raises(GuardError, match="switches the authentication mode to API"):
            migration.finish(allow=[TO_BOTH])
        assert story.stage.shown.authentication_mode == BOTH
        assert migration.finish(allow=[TO_API]).changed
        assert story.stage.shown.authentication_mode == "API"
    assert wrong == Counter(looks=wrong["looks"])
    assert story.names() == story.before


def test_the_commands_move_the_cluster(quick: MigrationStory, tmp_path: Path) -> None:
    where = ["--cluster", quick.stage.cluster.name, "--region", quick.stage.cluster.aws.region]
    lost = [word for one in GIVEN_UP for word in ("--accept", one)]
    unproven = [word for one in UNPROVEN for word in ("--accept", one)]
    planned = run("migrate", "plan", *lost, *where, "-o", "json")
    saved = tmp_path / "plan.json"
    saved.write_text(planned.out, encoding="utf-8")
    assert planned.code == FOUND  # until the entries of EKS are seen
    refused = run("migrate", "apply", str(saved), "--yes", *where)
    assert (refused.code, quick.stage.entries) == (REFUSED, [])
    assert f"--allow {TO_BOTH}" in refused.err, refused
    made = run("migrate", "apply", str(saved), "--yes", "--allow", TO_BOTH, *where)
    assert made.code == DONE, made
    assert quick.entries.recorded() == [1]
    status = run("migrate", "status", *lost, *where)
    assert status.code == DONE, status
    assert "A new token shows this access." in " ".join(status.out.split())
    for more in ([], unproven, ["--allow", TO_API]):
        finished = run("migrate", "finish", "--yes", *lost, *more, *where)
        assert finished.code == DONE, finished
    assert quick.stage.shown.authentication_mode == "API"
    assert quick.names() == quick.before
    undone = run("migrate", "undo", "--yes", *where)
    assert (undone.code, "Make other access entries first" in undone.err) == (USAGE, True)
    exported = run("export", "--format", "terraform", *where)
    assert exported.code == DONE, exported
    found = json.loads(exported.out)["resource"]["aws_eks_access_entry"].values()
    assert {one["principal_arn"] for one in found} == {*quick.arns.values()}


class Stop:
    """Stops the process before or after one of the calls that change something in AWS."""

    def __init__(self, patch: pytest.MonkeyPatch, at: int, *, after: bool) -> None:
        self.left = at
        self.after = after
        for kind, name in ((AccessEntries, "_change"), (EksClusterInfo, "switch_mode")):
            patch.setattr(kind, name, self.around(getattr(kind, name)))

    def around(self, real: Any) -> Any:
        def call(*given: Any, **more: Any) -> Any:
            self.left -= 1
            if self.left == -1 and not self.after:
                raise StoppedProcess
            answer = real(*given, **more)
            if self.left == -1:
                raise StoppedProcess
            return answer

        return call


def test_a_migration_that_is_stopped_anywhere_goes_on(quick: MigrationStory) -> None:
    """After each call, and before those that something else precedes: all that is read, and the record of the change."""
    for at, after in chain([(0, False), (2, False)], zip(count(), repeat(True))):
        quick.begin()
        with pytest.MonkeyPatch.context() as patch, quick.entries.client() as client:
            stop = Stop(patch, at, after=after)
            with suppress(StoppedProcess):
                quick.migration(client).apply(allow=[TO_BOTH])
        assert quick.names() == quick.before, at
        with quick.entries.client() as client:
            again = quick.migration(client)
            again.apply(allow=[TO_BOTH])
            assert {item.verdict for item in again.plan().items} == {"present", "dead", "different"}, at
        assert quick.names() == quick.before, at
        if stop.left >= 0:
            break
    assert at == 11  # a trial, the switch, five entries, and two more calls for each of two administrators


def test_entries_are_taken_back_and_the_mappings_decide_again(quick: MigrationStory) -> None:
    adopted = quick.arns["dev"]
    with quick.entries.client() as client:
        migration = quick.migration(client)
        quick.stage.shown.authentication_mode = BOTH
        quick.entries.make(adopted, username="dev")  # by a colleague
        assert migration.apply().changed
        assert quick.entries.shown.entries.entries[quick.arns["ci"]].tags[MIGRATED] == "aws-auth"
        taken_out = client.apply(RemoveRole(role_arn=CI))
        with pytest.raises(UsageError, match=r"no mapping would grant access to .*team/migrated-ci"):
            migration.undo()
        client.rollback()
        assert taken_out.changed
        assert migration.undo().changed
        assert not migration.undo().changed
    assert quick.stage.entries == [adopted]
    assert quick.names() == quick.before


def test_an_entry_that_does_not_work_is_deleted_again(quick: MigrationStory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("awsauth.migration.migration.PROVES", 0.0)
    quick.stage.shown.authentication_mode = BOTH
    with quick.entries.client() as client:
        migration = quick.migration(client)
        quick.stage.webhook.ignores = 10**6
        with pytest.raises(RevertedError, match="mytestrole"):
            migration.apply()
        quick.stage.webhook.ignores = 0
        assert quick.arns["mytestrole"] not in quick.stage.entries
        assert quick.names() == quick.before
        assert migration.apply().changed
    assert quick.names() == quick.before


def test_a_plan_that_is_outdated_is_refused(quick: MigrationStory) -> None:
    with quick.entries.client() as client:
        migration = quick.migration(client)
        plan = migration.plan()
        change = EnsureRole(role_arn=CI, username="ci", groups=["others"], if_mapped="replace")
        client.apply(change)
        with pytest.raises(PlanOutdatedError, match="migrated-ci"):
            migration.apply(plan, allow=[TO_BOTH])
        client.rollback()
        # EKS makes an entry for the creator, whose mapping gives another name: nobody has seen that in the plan.
        quick.stage.shown.creator = quick.arns["mytestrole"]
        with pytest.raises(PlanOutdatedError, match="mytestrole"):
            migration.apply(plan, allow=[TO_BOTH])
        assert quick.stage.shown.authentication_mode == BOTH
        assert migration.apply().changed
        item = next(one for one in migration.plan().items if one.mapped.principal.endswith("mytestrole"))
        assert (item.verdict, item.decided_by) == ("conflict", "entry")


def test_a_principal_whose_path_is_not_known_is_left_out(quick: MigrationStory) -> None:
    quick.stage.shown.authentication_mode = BOTH
    with quick.entries.client() as client:
        client.apply(EnsureRole(role_arn=OTHER, username="partner"))
        quick.migration(client).apply()
        assert OTHER not in quick.stage.entries
        real = OTHER.replace("role/", "role/team/")
        quick.migration(client, arns={OTHER: real}).apply()
        assert real in quick.stage.entries
        assert quick.migration(client).finish(dry_run=True).changed
        assert client.read().data["mapUsers"] == mappings()["mapUsers"]
