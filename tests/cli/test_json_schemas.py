"""The JSON Schemas of the package are those of the types, and what is printed and saved fits them.

``AWSAUTH_REGENERATE=1 pytest tests/cli/test_json_schemas.py`` writes them anew.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from awsauth.cli.app import program
from awsauth.client import AwsAuthClient
from awsauth.core.edit.changes import Deduplicate, EnsureRole, Repair, ReplaceText
from tests.support.command_line import ADD, NODE, ROLE, manifest_in, run
from tests.support.json_schemas import FOLDER, OUTPUTS, SCHEMAS, check_json, check_output
from tests.support.paths import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    import click


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_that_of_the_types(name: str) -> None:
    made = SCHEMAS[name]()
    Draft202012Validator.check_schema(made)
    path = FOLDER / name
    if os.environ.get("AWSAUTH_REGENERATE"):
        path.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    written = json.loads(path.read_text(encoding="utf-8"))
    assert without_words(written) == without_words(made), f"AWSAUTH_REGENERATE=1 pytest writes {name} anew"


def without_words(schema: Any) -> Any:
    """Return a schema without its descriptions, which may be worded better at any time."""
    if isinstance(schema, list):
        return [without_words(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: without_words(value) for key, value in schema.items() if key != "description" or isinstance(value, dict)
    }


def test_the_package_holds_no_other_schemas() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(SCHEMAS)


def commands(group: click.Group, *before: str) -> list[str]:
    import click

    context = click.Context(group)
    found: list[str] = []
    for name in group.list_commands(context):
        one = group.get_command(context, name)
        found += commands(one, *before, name) if isinstance(one, click.Group) else [" ".join([*before, name])]
    return found


def test_every_command_has_a_schema_of_its_output() -> None:
    assert set(OUTPUTS) == set(commands(program)) - {"completion", "export", "import", "init"}


@pytest.mark.parametrize(
    "args",
    [
        ["get"],
        ["check"],
        ["check", "--fix", "--yes"],
        ["fmt", "--check"],
        ["fmt", "--yes"],
        ["explain", NODE],
        ["explain", ROLE],
        ["who-can", "system:nodes"],
        [*ADD, "--dry-run"],
        [*ADD, "--yes"],
        ["remove", "role", NODE, "--yes"],
        ["remove", "role", NODE, "--yes", "--allow", "node-mapping", "--allow", "last-admin"],
        ["rename", NODE, ROLE, "--dry-run"],
        ["plan", str(PROJECT / "examples" / "changes.json")],
        ["history"],
        ["show", "1"],
        ["diff", "1"],
        ["rollback", "1", "--yes"],
        ["snapshot"],
        ["prune"],
        ["get", "--context", "none"],
    ],
    ids=" ".join,
)
def test_an_output_fits_its_schema(tmp_path: Path, args: list[str]) -> None:
    file = str(manifest_in(tmp_path))
    run("add", "account", "111122223333", "--file", file, "--yes")
    done = run(*args, "--file", file, "-o", "json")
    check_output(done.out)


def test_a_plan_fits_its_schema() -> None:
    data = {"mapRoles": f"- rolearn: {ROLE}\n  username: a\n- rolearn: {ROLE}\n  username: b\n"}
    made = AwsAuthClient.in_memory(data).plan([Deduplicate(), EnsureRole(role_arn=NODE, username="{{SessionName}}")])
    check_json("plan.json", made.to_json())
    with pytest.raises(AssertionError, match="digest"):
        check_json("plan.json", made.to_json() | {"digest": 1})


CHANGES: list[Any] = [
    [],
    {"change": "EnsureAccount", "account": "111122223333"},
    [{"change": "EnsureRole", "role_arn": ROLE, "username": "x"}, {"change": "Deduplicate"}],
    [one.to_json() for one in (ReplaceText(key="mapRoles", text=None), Repair(key="mapUsers"))],
    json.loads((PROJECT / "examples" / "changes.json").read_text(encoding="utf-8")),
]


@pytest.mark.parametrize("changes", CHANGES)
def test_changes_fit_their_schema(changes: Any) -> None:
    check_json("changes.json", changes)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("changes.json", [{"change": "EnsureRole", "role_arn": ROLE}]),
        ("changes.json", [{"change": "RemoveRole", "role_arn": ROLE, "username": "x"}]),
        ("changes.json", {"change": "EnsureRol", "role_arn": ROLE}),
        ("policy.json", {"acounts": []}),
        ("policy.json", {"accounts": None}),
        ("policy.json", {"forbidden_groups": "x"}),
    ],
)
def test_what_the_library_refuses_does_not_fit(name: str, values: Any) -> None:
    with pytest.raises(AssertionError):
        check_json(name, values)


def test_the_example_of_a_policy_fits() -> None:
    check_json("policy.json", yaml.safe_load((PROJECT / "examples" / "policy.yaml").read_text(encoding="utf-8")))
