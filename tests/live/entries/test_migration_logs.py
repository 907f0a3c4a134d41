"""A migration with the authenticator's real log, of the principals that came in by it."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth.aws.token import TokenSource
from awsauth.cli.command import DONE, FOUND
from awsauth.core.migration.logs import LoginLogs
from awsauth.errors import UsageError
from tests.support.command_line import run
from tests.support.migration_story import ADMIN, CI, NODE, TO_API, USER, MigrationStory, mappings
from tests.support.recovery_stage import ACCOUNT, BOTH, ROLE
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.entry_changes import Entries

VISITOR: Final = f"{ROLE}team/migrated-visitor"
KNOWN_AS: Final = f"{ROLE}migrated-visitor"
ACCOUNTS: Final = json.dumps(["444455556666", ACCOUNT])


def authenticator_log(entries: Entries) -> list[str]:
    processes = entries.stage.cluster.plane.processes
    return next(one.log for one in processes if one.name == "authenticator").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def earlier(entries: Entries) -> int:
    """Return the number of lines that tests before this one left in the log, with logins of their own."""
    return len(authenticator_log(entries))


@pytest.fixture
def story(entries: Entries, earlier: int, monkeypatch: pytest.MonkeyPatch) -> MigrationStory:  # noqa: ARG001 - first
    """Return the story in the mode of both sources, with a visitor of a mapped account; each request has a new token."""
    token = TokenSource.token
    monkeypatch.setattr(TokenSource, "token", lambda source, **_: token(source, renew=True))
    told = MigrationStory(entries)
    told.stage.shown.authentication_mode = BOTH
    aws = told.stage.cluster.aws
    aws.create_role("migrated-visitor", path="/team/")
    told.people["visitor"] = aws.assume_role(VISITOR, session_name="bob")
    told.stage.cluster.put_aws_auth({**mappings(), "mapAccounts": ACCOUNTS})
    wait_for(lambda: told.names()["visitor"], lambda found: found == (KNOWN_AS, frozenset()))
    told.before = told.names()
    return told


@pytest.fixture
def log(story: MigrationStory, earlier: int, tmp_path: Path) -> Path:
    """Return an export of the log of the authenticator that lets these people in."""
    lines = authenticator_log(story.entries)[earlier:]
    path = tmp_path / "log.json.gz"
    exported = {"events": [{"logStreamName": "authenticator-1", "timestamp": 1, "message": line} for line in lines]}
    path.write_bytes(gzip.compress(json.dumps(exported, indent=4).encode()))
    return path


def test_a_principal_of_a_mapped_account_moves(story: MigrationStory, log: Path, tmp_path: Path) -> None:
    where = ["--cluster", story.stage.cluster.name, "--region", story.stage.cluster.aws.region]
    lost = [word for one in (f"loses={ROLE}AWSServiceRoleForBatch", "loses=444455556666") for word in ("--accept", one)]
    planned = run("migrate", "plan", *lost, "--logs", str(log), *where, "-o", "json")
    assert planned.code == FOUND, planned
    items: dict[str, dict[str, Any]] = {
        one["mapped"]["principal"]: one for one in json.loads(planned.out)["migration"]["items"]
    }
    visitor = items[KNOWN_AS]
    assert (visitor["verdict"], visitor["entry"]["principal_arn"]) == ("equal", VISITOR)
    assert (items[ACCOUNT]["verdict"], items[ACCOUNT]["in_logs"]) == ("impossible", "seen")
    assert {items[arn]["in_logs"] for arn in (CI, ADMIN, USER)} == {"seen"}
    assert {items[arn]["in_logs"] for arn in (NODE, "444455556666", f"{ROLE}migrated-gone")} == {"not seen"}
    saved = tmp_path / "plan.json"
    saved.write_text(planned.out, encoding="utf-8")
    made = run("migrate", "apply", str(saved), "--yes", *where)
    assert made.code == DONE, made
    assert VISITOR in story.stage.entries
    assert story.names() == story.before
    shown = run("migrate", "status", *lost, "--logs", str(log), *where)
    text = " ".join(shown.out.split())
    assert "A new token shows this access. Last login in the logs: 20" in text
    assert "No login in the logs." in text
    assert "login" not in run("migrate", "status", *lost, *where).out

    # EKS makes the entries of nodes. Then the same command can be repeated to the end.
    for role, kind in ((NODE, "EC2_LINUX"), (f"{ROLE}migrated-pods", "FARGATE_LINUX")):
        story.stage.shown.entries.made_by_eks(role, kind)
    finish = ["migrate", "finish", "--yes", *lost, "--accept", f"loses={ACCOUNT}", "--logs", str(log), *where]
    for one in (NODE, f"{ROLE}migrated-pods", USER):
        finish += ["--accept", f"unproven={one}"]

    def mode_after(*more: str) -> str | None:
        finished = run(*finish, *more)
        assert finished.code in (DONE, 3), finished
        return story.stage.shown.authentication_mode

    assert mode_after() == BOTH
    # It refuses as long as new tokens do not show what it has changed.
    wait_for(lambda: mode_after("--allow", TO_API), lambda mode: mode == "API")
    assert story.names() == story.before


def test_undo_gives_the_principals_of_an_account_their_mapping_back(story: MigrationStory, log: Path) -> None:
    with gzip.open(log) as lines:
        logs = LoginLogs.of(lines)
    with story.entries.client() as client:
        migration = story.migration(client, logs=logs)
        assert migration.apply().changed
        assert VISITOR in story.stage.entries
        assert migration.undo().changed
        assert story.stage.entries == []
        assert story.names() == story.before
        # It has another owner of its access now.
        assert migration.apply().changed
        story.stage.cluster.put_aws_auth(mappings())
        with pytest.raises(UsageError, match=r"no mapping would grant access to .*migrated-visitor"):
            migration.undo()


def test_a_failed_proof_is_not_accepted(story: MigrationStory) -> None:
    """``unproven=ARN`` is for an entry that could not be tried."""
    accepted = [f"unproven={arn}" for arn in (CI, ADMIN, USER)]
    with story.entries.client() as client:
        migration = story.migration(client, *accepted)
        assert migration.apply().changed
        story.stage.webhook.ignores = 10**6
        tried = {item.mapped.principal: item for item in migration.status().items}
        assert "A new token does not show this access." in str(tried[ADMIN])
        finished = migration.finish()
        kept = {found.principal: found.message for found in finished.findings if found.code == "uncovered"}
        assert "No new token has shown what its access entry gives." in kept[ADMIN]
        story.stage.webhook.ignores = 0
        assert USER not in kept
        assert story.names() == story.before


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"status": "UPDATING"}, "its status is `UPDATING`"),
        ({"status": "DELETING", "authentication_mode": "CONFIG_MAP"}, "its status is `DELETING`"),
    ],
)
def test_a_cluster_that_is_not_active_is_left_alone(story: MigrationStory, fields: dict[str, str], said: str) -> None:
    for name, value in fields.items():
        setattr(story.stage.shown, name, value)
    with story.entries.client() as client:
        with pytest.raises(UsageError, match=said):
            story.migration(client).apply(dry_run=True)
        story.stage.shown.status = "ACTIVE"
        story.stage.shown.authentication_mode = BOTH
        assert story.migration(client).apply(dry_run=True).changed
