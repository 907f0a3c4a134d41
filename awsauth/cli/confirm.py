"""How every change goes: it is shown, agreed to, and made only as it was shown."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from awsauth.cli.completion import remember
from awsauth.cli.exit_codes import DONE, FOUND
from awsauth.cli.files import save
from awsauth.cli.output import findings_as_markdown
from awsauth.cli.target import command
from awsauth.core.findings import Finding, Severity
from awsauth.core.guards.guards import GUARDS, raise_for_violations
from awsauth.core.text.display import fenced, visible
from awsauth.errors import AwsAuthError, GuardError, PlanOutdatedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from awsauth.apply import Result
    from awsauth.cli.invocation import Invocation
    from awsauth.client import AwsAuthClient
    from awsauth.core.diff import Diff
    from awsauth.core.findings import Finding
    from awsauth.core.plan import Plan
    from awsauth.options import DryRun, Options

_MOST_TIMES: Final = 5
"""How often a change is planned anew because others were quicker, where nobody is asked."""


@dataclass(frozen=True, slots=True)
class ChangeOptions:
    """What the options of a change say.

    Attributes:
        yes: Whether nobody is to be asked.
        dry_run: ``client`` or ``server`` to only show what would change; None to make the change.
        reason: Why.
        allow: Guards that are to let it pass.
        no_history: Whether no revision is to be kept.
        wait: Seconds to wait until a new token shows the change.
        verify: Roles whose new tokens are looked at too.
        revert_after: Seconds after which it is taken back where somebody does not get in.
        out: A file to save the plan in, in place of making the change.
    """

    yes: bool = False
    dry_run: str | None = None
    reason: str = ""
    allow: tuple[str, ...] = ()
    no_history: bool = False
    wait: float = 0.0
    verify: tuple[str, ...] = ()
    revert_after: float = 0.0
    out: str | None = None

    @property
    def asks(self) -> bool:
        """Whether the user is asked before the change is made."""
        return not (self.yes or self.dry_run or self.out)

    @property
    def given(self) -> list[str]:
        """Those that are given, as they are written."""
        nothing = ChangeOptions()
        names = [one.name for one in fields(self) if getattr(self, one.name) != getattr(nothing, one.name)]
        return [f"--{name.replace('_', '-')}" for name in names]

    @property
    def options(self) -> Options:
        """What they are to the library; `allow` is passed for itself."""
        return {
            "reason": self.reason,
            "history": not self.no_history,
            "wait": self.wait,
            "verify": self.verify,
            "revert_after": self.revert_after,
        }


@dataclass(frozen=True, slots=True)
class PreviewedChange:
    """A change that has been worked out.

    Attributes:
        diff: What changes.
        findings: What there is to say about it.
        make: Makes it with the guards in its second argument allowed, unless its effect is another one by now; its
            first argument is the dry run.
        is_made: Looks whether the data is by now as the change leaves it.
        plan: The plan that it is, where it is one.
        more: What else is to be shown.
        asks_about_guards: Whether a guard that refuses it asks on a terminal.
        result: What the preview returned, where it shows more than a difference.
    """

    diff: Diff
    findings: Sequence[Finding]
    make: Callable[[DryRun, Sequence[str]], Result]
    is_made: Callable[[], bool]
    plan: Plan | None = None
    more: str = ""
    asks_about_guards: bool = False
    result: Result | None = None

    @property
    def has_effect(self) -> bool:
        """Whether anything changes: the data, or the records of owners."""
        return bool(self.diff) or (self.result is not None and self.result.changed)


def change(
    invocation: Invocation, manner: ChangeOptions, plan: Callable[[AwsAuthClient], Plan], *, again: bool = True
) -> int:
    """Make the change that a plan describes, as `confirm_and_apply` says; with ``--out`` save the plan.

    Args:
        invocation: The run.
        manner: The options of the change.
        plan: Makes the plan.
        again: Whether to plan, show and ask anew where something else would come of it now.
    """

    def propose(client: AwsAuthClient) -> PreviewedChange:
        made = plan(client)
        options: Any = manner.options

        def make(dry_run: DryRun, allow: Sequence[str]) -> Result:
            return client.apply(made, **options, allow=allow, dry_run=dry_run)

        return PreviewedChange(made.diff, made.findings, make, lambda: not client.plan(made.changes).diff, made)

    return confirm_and_apply(invocation, manner, propose, again=again)


def confirm_and_apply(
    invocation: Invocation,
    manner: ChangeOptions,
    propose: Callable[[AwsAuthClient], PreviewedChange],
    *,
    again: bool = True,
) -> int:
    """Show a change, ask, and make it; show it and ask again as long as something else would come of it.

    Returns the exit code.

    Raises:
        UsageError: there is nobody to ask, and no ``--yes``.
        AwsAuthError: what the library raises.
    """
    asks = manner.asks and not invocation.is_filter
    if asks:
        invocation.require_terminal("to make the change")
    if invocation.is_filter and not manner.dry_run and not manner.out:
        invocation.write_messages_to_stderr()
    with invocation.client() as client:
        for attempt in range(_MOST_TIMES):
            proposed = propose(client)
            if proposed.has_effect:
                invocation.identify(client)
            try:
                return _once(invocation, manner, proposed, asks=asks)
            except PlanOutdatedError:
                if not again or attempt == _MOST_TIMES - 1:
                    raise
                invocation.screen.tell("Somebody else has changed it in the meantime. This would come of it now:")
    return DONE


def _once(invocation: Invocation, manner: ChangeOptions, proposed: PreviewedChange, *, asks: bool) -> int:
    report = Report(invocation, proposed, manner, asks=asks and proposed.has_effect)
    refusal = None if manner.out else refusal_of(proposed, manner.allow)
    asked = refusal.findings if refusal and asks and proposed.asks_about_guards else ()
    report.show(without=refusal.findings if refusal and not asked else (), asked=asked, goes_on=not manner.out)
    if refusal and not asked:
        raise refusal
    if manner.out:
        return _saved(report, proposed, manner)
    if not proposed.has_effect:
        report.end(changed=False, applied=False, result=proposed.result)
        invocation.write_back()
        return DONE
    if manner.dry_run:
        with invocation.waiting():
            result = proposed.make("server" if manner.dry_run == "server" else True, manner.allow)
        report.end(changed=True, applied=False, result=result)
        return DONE
    guards = list(dict.fromkeys(finding.code for finding in asked))
    question = f"Allow {', '.join(guards)}, and make this change" if guards else "Make this change"
    if asks and not invocation.screen.ask(f"{question} to {invocation.named_target}?"):
        invocation.screen.tell("Nothing was changed.")
        return FOUND
    result = _made(invocation, proposed, (*manner.allow, *guards))
    invocation.is_changed = invocation.is_changed or result.changed
    remember(invocation.target, result.document)
    report.end(changed=result.changed, applied=result.changed, result=result)
    invocation.write_back()
    return DONE


def _made(invocation: Invocation, proposed: PreviewedChange, allow: Sequence[str]) -> Result:
    invocation.if_interrupted = f"The change may have been made. To see: {command(invocation, 'get')}"
    try:
        with invocation.waiting():
            result = proposed.make(False, allow)
    except KeyboardInterrupt:
        invocation.screen.tell("\nLooking whether the change was made ...")
        with contextlib.suppress(AwsAuthError), invocation.waiting():
            if proposed.is_made():
                invocation.if_interrupted = "The change was made, and it stays."
        raise
    invocation.if_interrupted = "The change was made."
    return result


def refusal_of(proposed: PreviewedChange, allow: Sequence[str]) -> GuardError | None:
    """Return the error for the guards that refuse a change, unless `allow` names all of them."""
    try:
        raise_for_violations(proposed.findings, allow)
    except GuardError as error:
        return error
    return None


def _saved(report: Report, proposed: PreviewedChange, manner: ChangeOptions) -> int:
    if proposed.plan and manner.out:
        save(proposed.plan, manner.out)
        report.tell_of(manner.out)
    report.end(changed=bool(proposed.diff), applied=False)
    return DONE


def _severity(finding: Finding) -> str:
    """Return how bad it is; what would have refused a change that goes on has been allowed."""
    is_allowed = finding.code in GUARDS and finding.severity is Severity.ERROR
    return "allowed" if is_allowed else finding.severity.value


class Report:
    """What is printed of a change: as text at once, otherwise at the end."""

    def __init__(self, invocation: Invocation, proposed: PreviewedChange, manner: ChangeOptions, *, asks: bool) -> None:
        self._invocation = invocation
        self._manner = manner
        self._proposed = proposed
        self._asks = asks

    def show(self, without: Sequence[Finding], asked: Sequence[Finding], *, goes_on: bool) -> None:
        """Show what is about to change, with the findings.

        Args:
            without: Findings that an error is about to show.
            asked: Findings of guards that the question is about to name.
            goes_on: Whether the change is made, or tried: its guards have been allowed, then.
        """
        screen, proposed = self._invocation.screen, self._proposed
        findings = [found for found in proposed.findings if found not in without]
        said = screen.findings(
            findings,
            severity=lambda found: _severity(found) if goes_on and found not in asked else found.severity.value,
        )
        diff = screen.diff(proposed.diff) if proposed.diff else f"No change to {self._invocation.named_target}."
        shown = "\n".join(filter(None, [diff, proposed.more, said]))
        if self._invocation.output == "text":
            screen.print(shown)
        elif self._asks:
            screen.tell(shown)

    def tell_of(self, out: str) -> None:
        """Say where the plan is, and what it is for."""
        self._invocation.screen.tell(
            f"Saved as a plan in {visible(out)}, for `awsauth apply` to {self._invocation.named_target}. "
            "Nothing was changed."
        )

    def end(self, *, changed: bool, applied: bool, result: Result | None = None) -> None:
        """Print what has become of it."""
        invocation, proposed = self._invocation, self._proposed
        new = [found for found in (result.findings if result else ()) if found not in proposed.findings]
        if invocation.output == "json":
            shown = {"diff": proposed.diff, "findings": proposed.findings, "extra_groups": {}, "revision": None}
            done = result.to_json() if result else {"restoration": None, "sync": None}
            dry_run = self._manner.dry_run
            invocation.emit({**shown, **done, "changed": changed, "applied": applied, "dry_run": dry_run})
        elif invocation.output == "markdown":
            listed = findings_as_markdown([*proposed.findings, *new])
            more = fenced(proposed.more, "text") if proposed.more else ""
            parts = [proposed.diff.markdown().rstrip("\n"), more, listed, self._dry_run]
            invocation.screen.print("\n\n".join(filter(None, parts)))
        else:
            invocation.screen.print(invocation.screen.findings(new))
            if applied and result:
                number = f"; it is revision {result.revision}" if result.revision and not invocation.is_filter else ""
                invocation.screen.print(invocation.screen.wrapped(f"Changed {invocation.named_target}{number}."))
            invocation.screen.print(invocation.screen.wrapped(self._dry_run))

    @property
    def _dry_run(self) -> str:
        """The last line of a dry run; empty otherwise."""
        if not self._manner.dry_run:
            return ""
        by = " by the API server" if self._manner.dry_run == "server" and self._proposed.diff else ""
        return f"Dry run{by} for {self._invocation.named_target}: nothing was changed."
