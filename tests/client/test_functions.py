"""The one-call function does the original story, and refuses calls that make no sense before it looks at anything."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path
from typing import Any

import pytest

import awsauth
from tests.support.paths import PROJECT

ROLE = "arn:aws:iam::968802670493:role/mytestrole"
NODE = "arn:aws:iam::968802670493:role/eksctl-k8s-cluster-nodegroup-ng-1-NodeInstanceRole-1FI6JXPS9MDWK"


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return Path(shutil.copy(PROJECT / "examples" / "aws-auth.yaml", tmp_path))


def test_the_original_story(manifest: Path) -> None:
    """The role is added beside the node role, whose bytes stay, and a second run changes nothing."""
    before = manifest.read_text(encoding="utf-8")
    result = awsauth.add_role_mapping(ROLE, username="admin", groups=["system:masters"], file=manifest)
    after = manifest.read_text(encoding="utf-8")
    assert result.changed
    node, admin = result.document.roles
    assert node == awsauth.RoleMapping(
        role_arn=NODE, username="system:node:{{EC2PrivateDNSName}}", groups=("system:bootstrappers", "system:nodes")
    )
    assert admin == awsauth.RoleMapping(role_arn=ROLE, username="admin", groups=("system:masters",))
    added = f"    - groups:\n      - system:masters\n      rolearn: {ROLE}\n      username: admin\n"
    assert after == before.replace("  mapUsers:", f"{added}  mapUsers:")
    again = awsauth.add_role_mapping(ROLE, username="admin", groups=["system:masters"], file=manifest)
    assert not again.changed
    assert not again.diff
    assert manifest.read_text(encoding="utf-8") == after


def test_quickstart_tells_the_story(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(PROJECT / "examples" / "quickstart.py"), run_name="__main__")
    told = capsys.readouterr().out
    assert f"+ role {ROLE}: username admin, group system:masters" in told
    assert "Every line that was there still is: True" in told
    assert "A second run changes something: False" in told
    assert "node-mapping" in told
    assert "let our tooling account in  <- live" in told
    assert "the file is as it was: True" in told


@pytest.mark.parametrize(
    "arguments",
    [
        {"file": ""},
        {"client": awsauth.AwsAuthClient.in_memory()},
        {"file": " "},
        {"file": None},
        {"groups": "system:masters"},
        {"groups": b"x"},
        {"groups": [1]},
        {"username": None},
        {"if_mapped": "sometimes"},
    ],
)
def test_a_call_without_sense_is_refused(manifest: Path, arguments: dict[str, Any]) -> None:
    before = manifest.read_bytes()
    with pytest.raises(awsauth.UsageError) as caught:
        awsauth.add_role_mapping(ROLE, **{"username": "admin", "file": manifest, **arguments})
    assert isinstance(caught.value, TypeError)
    assert caught.value.hint
    assert manifest.read_bytes() == before


def test_extra_groups_are_told(manifest: Path) -> None:
    awsauth.add_role_mapping(ROLE, username="ci", groups=["builders", "testers"], file=manifest)
    result = awsauth.add_role_mapping(ROLE, username="ci", groups=["testers"], file=manifest)
    assert not result.changed
    assert result.extra_groups == {ROLE: ("builders",)}
    assert result.findings[0].code == "extra-groups"


def test_a_demotion_that_would_do_nothing_fails(manifest: Path) -> None:
    awsauth.add_role_mapping(ROLE, username="admin", groups=["system:masters"], file=manifest)
    before = manifest.read_bytes()
    with pytest.raises(awsauth.MappingConflictError, match="replace"):
        awsauth.add_role_mapping(ROLE, username="admin", groups=["viewers"], file=manifest)
    assert manifest.read_bytes() == before
