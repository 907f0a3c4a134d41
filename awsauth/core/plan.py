"""A plan: a list of changes, their object, and the expected diff.

It can be saved and applied later.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from awsauth.core.access.matching import can_match
from awsauth.core.access.node_mappings import is_node_mapping
from awsauth.core.diff import Diff, MappingDiff, diff
from awsauth.core.document.document import Document, mappings_of
from awsauth.core.document.model import KEYS, Key
from awsauth.core.edit import changes as c
from awsauth.core.edit.changes import Change, changes_from_json
from awsauth.core.edit.merge import MergeResult, merge_with_report
from awsauth.core.findings import Finding, counted, note, warning
from awsauth.core.guards.guards import raise_for_violations
from awsauth.core.serialization import JsonValue, from_json, json_text, sha256_of, unique_fields
from awsauth.core.text.display import NotebookValue, quoted, quoted_value, visible
from awsauth.errors import AwsAuthError, InvalidValueError, PlanError, PlanOutdatedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from awsauth.core.access.caller import AccessChange
    from awsauth.core.entries.merge import EntryDiff
    from awsauth.core.entries.model import AccessEntry
    from awsauth.core.yaml_input import Path, YamlInput


PLAN_VERSION: Final = 1  # the version of the saved form; another one is refused

_FORMAT: Final = "awsauth-plan"
_AGAIN: Final = "Make the plan again, and review it."


@dataclass(frozen=True, slots=True, repr=False)
class Plan(NotebookValue, JsonValue):
    """Changes to review before they are applied.

    A plan does not hold what guards allow: pass that to `apply`.

    Attributes:
        uid: The uid of the ConfigMap that it is for; empty for a file.
        digest: The digest of the data that it was made for.
        changes: The changes.
        diff: The expected difference; another one is refused.
        findings: The findings of the changes, refusals of guards included.
    """

    uid: str
    digest: str
    changes: tuple[c.Change, ...]
    diff: Diff
    findings: tuple[Finding, ...] = ()

    @classmethod
    def of(
        cls, result: MergeResult, changes: Iterable[c.Change], *, uid: str = "", findings: Iterable[Finding] = ()
    ) -> Plan:
        """Return the plan of `changes`, whose merge is `result`.

        `findings` go behind those of the merge.
        """
        found = (*result.findings, *findings)
        return cls(uid, document_digest(result.before), tuple(changes), diff(result.before, result.after), found)

    @classmethod
    def of_entries(
        cls, entries: tuple[EntryDiff, ...], changes: Iterable[c.Change], *, uid: str, findings: Iterable[Finding] = ()
    ) -> Plan:
        """Return the plan of changes of access entries.

        Args:
            entries: The entries that `changes` alter.
            changes: The changes.
            uid: The ARN of the cluster.
            findings: The findings of the guards.
        """
        before = [entry.before.to_json() if entry.before else entry.principal_arn for entry in entries]
        return cls(uid, _checksum({"entries": before}), tuple(changes), Diff((), {}, entries=entries), tuple(findings))

    @property
    def _title(self) -> str:
        return f"{self.diff.summary}, {counted(self.findings)}"

    def __str__(self) -> str:
        known = f"the {'access entries of' if self.diff.entries else 'object with uid'} {visible(self.uid)}"
        made_for = known if self.uid else "an object without uid"
        parts = [f"Plan for {made_for}, {self.digest}", str(self.diff) if self.diff else "No change."]
        return "\n".join([*parts, *(finding.line for finding in self.findings)])

    def raise_for_violations(self, allow: Iterable[str] = ()) -> None:
        """Raise the error that applying the plan would raise for refusals of guards.

        Args:
            allow: The guards that may not stop it: names, or name and principal (``node-mapping=arn:…``).

        Raises:
            GuardError: a guard refuses the plan; the error has all reasons, and how to allow them.
            UsageError: `allow` names no guard.
        """
        raise_for_violations(self.findings, allow)

    def require_same_object(self, uid: str) -> None:
        """Check that the plan is for the object with this uid.

        Raises:
            PlanOutdatedError: it is for another one.
        """
        if uid != self.uid:
            hint = "Apply it to its own object, or make a new plan and review it."
            raise PlanOutdatedError(f"The plan is for {_object(self.uid)}, and this is {_object(uid)}.", hint=hint)

    def merge_into(self, document: Document) -> MergeResult:
        """Merge the changes into the present document, and compare with the plan.

        The same mappings have to change in the same way. A text that is replaced as a whole has to change in the same
        lines. So no comment is lost. If all changes are made already, nothing changes.

        Raises:
            PlanOutdatedError: the outcome differs from the plan.
            MappingConflictError: a principal has another mapping by now.
            EditError: the text cannot be edited any more.
            InvalidValueError: the principal to remove is not an ARN, and is not mapped any more.
        """
        result = merge_with_report(document, self.changes)
        outcome = diff(result.before, result.after)
        if not outcome and _is_done(document, self.diff):
            return result
        replaced = [change.key for change in self.changes if isinstance(change, (c.ReplaceText, c.Repair))]
        same_texts = all(outcome.texts.get(key) == self.diff.texts.get(key) for key in replaced)
        if _approved_part(outcome) != _approved_part(self.diff) or not same_texts:
            raise _other_outcome(self.diff, outcome, replaced)
        return result

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        values = {"format": _FORMAT, "version": PLAN_VERSION, **JsonValue.to_json(self)}
        return {**values, "checksum": _checksum(values)}

    @classmethod
    def from_json(cls, values: Any) -> Plan:
        """Return the plan of `to_json`.

        The checksum finds accidental edits and cuts. It is not a signature.

        Raises:
            PlanError: the values are not a plan, or one of another version, or were edited.
        """
        if not isinstance(values, dict) or values.get("format") != _FORMAT:
            raise PlanError(f'This is not a plan: a plan is JSON with "format": "{_FORMAT}".', hint=_AGAIN)
        if (version := values.get("version")) != PLAN_VERSION:
            found = f"The plan has version {quoted(str(version))} of the format"
            hint = "Apply it with the version of awsauth that made it, or make it again."
            raise PlanError(f"{found}; this awsauth reads version {PLAN_VERSION}.", hint=hint)
        content = {key: value for key, value in values.items() if key != "checksum"}
        try:
            plan = cls._loaded(content) if values.get("checksum") == _checksum(content) else None
        except (KeyError, TypeError, ValueError, RecursionError, AwsAuthError) as error:
            raise PlanError(f"The plan cannot be read: {_problem(error)}.", hint=_AGAIN) from error
        if plan is None:
            raise PlanError("The plan was edited after it was saved: its checksum does not match.", hint=_AGAIN)
        return plan

    @classmethod
    def _loaded(cls, values: dict[str, Any]) -> Plan:
        from awsauth.core.access.caller import AccessChange
        from awsauth.core.entries.merge import EntryDiff

        found = Diff(
            from_json(tuple[MappingDiff, ...], values["diff"]["mappings"]),
            from_json(dict[str, str], values["diff"]["texts"]),
            from_json(tuple[AccessChange, ...], values["diff"]["effects"]),
            entries=from_json(tuple[EntryDiff, ...], values["diff"].get("entries", [])),
        )
        findings = from_json(tuple[Finding, ...], values["findings"])
        uid, made_for = from_json(str, values["uid"]), from_json(str, values["digest"])
        return cls(uid, made_for, changes_from_json(values["changes"]), found, findings)

    def to_text(self) -> str:
        """Return the plan as the text of a file: JSON, in ASCII."""
        return json_text(self)

    @classmethod
    def from_text(cls, text: str | bytes) -> Plan:
        """Return the plan of `to_text`.

        Raises:
            PlanError: as for `from_json`.
        """
        try:
            values = json.loads(text)
        except (TypeError, ValueError, RecursionError) as error:
            raise PlanError(f"This is not a plan: it is not JSON ({visible(str(error))}).", hint=_AGAIN) from error
        return cls.from_json(values)


def changes_to(wanted: Document, live: Document, *, keep_nodes: bool) -> tuple[list[Change], tuple[Finding, ...]]:
    """Return the changes that give `live` the texts of `wanted`, and warnings.

    There is a note for each differing data key that the authenticator ignores.

    Args:
        wanted: The wanted data.
        live: The present data.
        keep_nodes: Whether to add the node mappings that only `live` has. What no change can add is left out with a warning.
    """
    texts = [(key, wanted.data.get(key)) for key in KEYS]
    changes: list[Change] = [c.ReplaceText(key=key, text=text) for key, text in texts if text != live.data.get(key)]
    kept = mappings_of(wanted, "mapRoles") or {}
    findings = []
    for identity, entries in (mappings_of(live, "mapRoles") or {}).items() if keep_nodes else ():
        mapped = entries[-1]
        if identity in kept or not is_node_mapping(mapped) or not can_match(mapped.principal):
            continue
        try:
            changes.append(c.EnsureRole(role_arn=mapped.principal, username=mapped.username, groups=mapped.groups))
        except InvalidValueError as error:
            message = f"The node mapping of {quoted(mapped.principal, 200)} is not kept: {error.message}"
            impact = "Nodes with this role become NotReady, and no new one can join."
            hint = "Write the mapping into the wanted manifest."
            findings.append(warning("node-not-kept", message, impact, hint, principal=mapped.principal))
    for name in sorted({*wanted.data, *live.data} - {*KEYS}):
        if wanted.data.get(name) != live.data.get(name):
            message = f"The data key `{visible(name)}` differs, and it stays as it is."
            findings.append(note("other-data-key", message, "The authenticator does not read it."))
    return changes, tuple(findings)


def require_same_outcome(approved: Diff, result: MergeResult) -> None:
    """Check that a rollback changes exactly the approved lines.

    Raises:
        PlanOutdatedError: it changes others.
    """
    outcome = diff(result.before, result.after)
    if (_approved_part(outcome), dict(outcome.texts)) != (_approved_part(approved), dict(approved.texts)):
        raise _other_outcome(approved, outcome, list(KEYS))


def require_same_entries(approved: Diff, outcome: tuple[EntryDiff, ...], entries: Iterable[AccessEntry]) -> None:
    """Check that a change makes the approved access entries, and no others.

    Those that are right already, and those that an interrupted change left, may be so.

    Args:
        approved: The diff that was approved.
        outcome: The entries that differ now.
        entries: The present entries.

    Raises:
        PlanOutdatedError: it makes others, or an entry is neither as before nor as an interrupted change leaves it.
    """
    from awsauth.core.entries.merge import is_on_the_way
    from awsauth.core.entries.model import unbridged

    present = {entry.principal_arn: entry for entry in entries}
    wanted = {one.principal_arn: unbridged(one.after) for one in approved.entries}
    made = {arn: unbridged(present.get(arn)) for arn in wanted}
    made |= {one.principal_arn: unbridged(one.after) for one in outcome}
    if made != wanted or not all(is_on_the_way(one, present.get(one.principal_arn)) for one in approved.entries):
        raise _other_outcome(approved, Diff((), {}, entries=outcome), [])


def _approved_part(found: Diff) -> tuple[tuple[MappingDiff, ...], tuple[AccessChange, ...]]:
    """Return the approved part of a diff: the mappings, and the effects."""
    return found.mappings, found.effects


def document_digest(document: Document) -> str:
    """Return the digest of a document's data: ``sha256:`` and 64 hexadecimal digits."""
    return _checksum(dict(document.data))


def _checksum(values: dict[str, Any]) -> str:
    return f"sha256:{sha256_of(values)}"


def _object(uid: str) -> str:
    return f"the object with uid {quoted(uid)}" if uid else "an object without uid (a file, or not created yet)"


def _is_done(document: Document, planned: Diff) -> bool:
    """Whether a document has the planned mappings already."""
    for mapping in planned.mappings:
        concerned = {mapped.identity for mapped in (*mapping.before, *mapping.after)}
        now = [mapped for mapped in document.reading(mapping.key).mapped if mapped.identity in concerned]
        if tuple(now) != mapping.after:
            return False
    return True


def _other_outcome(planned: Diff, outcome: Diff, replaced: list[Key]) -> PlanOutdatedError:
    def shown(found: Diff) -> str:
        texts: dict[str, str] = {key: found.texts[key] for key in replaced if key in found.texts}
        return str(replace(found, texts=texts)) or "No change."

    changed = "The access entries have" if planned.entries else "The object has"
    message = f"{changed} changed since the plan was made, and the plan would have another effect now."
    return PlanOutdatedError(f"{message}\nPlanned:\n{shown(planned)}\nNow:\n{shown(outcome)}", hint=_AGAIN)


def _problem(error: Exception) -> str:
    if isinstance(error, AwsAuthError):
        return error.message.removesuffix(".")  # the hint is for changes that are written by hand
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return ": ".join(filter(None, [visible(".".join(map(str, first["loc"]))), visible(first["msg"])]))
    return visible(str(error))


_HINT: Final = 'Give a file with a saved plan, or with changes such as [{"change": "EnsureAccount", "account": "…"}].'


def load_plan_or_changes(text: str | bytes) -> Plan | tuple[Change, ...]:
    """Return a plan of `Plan.to_text`, or the changes of a JSON or YAML list.

    A list is ``[{"change": "RemoveRole", "role_arn": …}]``; a single change needs no list. In YAML, unquoted numbers
    are text, and aliases and tags are refused. YAML may have 256 KiB, JSON more. Bytes of YAML are UTF-8.

    Raises:
        PlanError: it is neither, or a plan that was edited.
        UsageError, InvalidValueError: a change is wrong; `location` names the change and its place.
    """
    if not isinstance(text, (str, bytes)):
        raise PlanError(f"{quoted_value(text, 60)} is not a text.", hint=_HINT)
    try:
        values, is_json = json.loads(text, object_pairs_hook=unique_fields), True
    except (ValueError, RecursionError) as error:
        values, is_json = _parsed(text, f" As JSON: {visible(str(error))}.").value, False
    if isinstance(values, dict) and "format" in values and is_json:
        return Plan.from_json(values)
    is_single = isinstance(values, dict) and "change" in values
    if not is_single and not isinstance(values, list):
        raise _neither(values)
    listed = [values] if is_single else values
    try:
        return changes_from_json(listed)
    except AwsAuthError:
        # Once more, with the places of the values.
        prefix: Path = (0,) if is_single else ()
        return changes_from_json(listed, {(*prefix, *path): place for path, place in _locations(text).items()})


def _neither(values: object) -> PlanError:
    """Return the error for other values, with hints for well-known tools' files."""
    named = values if isinstance(values, dict) else {}
    what, hint = "This", _HINT
    if named.get("kind") == "ConfigMap":
        what = "The manifest of a ConfigMap"
        hint = 'Plan it with `awsauth plan FILE`, in Python client.plan(awsauth.connect(file="aws-auth.yaml").read()).'
    elif "iamIdentityMappings" in named:
        what = "A configuration of eksctl"
        example = '[{"change": "EnsureRole", "role_arn": "…", "username": "…", "groups": ["…"]}]'
        hint = f"Make a change of each item of `iamIdentityMappings`: {example}; for users EnsureUser with user_arn."
    return PlanError(f"{what} is neither a plan nor a list of changes.", hint=hint)


def _parsed(text: str | bytes, as_json: str = "") -> YamlInput:
    from awsauth.core.yaml_input import LARGEST_INPUT, YamlInputError, parse_input

    try:
        return parse_input(text.decode("utf-8-sig") if isinstance(text, bytes) else text)
    except (YamlInputError, UnicodeDecodeError) as error:
        problem, location = error.args if isinstance(error, YamlInputError) else ("is not text in UTF-8", "")
        message = f"This is neither a plan nor a list of changes: it {problem}.{as_json * (len(text) > LARGEST_INPUT)}"
        raise PlanError(message, location=location, hint=_HINT) from error


def _locations(text: str | bytes) -> Mapping[Path, str]:
    """Return the places of a text's values.

    A text that is too large to be written by hand has none.
    """
    try:
        return _parsed(text).locations
    except PlanError:
        return {}
