"""Lines and columns are those of the manifest file: in findings, errors and JSON, of whatever a change is refused for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest

import awsauth
from tests.support.command_line import run

if TYPE_CHECKING:
    from pathlib import Path

    from awsauth.core.findings import Location

ROLE: Final = "arn:aws:iam::111122223333:role"
MANIFEST: Final = f"""\
# aws-auth of the try-out cluster
apiVersion: v1
kind: ConfigMap
metadata:
  name: aws-auth
  namespace: kube-system
data:
  mapRoles: |
    - rolearn: {ROLE}/ci
      username: ci
      groups: [view]
    - rolearn: {ROLE}/admin
      username: admin
      groups: &all [system:masters]
"""


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "aws-auth.yaml"
    path.write_text(MANIFEST)
    return path


def text_at(place: Location | None, text: str) -> str:
    assert place
    return text.splitlines()[place.line - 1][place.column - 1 :]


@pytest.mark.parametrize("name", ["ci", "release"])
def test_what_a_guard_refuses_has_the_line_that_it_has_in_the_file(manifest: Path, name: str) -> None:
    """Also where an entry would come behind the last one."""
    change = awsauth.EnsureRole(role_arn=f"{ROLE}/{name}", username=name, groups=["view", "auditors"])
    copy = manifest.with_name("copy.yaml")
    copy.write_text(MANIFEST)
    awsauth.AwsAuthClient.from_file(copy).apply([change])
    policy = awsauth.Policy(forbidden_groups=["auditors"])
    with pytest.raises(awsauth.GuardError) as refused:
        awsauth.AwsAuthClient.from_file(manifest, policy=policy).apply([change])
    assert text_at(refused.value.findings[0].location, copy.read_text()).startswith("auditors")


def test_what_a_changed_text_would_be_found_to_have_has_the_line_of_the_file(manifest: Path) -> None:
    text = MANIFEST.replace("username: ci", "username: yes")
    client = awsauth.AwsAuthClient.from_file(manifest)
    wrong = client.read().data["mapRoles"].replace("username: ci", "username: yes")
    plan = client.plan([awsauth.ReplaceText(key="mapRoles", text=wrong)])
    places = [finding.location for finding in plan.findings if finding.location]
    assert [text_at(place, text).startswith(("yes", "username: yes")) for place in places] == [True] * len(places)
    assert len(places) > 1
    with pytest.raises(awsauth.GuardError) as refused:
        client.apply(plan)
    assert text_at(refused.value.findings[0].location, text).startswith("yes")


def test_an_entry_that_cannot_be_edited_is_named_by_its_line_in_the_file(manifest: Path) -> None:
    with pytest.raises(awsauth.EditError) as refused:
        awsauth.add_role_mapping(f"{ROLE}/admin", username="admin", groups=["system:masters", "x"], file=manifest)
    line = next(number for number, line in enumerate(MANIFEST.splitlines(), 1) if "&all" in line)
    assert refused.value.location.startswith(f"mapRoles line {line}, column ")
    assert text_at(refused.value.place, MANIFEST).startswith(("groups", "&all", "[system:masters"))


def test_the_command_line_and_its_json_say_the_same(manifest: Path) -> None:
    manifest.with_name("policy.yaml").write_text("forbidden_groups: [auditors]\n")
    policy = ["--policy", str(manifest.with_name("policy.yaml")), "--file", str(manifest), "-o", "json", "--yes"]
    done = run("add", "role", f"{ROLE}/ci", "--group", "auditors", *policy)
    [finding] = json.loads(done.out)["error"]["findings"]
    assert finding["location"]["line"] == 1 + MANIFEST.splitlines().index("      groups: [view]")
    done = run("add", "role", f"{ROLE}/admin", "--group", "x", "--group", "system:masters", *policy[2:])
    line = 1 + MANIFEST.splitlines().index("      groups: &all [system:masters]")
    assert json.loads(done.out)["error"]["location"].startswith(f"{manifest}:{line}:")


def test_without_a_file_places_are_those_of_the_text() -> None:
    client = awsauth.AwsAuthClient.in_memory({"mapRoles": f"- rolearn: {ROLE}/a\n  username: a\n  groups: &x [v]\n"})
    with pytest.raises(awsauth.EditError, match="mapRoles line 3, column"):
        client.add_role_mapping(f"{ROLE}/a", username="a", groups=["v", "w"])
