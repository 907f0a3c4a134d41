"""An explanation: the authenticator's steps for a caller, as values and as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from awsauth.core.access.caller import TAKES, Caller, render
from awsauth.core.access.matching import INSTANCES_ONLY
from awsauth.core.edit.changes import Change, asked_for
from awsauth.core.findings import Finding, Location
from awsauth.core.serialization import LEFT_OUT, JsonValue, in_json
from awsauth.core.text.display import quoted, visible

# The result for a caller. ``refused``: it is mapped, but the authenticator cannot fill in a template. ``undefined``:
# the authenticator takes one of several entries at random. ``depends``: the result depends on the conditions.
CallerVerdict = Literal["let-in", "not-mapped", "refused", "undefined", "depends"]

# The status of an entry for a caller. ``shadowed``: a later entry of the caller counts. ``not-reached``: an earlier
# data key decides. ``never``: no caller can have its ARN. ``dropped``: the authenticator does not keep it. ``other``:
# it is for another principal.
EntryStatus = Literal["counts", "may-count", "shadowed", "not-reached", "never", "dropped", "other"]


@dataclass(frozen=True, slots=True)
class Candidate(JsonValue):
    """An entry that concerns a caller, or may be meant for it.

    Attributes:
        key: The data key as written.
        location: The location of the entry.
        principal: The ARN or account as written; empty if it has none.
        standing: Its status for the caller.
        code: Stable name of the reason, such as ``role-path``.
        why: The reason, without a full stop.
        change: A change that would give the caller access by this entry, or None.
    """

    key: str
    location: Location | None
    principal: str
    standing: EntryStatus
    code: str
    why: str
    change: Change | None = None

    def __str__(self) -> str:
        location = f"line {self.location.line}, column {self.location.column}: " if self.location else ""
        whom = f"{quoted(self.principal, 200)}: " if self.principal else ""
        return f"{location}{whom}{self.why}"


@dataclass(frozen=True, slots=True)
class DecisionStep(JsonValue):
    """A step of the authenticator.

    Attributes:
        name: ``identity``, a data key, ``access entries`` or ``rendering``.
        summary: The result of the step, one sentence.
        candidates: The entries that concern the caller, in the order of the text, at most 100 for each reason.
        problems: The parser's findings that concern the caller.
    """

    name: str
    summary: str
    candidates: tuple[Candidate, ...] = ()
    problems: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class CallerOutcome(JsonValue):
    """The username and groups that a caller gets by one mapping.

    Attributes:
        username: The username; templates with unknown values stay in it.
        groups: The groups; templates with unknown values stay in them.
        unresolved: The templates with unknown values.
        refusal: Why the authenticator refuses the caller; empty if it does not.
        location: The location of the mapping.
    """

    username: str
    groups: tuple[str, ...]
    unresolved: tuple[str, ...] = field(default=(), metadata=LEFT_OUT)
    refusal: str = ""
    location: Location | None = None

    @classmethod
    def of(cls, username: str, groups: Iterable[str], caller: Caller, place: Location | None = None) -> CallerOutcome:
        """Return the outcome of a username and groups that may hold templates."""
        parts = [render(text, caller) for text in (username, *groups)]
        unresolved = tuple(dict.fromkeys(marker for part in parts for marker in part.unresolved))
        is_refused = INSTANCES_ONLY in unresolved and caller.is_instance is False
        filled_in, *others = (part.text for part in parts)
        return cls(filled_in, tuple(others), unresolved, _no_instance(caller) if is_refused else "", place)

    @property
    @in_json("unresolved")
    def templates(self) -> dict[str, str]:
        """The meaning of each template with an unknown value."""
        return {marker: TAKES[marker] for marker in self.unresolved}

    def __str__(self) -> str:
        if self.refusal:
            return self.refusal
        groups = [quoted(group) if group else "a group without a name" for group in self.groups]
        return f"{quoted(self.username) if self.username else 'no username'}, in {', '.join(groups) or 'no group'}"


@dataclass(frozen=True, slots=True)
class Explanation(JsonValue):
    """The authenticator's decision about a caller. `str` returns it as text.

    Attributes:
        caller: The caller.
        verdict: The result.
        outcomes: The username and groups of the caller; several if it is undefined which; empty if it is not mapped.
        steps: The steps of the authenticator, in their order.
        conditions: The conditions of the result, one sentence each.
        changes: For a caller without access: alternative changes that would give it access, the best first. A person
            has to review them. None is for another account or a similar name, and none makes an administrator.
    """

    caller: Caller
    verdict: CallerVerdict
    outcomes: tuple[CallerOutcome, ...]
    steps: tuple[DecisionStep, ...]
    conditions: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()

    @property
    @in_json()
    def username(self) -> str | None:
        """The username of the caller; None if it has no access, or if that is undefined."""
        return self.outcomes[0].username if self._is_certain else None

    @property
    @in_json()
    def groups(self) -> tuple[str, ...] | None:
        """The groups of the caller; None if it has no access, or if that is undefined."""
        return self.outcomes[0].groups if self._is_certain else None

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The candidates of all steps."""
        return tuple(candidate for step in self.steps for candidate in step.candidates)

    @property
    def _is_certain(self) -> bool:
        return self.verdict in ("let-in", "depends") and len(self.outcomes) == 1 and not self.outcomes[0].refusal

    def __str__(self) -> str:
        return self.told(call)

    def told(self, written: Callable[[Change], str]) -> str:
        """Return it as text; `written` formats the changes."""
        return "\n".join(self._lines(written))

    def _lines(self, written: Callable[[Change], str]) -> Iterator[str]:
        for step in self.steps:
            yield f"{step.name}: {step.summary}"
            yield from (f"  - {candidate}" for candidate in step.candidates)
            yield from (f"  ! {problem}" for problem in step.problems)
        yield f"{_VERDICTS[self.verdict]}{'; or '.join(map(str, self.outcomes))}".rstrip(": ") + "."
        given = [outcome for outcome in self.outcomes if not outcome.refusal]
        for marker in dict.fromkeys(marker for outcome in given for marker in outcome.unresolved):
            yield f"  {marker} is {TAKES[marker]}; its value is unknown."
        yield from (f"  {condition}" for condition in self.conditions)
        if self.changes:
            which = "Any of these changes" if len(self.changes) > 1 else "This change"
            yield f"{which} would give it access:"
            yield from (f"  {written(change)}" for change in self.changes)


_VERDICTS: Final[dict[CallerVerdict, str]] = {
    "let-in": "The caller has access: ",
    "not-mapped": "The caller has no access: no entry maps it",
    "refused": "The caller has no access: ",
    "undefined": "It is undefined which of these the caller gets: ",
    "depends": "It depends: ",
}


def rendering(outcomes: Sequence[CallerOutcome]) -> DecisionStep:
    """Return the step that fills in the templates of the entry that counts."""
    refused = [outcome for outcome in outcomes if outcome.refusal]
    left = dict.fromkeys(marker for outcome in outcomes for marker in outcome.unresolved)
    if refused:
        which = "" if len(refused) == len(outcomes) else " for one of them"
        summary = f"it fails{which}, and the authenticator tries no other entry."
    elif left:
        summary = f"filled in except for {', '.join(left)}."
    else:
        summary = "username and groups are filled in."
    return DecisionStep("rendering", summary)


def instance_condition(outcome: CallerOutcome, caller: Caller) -> str:
    """Return the condition of a mapping for EC2 instances only, if it is one."""
    if INSTANCES_ONLY not in outcome.unresolved or caller.is_instance:
        return ""
    if caller.is_instance is None:
        example = "with a session name such as `i-0123456789abcdef0`"
        return f"{INSTANCES_ONLY} admits only EC2 instances, {example}; the session name is unknown."
    return "Fargate and hybrid nodes need the username `system:node:{{SessionName}}`, and people another role."


def _no_instance(caller: Caller) -> str:
    name = quoted(caller.session_name or "")
    whose = f"the session name {name} is not the id of one" if caller.session_name else "a user is not one"
    return f"{INSTANCES_ONLY} admits only EC2 instances, and {whose}"


def call(change: Change) -> str:
    """Return a change as a Python call on one line that is safe to show.

    Arguments that have their default are left out.
    """
    written = {name: list(value) if isinstance(value, tuple) else value for name, value in asked_for(change).items()}
    return f"{change.kind}({visible(', '.join(f'{name}={value!r}' for name, value in written.items()))})"
