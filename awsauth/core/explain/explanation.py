"""What the authenticator does with a caller, step by step: the values, and the text of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from awsauth.boundary import public
from awsauth.core.access.caller import TAKES
from awsauth.core.edit.changes import asked_for
from awsauth.core.serialization import LEFT_OUT, JsonValue, in_json
from awsauth.core.text.display import quoted, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from awsauth.core.access.caller import Caller
    from awsauth.core.edit.changes import Change
    from awsauth.core.findings import Finding, Location

Verdict = Literal["let-in", "not-mapped", "refused", "undefined", "depends"]
"""How it ends for a caller.

``refused``: it is mapped, and what it is mapped to cannot be made for it. ``undefined``: the authenticator itself takes
one of several at random. ``depends``: on what is not known here; the conditions say on what.
"""

EntryStatus = Literal["counts", "may-count", "shadowed", "not-reached", "never", "dropped", "other"]
"""What an entry is to a caller.

``shadowed``: a later equal one counts. ``not-reached``: it is the caller's, and an earlier key decides. ``never``: it is
written so that no caller can have it. ``dropped``: the authenticator does not keep it. ``other``: it is somebody else's.
"""


@dataclass(frozen=True, slots=True)
@public
class Candidate(JsonValue):
    """An entry that concerns a caller, or that may have been meant for it.

    Attributes:
        key: The data key it stands under, as that is written.
        location: Where it stands.
        principal: Its ARN or account as written; empty where it has none.
        standing: What it is to the caller.
        code: Stable name of the reason, such as ``role-path``.
        why: The reason, one sentence.
        change: What would make it let the caller in, where that is something that can be said.
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
@public
class DecisionStep(JsonValue):
    """A step that the authenticator takes.

    Attributes:
        name: ``identity``, a data key, ``rendering``.
        summary: What comes of it, one sentence.
        candidates: The entries that were looked at and concern the caller, in the order of the text.
        problems: What cannot be read there and concerns the caller.
    """

    name: str
    summary: str
    candidates: tuple[Candidate, ...] = ()
    problems: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
@public
class CallerOutcome(JsonValue):
    """What a caller gets by one mapping.

    Attributes:
        username: As rendered; a template whose value is unknown is still in it.
        groups: Likewise.
        unresolved: The templates that are left.
        refusal: Why nobody is let in by it after all; empty where somebody is.
        location: Where the mapping stands.
    """

    username: str
    groups: tuple[str, ...]
    unresolved: tuple[str, ...] = field(default=(), metadata=LEFT_OUT)
    refusal: str = ""
    location: Location | None = None

    @property
    @in_json("unresolved")
    def templates(self) -> dict[str, str]:
        """What each template stands for that is left."""
        return {marker: TAKES[marker] for marker in self.unresolved}

    def __str__(self) -> str:
        if self.refusal:
            return self.refusal
        groups = [quoted(group) if group else "a group without a name" for group in self.groups]
        return f"{quoted(self.username) if self.username else 'no username'}, in {', '.join(groups) or 'no group'}"


@dataclass(frozen=True, slots=True)
@public
class Explanation(JsonValue):
    """What the authenticator does with a caller. `str` gives it as text.

    Attributes:
        caller: Who asks.
        verdict: How it ends.
        outcomes: What the caller gets: one; several where it is undefined which; none where it is not mapped.
        steps: What the authenticator does, in its order.
        conditions: What it depends on, one sentence each.
        changes: For a caller that gets nothing: proposals that would let it in, the nearest first, each on its own. They
            are for a person to look at: none is for another account or a similar name, none makes an administrator.
    """

    caller: Caller
    verdict: Verdict
    outcomes: tuple[CallerOutcome, ...]
    steps: tuple[DecisionStep, ...]
    conditions: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()

    @property
    @in_json()
    def username(self) -> str | None:
        """Under which name the caller is let in; None where it is not, or where that is undefined."""
        return self.outcomes[0].username if self._is_certain else None

    @property
    @in_json()
    def groups(self) -> tuple[str, ...] | None:
        """In which groups the caller is; None where it is not let in, or where that is undefined."""
        return self.outcomes[0].groups if self._is_certain else None

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every entry that concerns the caller or may have been meant for it."""
        return tuple(candidate for step in self.steps for candidate in step.candidates)

    @property
    def _is_certain(self) -> bool:
        return self.verdict in ("let-in", "depends") and len(self.outcomes) == 1 and not self.outcomes[0].refusal

    def __str__(self) -> str:
        return self.told(call)

    def told(self, written: Callable[[Change], str]) -> str:
        """Return it as text, with every change as `written` gives it."""
        return "\n".join(self._lines(written))

    def _lines(self, written: Callable[[Change], str]) -> Iterator[str]:
        for step in self.steps:
            yield f"{step.name}: {step.summary}"
            for candidate in step.candidates:
                yield f"  - {candidate}"
            for problem in step.problems:
                yield f"  ! {problem}"
        yield f"{_VERDICTS[self.verdict]}{'; or '.join(map(str, self.outcomes))}".rstrip(": ") + "."
        given = [outcome for outcome in self.outcomes if not outcome.refusal]
        for marker in dict.fromkeys(marker for outcome in given for marker in outcome.unresolved):
            yield f"  {marker} is {TAKES[marker]}; it is not known here."
        for condition in self.conditions:
            yield f"  {condition}"
        if self.changes:
            yield "Any of these would let it in:" if len(self.changes) > 1 else "This would let it in:"
            for change in self.changes:
                yield f"  {written(change)}"


_VERDICTS: Final[dict[Verdict, str]] = {
    "let-in": "It is let in: ",
    "not-mapped": "It is not let in: nothing maps it",
    "refused": "It is not let in: ",
    "undefined": "It is undefined which of these it gets: ",
    "depends": "It depends: ",
}


def call(change: Change) -> str:
    """Return a change as it is written in Python, on one line that is safe to show; what is the default is left out."""
    arguments = (f"{name}={_literal(value)}" for name, value in asked_for(change).items())
    return f"{change.kind}({visible(', '.join(arguments))})"


def _literal(value: Any) -> str:
    return repr(list(value)) if isinstance(value, tuple) else repr(value)
