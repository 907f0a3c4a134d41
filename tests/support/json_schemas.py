"""The JSON Schemas in ``awsauth/schemas``, made from the types; and outputs held to them."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import MISSING, fields
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal

from jsonschema import Draft202012Validator
from pydantic import TypeAdapter
from typing_extensions import NotRequired, TypedDict

from awsauth.aws.identity import Identity
from awsauth.cli.errors import CheckedFinding, ErrorReport
from awsauth.cli.invocation import VERSION
from awsauth.core import plan
from awsauth.core.desired.acts import SyncReport
from awsauth.core.desired.fragment import Fragment, WantedEntry, WantedRole, WantedSsoRole, WantedUser
from awsauth.core.diff import Diff
from awsauth.core.edit.changes import KINDS, Change
from awsauth.core.entries.merge import EntryRevision
from awsauth.core.entries.model import AccessView
from awsauth.core.explain.explanation import Explanation
from awsauth.core.findings import Finding
from awsauth.core.lint.lint import MappingRow
from awsauth.core.lint.policy import Policy
from awsauth.core.migration.plan import MigrationPlan
from awsauth.core.plan import Plan
from awsauth.core.report.rows import AccessReport
from awsauth.core.report.who_can import Grants
from awsauth.core.revisions.restore import Restoration
from awsauth.health.report import HealthReport
from awsauth.history.log import LogEntry
from awsauth.recovery.plan import Recovery
from tests.support.paths import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER: Final = PROJECT / "awsauth" / "schemas"

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_ATTRIBUTE: Final = re.compile(r"^    (\w+): (.+(?:\n        .+)*)", re.MULTILINE)
_dict: Final[Any] = TypedDict
_CHANGE: Final[dict[str, Any]] = {
    "changed": bool,
    "applied": bool,
    "diff": Diff,
    "findings": tuple[Finding, ...],
    "extra_groups": dict[str, tuple[str, ...]],
    "revision": int | None,
    "restoration": Restoration | None,
    "sync": SyncReport | None,
    "dry_run": Literal["client", "server"] | None,
}
_FIXED: Final = {"fixed": NotRequired[_dict("fixed", _CHANGE)]}
_ADDED: Final = ("role", "user", "account", "node", "sso")
_REMOVED: Final = ("role", "user", "account", "group", "username")
_CHANGING: Final = (
    *(f"add {kind}" for kind in _ADDED),
    *(f"remove {kind}" for kind in _REMOVED),
    *("rename", "apply", "edit", "rollback", "sync"),
    *(f"entry {verb}" for verb in ("add", "set", "policy", "remove", "rollback")),
    *(f"migrate {verb}" for verb in ("apply", "finish", "undo")),
)

OUTPUTS: Final[dict[str, dict[str, Any]]] = {
    "get": {"mappings": tuple[MappingRow, ...], "problems": int, "access": AccessView | None},
    "check": {"findings": tuple[CheckedFinding, ...], **_FIXED},
    "fmt": {"changed": bool, "reasons": tuple[str, ...], **_FIXED},
    "report": {"report": AccessReport},
    "explain": {"explanation": Explanation},
    "who-can": {"group": NotRequired[Grants], "username": NotRequired[Grants], "right": NotRequired[Grants]},
    "plan": {"changed": bool, "plan": Plan},
    "history": {"revisions": tuple[LogEntry, ...], "findings": tuple[Finding, ...], "is_recorded": bool},
    "show": {"is_intact": bool, "revision": dict[str, Any]},
    "diff": {"changed": bool, "diff": Diff, "findings": tuple[Finding, ...]},
    "snapshot": {"recorded": bool, "revision": int | None},
    "prune": {"revisions": tuple[int, ...], "deleted": bool},
    "whoami": {"identity": Identity},
    "health": {"health": HealthReport},
    "recover": {"recovery": Recovery},
    **{key: {"migration": MigrationPlan} for key in ("migrate plan", "migrate status")},
    "entry history": {"revisions": tuple[EntryRevision, ...]},
    **dict.fromkeys(_CHANGING, _CHANGE),
}
"""By command, the members of its ``-o json``."""


@cache
def _validator(name: str) -> Draft202012Validator:
    schema = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return Draft202012Validator(_closed(schema) if name not in ("policy.json", "fragment.json") else schema)


def check_json(name: str, values: Any) -> None:
    """Hold values to a schema of the package, and to having no member that it does not name."""
    problem = next(iter(sorted(_validator(name).iter_errors(values), key=lambda one: -len(one.absolute_path))), None)
    assert problem is None, f"{name}: {problem.json_path}: {problem.message[:2000]}"


def check_output(text: str) -> None:
    """Hold what a command printed with ``-o json`` to the schema of outputs."""
    values = json.loads(text)
    output: Any = _validator("output.json")
    name = "error" if "error" in values else values["command"].replace(" ", "_")
    one = output.evolve(schema={"$ref": f"#/$defs/{name}", "$defs": output.schema["$defs"]})
    problems = [f"{problem.json_path}: {problem.message[:500]}" for problem in one.iter_errors(values)]
    assert problems == []


def _closed(schema: Any) -> Any:
    """Return a schema that refuses members that it does not name."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    is_object = isinstance(schema.get("properties"), dict) and schema.get("type") == "object"
    return {"additionalProperties": False, **closed} if is_object else closed


def _output() -> dict[str, Any]:
    shown = {"version": Literal[VERSION], "target": _dict("Target", {"name": str, "as": str | None})}
    kinds: dict[str, Any] = {
        command: _dict(command, {**shown, "command": Literal[command], **members})
        for command, members in OUTPUTS.items()
    }
    kinds["error"] = _dict("error", {**shown, "command": str, "error": ErrorReport, **_FIXED})
    made, shared = TypeAdapter.json_schemas([(kind, "serialization", TypeAdapter(kinds[kind])) for kind in kinds])
    return {
        "$schema": _DIALECT,
        "title": "What awsauth prints with -o json",
        "oneOf": [made[kind, "serialization"] for kind in kinds],
        "$defs": _whole(shared["$defs"]),
    }


def _plan() -> dict[str, Any]:
    made, shared = TypeAdapter.json_schemas([(Plan, "serialization", TypeAdapter(Plan))])
    return {"$schema": _DIALECT, **made[Plan, "serialization"], "$defs": _whole(shared["$defs"])}


def _changes() -> dict[str, Any]:
    """Return the schema of what people write: fields with a default may be left out, and others may not be there."""
    schema = TypeAdapter(Change).json_schema(mode="validation")
    for name, kind in KINDS.items():
        needed = ["change", *(one.name for one in fields(kind) if one.default is MISSING)]
        schema["$defs"][name] |= {"required": needed, "additionalProperties": False}
    one = {"anyOf": schema["anyOf"]}
    return {
        "$schema": _DIALECT,
        "title": "Changes, in YAML or JSON",
        "anyOf": [*schema["anyOf"], {"type": "array", "items": one}],
        "$defs": {name: {**one, **_texts_of(one, KINDS.get(name))} for name, one in schema["$defs"].items()},
    }


def _policy() -> dict[str, Any]:
    """Return the schema of a policy. In a file a field is left out, and never null."""
    schema = Policy.model_json_schema()
    for member in schema["properties"].values():
        member.pop("default", None)
        member.update(member.pop("anyOf", [{}])[0])
    return {"$schema": _DIALECT, **schema} | _texts_of(schema, Policy)


def _fragment() -> dict[str, Any]:
    schema = Fragment.model_json_schema()
    kinds = {kind.__name__: kind for kind in (WantedEntry, WantedRole, WantedSsoRole, WantedUser)}
    described = {name: {**one, **_texts_of(one, kinds[name])} for name, one in schema["$defs"].items()}
    return {"$schema": _DIALECT, **schema, **_texts_of(schema, Fragment), "$defs": described}


def _whole(definitions: dict[str, Any]) -> dict[str, Any]:
    """Return definitions in which a plan has its envelope."""
    if saved := definitions.get("Plan"):
        envelope = {
            "format": {"const": plan._FORMAT},
            "version": {"const": plan.PLAN_VERSION},
            "checksum": {"type": "string"},
        }
        saved["properties"] = {**envelope, **saved["properties"]}
        saved["required"] = [*saved["properties"]]
    return definitions


def _texts_of(schema: dict[str, Any], kind: Any) -> dict[str, Any]:
    """Return, for what people write, the description of an object, and those of its members, from the docstring of its class."""
    documented = inspect.getdoc(kind) or ""
    attributes = dict(_ATTRIBUTE.findall(documented.partition("Attributes:\n")[2]))
    members = {
        name: {**member, **({"description": " ".join(attributes[name].split())} if name in attributes else {})}
        for name, member in schema.get("properties", {}).items()
    }
    summary = " ".join(documented.partition("\n\n")[0].split())
    return {**({"description": summary} if summary else {}), **({"properties": members} if members else {})}


SCHEMAS: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "output.json": _output,
    "plan.json": _plan,
    "changes.json": _changes,
    "policy.json": _policy,
    "fragment.json": _fragment,
}
"""By the name of its file, what makes a schema."""
