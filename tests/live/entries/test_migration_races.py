"""A migration beside other writers: none of them loses what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth.aws.token import TokenSource
from awsauth.cli.command import DONE, REFUSED, USAGE
from awsauth.cli.confirm import Confirmation
from awsauth.core.edit.changes import EnsureRole
from awsauth.errors import GuardError, RevertedError, UsageError
from awsauth.migration.migration import Migration
from tests.support.command_line import run
from tests.support.migration_story import ADMIN, BOTH, CI, GIVEN_UP, NODE, SSO, TO_BOTH, MigrationStory, mappings
from tests.support.recovery_stage import BOTH as BOTH_SOURCES, ROLE

if TYPE_CHECKING:
    from awsauth.core.migration.plan import MigrationPlan
    from tests.support.entry_changes import Entries

RBAC: Final = "/apis/rbac.authorization.k8s.io/v1"


@pytest.fixture
def story(entries: Entries, monkeypatch: pytest.MonkeyPatch) -> MigrationStory:
    """Return the story in the mode of both sources; each request has a new token."""
    token = TokenSource.token
    monkeypatch.setattr(TokenSource, "token", lambda source, **_: token(source, renew=True))
    told = MigrationStory(entries)
    told.stage.shown.authentication_mode = BOTH_SOURCES
    return told


def groups(story: MigrationStory, name: str) -> frozenset[str]:
    """Return the groups that a person has now."""
    found = story.names()[name]
    assert found
    return found[1]


def test_rights_that_another_writer_takes_during_apply_stay_taken(story: MigrationStory) -> None:
    def revoke() -> None:
        data = mappings()
        taken = data["mapRoles"].replace('["system:masters", "auditors"]', '["auditors"]')
        story.stage.cluster.put_aws_auth(data | {"mapRoles": taken})

    story.entries.once("CreateAccessEntry", revoke)
    with story.entries.client() as client:
        with pytest.raises(RevertedError, match=r"Another writer changed aws-auth\. The entry of .*migrated-ci"):
            story.migration(client).apply()
        assert story.stage.entries == []
        assert story.migration(client).apply().changed
    assert groups(story, "mytestrole") == {"auditors"}


def test_the_command_shows_again_what_another_writer_changed_since(
    story: MigrationStory, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = Confirmation.show

    def showing(*given: Any, **more: Any) -> None:
        show(*given, **more)
        data = mappings()
        story.stage.cluster.put_aws_auth(data | {"mapRoles": data["mapRoles"].replace("builders", "testers")})

    monkeypatch.setattr(Confirmation, "show", showing)
    where = ["--cluster", story.stage.cluster.name, "--region", story.stage.cluster.aws.region]
    made = run("migrate", "apply", "--yes", *(word for one in GIVEN_UP for word in ("--accept", one)), *where)
    assert made.code == DONE, made
    assert "The change would now be:" in made.err
    assert "group testers" in made.out
    assert groups(story, "ci") == {"testers"}


def test_a_switch_that_would_take_groups_from_nodes_is_refused(story: MigrationStory) -> None:
    story.stage.shown.authentication_mode = "CONFIG_MAP"
    more = EnsureRole(
        role_arn=NODE, username="system:node:{{EC2PrivateDNSName}}", groups=[*BOTH, "pods"], if_mapped="replace"
    )
    with story.entries.client() as client:
        client.apply(more)
        with pytest.raises(UsageError, match="may take groups from nodes"):
            story.migration(client).apply(allow=[TO_BOTH])
        assert story.stage.shown.authentication_mode == "CONFIG_MAP"
        assert story.migration(client, f"loses={NODE}").apply(allow=[TO_BOTH]).changed


def test_undo_gives_no_rights_back_that_were_taken_since(story: MigrationStory) -> None:
    where = ["--cluster", story.stage.cluster.name, "--region", story.stage.cluster.aws.region]
    with story.entries.client() as client:
        migration = story.migration(client)
        migration.apply()
        story.entries.shown.entries.entries[story.arns["mytestrole"]].policies.clear()
        with pytest.raises(GuardError, match=r"gains: .*mytestrole") as refused:
            migration.undo()
        assert refused.value.hint.endswith(f"pass allow=['gains={ADMIN}'].")
    assert groups(story, "mytestrole") == {"auditors"}
    assert run("migrate", "undo", "--yes", *where).code == REFUSED
    assert run("migrate", "undo", "--yes", "--allow", f"gains={ADMIN}", *where).code == DONE
    assert story.names() == story.before


def test_undo_on_the_command_line_after_the_mappings_are_put_back(story: MigrationStory) -> None:
    where = ["--cluster", story.stage.cluster.name, "--region", story.stage.cluster.aws.region]
    with story.entries.client() as client:
        story.migration(client).apply()
        story.migration(client).finish()
    refused = run("migrate", "undo", "--yes", *where)
    assert (refused.code, "awsauth rollback" in refused.err) == (USAGE, True)
    assert run("rollback", "--yes", *where).code == DONE
    assert run("migrate", "undo", "--yes", *where).code == DONE
    assert story.stage.entries == []
    assert story.names() == story.before


def test_a_mapping_whose_entry_is_deleted_during_the_proofs_stays(
    story: MigrationStory, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = Migration.status

    def deleting(migration: Migration) -> MigrationPlan:
        proven = status(migration)
        story.entries.shown.entries.entries.pop(story.arns["ci"], None)
        return proven

    with story.entries.client() as client:
        migration = story.migration(client)
        migration.apply()
        monkeypatch.setattr(Migration, "status", deleting)
        finished = migration.finish()
        assert CI in {found.principal for found in finished.findings if found.code == "uncovered"}
    assert story.names() == story.before


def test_a_hidden_username_proves_nothing(story: MigrationStory) -> None:
    binding = f"{RBAC}/clusterrolebindings/system:basic-user"
    saved = story.stage.api.must("GET", binding)
    with story.entries.client() as client:
        migration = story.migration(client)
        migration.apply()
        assert any(item.proven for item in migration.status().items)
        story.stage.api.must("DELETE", binding)
        try:
            items = {item.mapped.principal: item for item in migration.status().items}
            assert not items[f"{ROLE}{SSO}"].proven
        finally:
            saved["metadata"] = {"name": saved["metadata"]["name"], "labels": saved["metadata"]["labels"]}
            story.stage.api.must("POST", f"{RBAC}/clusterrolebindings", saved)


def test_a_failed_proof_leaves_the_entry_of_another_writer(
    story: MigrationStory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(*_: Any) -> bool:
        story.entries.shown.entries.entries[story.arns["ci"]].groups = ("colleagues",)
        return False

    monkeypatch.setattr(Migration, "_has", changed)
    with story.entries.client() as client, pytest.raises(RevertedError, match="unless another writer changed it"):
        story.migration(client).apply()
    assert groups(story, "ci") == {"colleagues"}
