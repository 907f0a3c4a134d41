"""A plan: what is to be done, to which object, and what must come of it. It can be saved, and applied later, elsewhere."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from awsauth.boundary import public
from awsauth.core.diff import Diff, MappingDiff, diff
from awsauth.core.document.model import KEYS
from awsauth.core.edit import changes as c
from awsauth.core.edit.changes import changes_from_json
from awsauth.core.edit.merge import MergeResult, merge_with_report
from awsauth.core.findings import Finding, counted
from awsauth.core.guards.guards import raise_for_violations
from awsauth.core.serialization import JsonValue, from_json, json_text, sha256_of
from awsauth.core.text.display import NotebookValue, quoted, quoted_value, visible
from awsauth.errors import AwsAuthError, PlanError, PlanOutdatedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from awsauth.core.access.access_changes import AccessChange
    from awsauth.core.document.document import Document
    from awsauth.core.document.model import Key
    from awsauth.core.edit.changes import Change
    from awsauth.core.yaml_input import Path, YamlInput


VERSION: Final = 1
"""Of the saved form. A reader refuses every other one."""


_FORMAT: Final = "awsauth-plan"


_AGAIN: Final = "Make the plan again, and look at what it does."


@dataclass(frozen=True, slots=True, repr=False)
@public
class Plan(NotebookValue, JsonValue):
    """Changes that were looked at before they are made.

    What the guards are to let pass is said when it is applied, and no part of it.

    Attributes:
        uid: The uid of the ConfigMap it was made for; empty for one that has none, such as a file.
        digest: The `digest` of the data it was made for.
        changes: What is to be done.
        diff: What comes of it, and may come of it when it is applied.
        findings: What there was to say about it, the guards' refusals included.
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
        """Return the plan to make `changes`, which give `result`; `findings` go behind those of the merge."""
        return cls(
            uid, digest(result.before), tuple(changes), diff(result.before, result.after), (*result.findings, *findings)
        )

    @property
    def _title(self) -> str:
        return f"{self.diff.summary}, {counted(self.findings)}"

    def __str__(self) -> str:
        made_for = f"the object with uid {visible(self.uid)}" if self.uid else "an object without uid"
        parts = [f"Plan for {made_for}, {self.digest}", str(self.diff) if self.diff else "No change."]
        parts += [finding.line for finding in self.findings]
        return "\n".join(parts)

    def raise_for_violations(self, allow: Iterable[str] = ()) -> None:
        """Raise what the guards have against it, as applying it would; `allow` as there.

        Raises:
            GuardError: the change is refused; it names every reason and how to allow it.
            UsageError: `allow` names no guard.
        """
        raise_for_violations(self.findings, allow)

    def require_same_object(self, uid: str) -> None:
        """Check that the plan was made for the object with this uid.

        Raises:
            PlanOutdatedError: it was made for another one.
        """
        if uid != self.uid:
            raise PlanOutdatedError(
                f"The plan was made for {_object(self.uid)}, and this is {_object(uid)}; nothing was changed.",
                hint="Apply it to the object it was made for, or make the plan again, and look at what it does.",
            )

    def merge_into(self, document: Document) -> MergeResult:
        """Make the changes in a document, which may have changed since, and check what comes of it.

        The outcome has to be what the plan shows: the same mappings change, in the same way. A text that is replaced
        as a whole has to change by the same lines too, so that nobody's comment is lost with it. Where everything is
        done already, nothing changes.

        Raises:
            PlanOutdatedError: something else would come of it.
            MappingConflictError: a principal is mapped by now, to something else than is asked for.
            EditError: the text cannot be edited any more.
            InvalidValueError: what is to be removed is no ARN, and by now nothing is mapped under it.
        """
        result = merge_with_report(document, self.changes)
        outcome = diff(result.before, result.after)
        if not outcome and _is_done(document, self.diff):
            return result
        replaced = [change.key for change in self.changes if isinstance(change, (c.ReplaceText, c.Repair))]
        same_texts = all(outcome.texts.get(key) == self.diff.texts.get(key) for key in replaced)
        if _looked_at(outcome) != _looked_at(self.diff) or not same_texts:
            raise _other_outcome(self.diff, outcome, replaced)
        return result

    def to_json(self) -> dict[str, Any]:
        """Return the plan as values that JSON can hold."""
        values = {"format": _FORMAT, "version": VERSION, **JsonValue.to_json(self)}
        return {**values, "checksum": _digest(values)}

    @classmethod
    def from_json(cls, values: Any) -> Plan:
        """Return the plan of `to_json`, from values that came out of JSON.

        The checksum finds what was edited or cut off by accident. It is no signature: who may write the file may plan.

        Raises:
            PlanError: this is no plan, one of another version, or not as it was saved.
        """
        if not isinstance(values, dict) or values.get("format") != _FORMAT:
            raise PlanError(
                f'This is no plan: a plan is JSON with "format": "{_FORMAT}"; nothing was changed.', hint=_AGAIN
            )
        version = values.get("version")
        if version != VERSION:
            raise PlanError(
                f"The plan has version {quoted(str(version))} of the format, and version {VERSION} can be read here; "
                "nothing was changed.",
                hint="Apply it with the version of this library that made it, or make it again.",
            )
        content = {key: value for key, value in values.items() if key != "checksum"}
        if values.get("checksum") != _checksum(content):
            raise PlanError(
                "The plan is not as it was saved: its checksum is another; nothing was changed.", hint=_AGAIN
            )
        return cls._loaded(content)

    @classmethod
    def _loaded(cls, values: dict[str, Any]) -> Plan:
        from awsauth.core.access.access_changes import AccessChange

        try:
            found = Diff(
                from_json(tuple[MappingDiff, ...], values["diff"]["mappings"]),
                from_json(dict[str, str], values["diff"]["texts"]),
                from_json(tuple[AccessChange, ...], values["diff"]["effects"]),
            )
            findings = from_json(tuple[Finding, ...], values["findings"])
            uid, made_for = _text(values["uid"]), _text(values["digest"])
            return cls(uid, made_for, changes_from_json(values["changes"]), found, findings)
        except (KeyError, TypeError, ValueError, AwsAuthError) as error:
            raise PlanError(f"The plan cannot be read: {_problem(error)}", hint=_AGAIN) from error

    def to_text(self) -> str:
        """Return the plan as it is saved in a file: JSON, in ASCII."""
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
            raise PlanError(
                f"This is no plan: the text is no JSON ({visible(str(error))}); nothing was changed.", hint=_AGAIN
            ) from error
        return cls.from_json(values)


def require_same_outcome(approved: Diff, result: MergeResult) -> None:
    """Check that of a restoration nothing comes but what was approved, to the last line.

    Raises:
        PlanOutdatedError: something else would come of it.
    """
    outcome = diff(result.before, result.after)
    if (_looked_at(outcome), dict(outcome.texts)) != (_looked_at(approved), dict(approved.texts)):
        raise _other_outcome(approved, outcome, list(KEYS))


def _looked_at(found: Diff) -> tuple[tuple[MappingDiff, ...], tuple[AccessChange, ...]]:
    """Return what a person approves of a difference: the mappings, and what the principals get."""
    return found.mappings, found.effects


def digest(document: Document) -> str:
    """Return what tells one state of the data from another: ``sha256:`` and 64 hexadecimal digits."""
    return _digest(dict(document.data))


def _digest(values: dict[str, Any]) -> str:
    return f"sha256:{sha256_of(values)}"


def _checksum(content: dict[str, Any]) -> str:
    try:
        return _digest(content)
    except (TypeError, ValueError, RecursionError) as error:
        message = f"The plan holds what JSON cannot hold ({visible(str(error))}); nothing was changed."
        raise PlanError(message, hint=_AGAIN) from error


def _object(uid: str) -> str:
    return f"the object with uid {quoted(uid)}" if uid else "an object without uid (a file, or one that is not there)"


def _is_done(document: Document, planned: Diff) -> bool:
    """Whether a document has what was to come of a plan."""
    for mapping in planned.mappings:
        concerned = {mapped.identity for mapped in (*mapping.before, *mapping.after)}
        now = [mapped for mapped in document.reading(mapping.key).mapped if mapped.identity in concerned]
        if tuple(now) != mapping.after:
            return False
    return True


def _other_outcome(planned: Diff, outcome: Diff, replaced: list[Key]) -> PlanOutdatedError:
    return PlanOutdatedError(
        "The object has changed since the plan was made, and something else would come of it now; nothing was changed.\n"
        f"Planned:\n{_shown(planned, replaced)}\nNow:\n{_shown(outcome, replaced)}",
        hint=_AGAIN,
    )


def _shown(found: Diff, replaced: list[Key]) -> str:
    """Return what was compared of a difference."""
    texts: dict[str, str] = {key: found.texts[key] for key in replaced if key in found.texts}
    return str(replace(found, texts=texts)) or "No change."


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} in place of text")
    return value


def _problem(error: Exception) -> str:
    if isinstance(error, AwsAuthError):
        return error.message  # its cure is for who writes changes by hand
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{visible('.'.join(str(part) for part in first['loc']))}: {visible(first['msg'])}; nothing was changed."
    return f"{visible(str(error))}; nothing was changed."


_CURE: Final = 'Give a file that a plan was saved to, or one such as [{"change": "EnsureAccount", "account": "…"}].'


@public
def load_plan_or_changes(text: str | bytes) -> Plan | tuple[Change, ...]:
    """Return the plan that `Plan.to_text` wrote, or the changes that a JSON or YAML list holds.

    A list is ``[{"change": "RemoveRole", "role_arn": …}]``; a single change need not stand in one. In YAML, unquoted
    numbers are text, and aliases and tags are refused. YAML may have 256 KiB, JSON more. Bytes of YAML are UTF-8.

    Raises:
        PlanError: it is neither, or a plan that is not as it was saved.
        UsageError, InvalidValueError: a change is wrong; `location` says where it is written, and which one it is.
    """
    if not isinstance(text, (str, bytes)):
        raise PlanError(f"{quoted_value(text, 60)} is not a text; nothing was changed.", hint=_CURE)
    try:
        values, is_json = json.loads(text, object_pairs_hook=_each_once), True
    except (ValueError, RecursionError) as error:
        values, is_json = _parsed(text, f" As JSON: {visible(str(error))}.").value, False
    if isinstance(values, dict) and "format" in values and is_json:
        return Plan.from_json(values)
    is_single = isinstance(values, dict) and "change" in values
    if not is_single and not isinstance(values, list):
        raise _neither(values)
    try:
        return changes_from_json([values] if is_single else values)
    except AwsAuthError:
        # Once more, with the places of the values.
        prefix: Path = (0,) if is_single else ()
        locations = {(*prefix, *path): location for path, location in _locations(text).items()}
        return changes_from_json([values] if is_single else values, locations)


def _neither(values: object) -> PlanError:
    """Return the error for values that are something else, with what to do with a file that other tools know."""
    named = values if isinstance(values, dict) else {}
    message, hint = "This is neither a plan nor a list of changes; nothing was changed.", _CURE
    if named.get("kind") == "ConfigMap":
        message = "This is the manifest of a ConfigMap, and not a plan or a list of changes; nothing was changed."
        hint = 'Plan it with `awsauth plan FILE`, in Python client.plan(awsauth.connect(file="aws-auth.yaml").read()).'
    elif "iamIdentityMappings" in named:
        message = "This is a configuration of eksctl, and not a plan or a list of changes; nothing was changed."
        hint = (
            "Make one change of each item of `iamIdentityMappings`: "
            '[{"change": "EnsureRole", "role_arn": "…", "username": "…", "groups": ["…"]}]; of a user EnsureUser with user_arn.'
        )
    return PlanError(message, hint=hint)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a field is written twice")
    return found


def _parsed(text: str | bytes, as_json: str = "") -> YamlInput:
    from awsauth.core.yaml_input import LARGEST, YamlInputError, parse_input

    try:
        return parse_input(text.decode("utf-8-sig") if isinstance(text, bytes) else text)
    except (YamlInputError, UnicodeDecodeError) as error:
        problem, location = error.args if isinstance(error, YamlInputError) else ("is not text in UTF-8", "")
        raise PlanError(
            f"This is neither a plan nor a list of changes: it {problem}.{as_json * (len(text) > LARGEST)} "
            "Nothing was changed.",
            location=location,
            hint=_CURE,
        ) from error


def _locations(text: str | bytes) -> Mapping[Path, str]:
    """Return where the values of a text are written; nothing if it is larger than what people write."""
    try:
        return _parsed(text).locations
    except PlanError:
        return {}
