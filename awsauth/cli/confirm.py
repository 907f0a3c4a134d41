"""Show a change, ask, and make it only with the effect that was shown."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from awsauth.apply import ONLY_RECORDS, Result
from awsauth.cli.command import DONE, FOUND
from awsauth.cli.completion import remember
from awsauth.cli.errors import findings_as_markdown, findings_as_text
from awsauth.cli.invocation import Invocation, targeted_command
from awsauth.core.findings import Finding, Severity
from awsauth.core.guards.content import UNTRUSTED
from awsauth.core.guards.guards import GUARDS, refusal
from awsauth.core.text.display import fenced, visible
from awsauth.errors import AwsAuthError, GuardError, PlanOutdatedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from awsauth.client import AwsAuthClient
    from awsauth.core.plan import Plan

_MOST_TIMES: Final = 5  # how often a change is planned again because another writer was quicker


class PreviewedChange(NamedTuple):
    """A change that can be shown and then made.

    Attributes:
        preview: Its plan, or the result of its dry run.
        make: Makes it, unless its effect has become another one; its arguments are ``dry_run`` and ``allow``.
        is_made: Returns whether the data is as the change leaves it.
        more: More text to show.
        asks_about_guards: Whether a guard that refuses it asks on a terminal.
    """

    preview: Plan | Result
    make: Callable[..., Result]
    is_made: Callable[[], bool]
    more: str = ""
    asks_about_guards: bool = False

    @property
    def result(self) -> Result | None:
        """The result of its dry run; None if it has a plan."""
        return self.preview if isinstance(self.preview, Result) else None

    @property
    def has_effect(self) -> bool:
        """Whether the data or the records of owners change."""
        return bool(self.preview.diff) or (self.result is not None and self.result.changed)

    def without_diff(self, otherwise: str) -> str:
        """Return the line for a change without a diff.

        It changes records of owners only, or nothing because of conflicts.
        """
        if self.result and self.result.sync and self.result.sync.conflicts:
            return ""
        if self.result and not (self.result.sync or self.result.restoration):
            return "" if self.has_effect else otherwise
        return ONLY_RECORDS if self.has_effect else otherwise


def previewed(
    invocation: Invocation, call: Callable[..., Result], is_made: Callable[[Result], bool] = lambda _: False
) -> PreviewedChange:
    """Return a change by its dry run, in which every guard is allowed.

    Args:
        invocation: The run.
        call: Makes the change, given `awsauth.Options`.
        is_made: Returns whether the data is as in the result of the dry run.
    """
    found = invocation.awaited(call, allow=[*GUARDS], dry_run=True)
    make, more = partial(call, **invocation.how.options), str(found.restoration or "")
    return PreviewedChange(found, make, lambda: is_made(found), more, asks_about_guards=True)


def run_change(invocation: Invocation, plan: Callable[[AwsAuthClient], Plan], *, edits: bool = False) -> int:
    """Make the change of a plan (see `confirm_and_apply`); ``--out`` saves it.

    Args:
        invocation: The run.
        plan: Returns the plan for the present data.
        edits: Whether the user edits a text for it: the terminal is the editor's, and it is planned only once.
    """

    def propose(client: AwsAuthClient) -> PreviewedChange:
        made = plan(client) if edits else invocation.awaited(plan, client)
        make = partial(client.apply, made, **invocation.how.options)
        return PreviewedChange(made, make, lambda: not client.plan(made.changes).diff)

    return confirm_and_apply(invocation, propose, again=not edits)


def confirm_and_apply(
    invocation: Invocation, propose: Callable[[AwsAuthClient], PreviewedChange], *, again: bool = True
) -> int:
    """Show a change, ask, and make it. Return the exit code.

    Args:
        invocation: The run.
        propose: Returns the change for the present data.
        again: Whether to propose, show and ask again if another writer changed the effect meanwhile.

    Raises:
        UsageError: there is no terminal, and no ``--yes``.
        AwsAuthError: the library failed.
    """
    how = invocation.how
    asks = how.asks and not invocation.is_filter
    if asks:
        invocation.require_terminal("to make the change")
    if invocation.is_filter and not how.dry_run and not how.out:
        invocation.screen = invocation.screen._replace(to_error=True)  # Standard output is for the manifest.
    with invocation.client() as client:
        for attempt in range(_MOST_TIMES):
            proposed = propose(client)
            if proposed.has_effect:
                invocation.identify(client)
            try:
                return Confirmation(invocation, proposed, asks=asks).run()
            except PlanOutdatedError:
                if not again or attempt == _MOST_TIMES - 1:
                    raise
                invocation.screen.tell("Another writer changed aws-auth. The change would now be:")
    return DONE


class Confirmation:
    """One change that is shown, confirmed and made.

    Attributes:
        refusal: The error for the guards that refuse it; None if they are allowed.
    """

    def __init__(self, invocation: Invocation, proposed: PreviewedChange, *, asks: bool) -> None:
        self._invocation = invocation
        self._how = how = invocation.how
        self._proposed = proposed
        self._asks = asks and proposed.has_effect
        self.refusal = None if how.out else refusal(proposed.preview.findings, how.allow)
        may_ask = self._asks and proposed.asks_about_guards
        self._asked = guards_to_ask_about(self.refusal) if self.refusal and may_ask else ()

    def run(self) -> int:
        """Show the change, ask, make it, and return the exit code."""
        invocation, how, proposed = self._invocation, self._how, self._proposed
        self.show(without=() if self._asked or not self.refusal else self.refusal.findings)
        if self.refusal and not self._asked:
            raise self.refusal
        if how.out and not isinstance(proposed.preview, Result):
            from awsauth.cli.files import save

            save(proposed.preview, how.out)
            saved = f"Saved the plan in {visible(how.out)}, for `awsauth apply` to {invocation.named_target}."
            invocation.screen.tell(f"{saved} Nothing was changed.")
        if how.out or not proposed.has_effect:
            self.end(proposed.result)
            if not how.out:
                invocation.write_back()
            return DONE
        if how.dry_run:
            dry_run = "server" if how.dry_run == "server" else True
            self.end(invocation.awaited(proposed.make, dry_run=dry_run, allow=how.allow))
            return DONE
        question = f"Allow {', '.join(self._asked)}, and make this change" if self._asked else "Make this change"
        if self._asks and not invocation.screen.ask(f"{question} to {invocation.named_target}?"):
            invocation.screen.tell("Nothing was changed.")
            return FOUND
        result = self._made((*how.allow, *self._asked))
        remember(invocation.target, result.document)
        self.end(result, made=True)
        invocation.write_back()
        return DONE

    def _made(self, allow: Sequence[str]) -> Result:
        invocation = self._invocation
        invocation.if_interrupted = f"The change may have been made. To see: {targeted_command(invocation, 'get')}"
        try:
            result = invocation.awaited(self._proposed.make, dry_run=False, allow=allow)
        except KeyboardInterrupt:
            invocation.screen.tell("\nChecking whether the change was made ...")
            with contextlib.suppress(AwsAuthError):
                if invocation.awaited(self._proposed.is_made):
                    invocation.if_interrupted = "The change was made, and it stays."
            raise
        invocation.if_interrupted = "The change was made."
        invocation.is_changed = invocation.is_changed or result.changed
        return result

    def show(self, without: Sequence[Finding] = ()) -> None:
        """Show the change and its findings, except those that an error shows next."""
        screen, proposed = self._invocation.screen, self._proposed
        refused = self.refusal.findings if self.refusal else ()

        def severity(finding: Finding) -> str:
            is_allowed = finding.code in GUARDS and finding.severity is Severity.ERROR
            return "allowed" if is_allowed and not self._how.out and finding not in refused else finding.severity.value

        found = [one for one in proposed.preview.findings if one not in without]
        listed = findings_as_text(screen, found, severity=severity)
        self._invocation.of_entries |= bool(proposed.preview.diff.entries)
        unchanged = proposed.without_diff(f"No change to {self._invocation.named_target}.")
        diff = screen.diff(proposed.preview.diff) if proposed.preview.diff else unchanged
        shown = "\n".join(filter(None, [diff, proposed.more, listed]))
        if self._invocation.output in ("text", "github"):
            screen.print(shown)
        elif self._asks:
            screen.tell(shown)

    def end(self, result: Result | None, *, made: bool = False) -> None:
        """Print the result of a change, or of a preview if it was not made."""
        invocation, proposed, dry_run = self._invocation, self._proposed, self._how.dry_run
        preview = proposed.preview
        changed = result.changed if result and made else proposed.has_effect
        applied = changed and made
        new = [found for found in (result.findings if result else ()) if found not in preview.findings]
        last = ""
        if dry_run:
            by = " by the API server" if dry_run == "server" and preview.diff else ""
            last = f"Dry run{by} for {invocation.named_target}: nothing was changed."
        if invocation.output == "json":
            shown = {"diff": preview.diff, "findings": preview.findings, "extra_groups": {}, "revision": None}
            done = result.to_json() if result else {"restoration": None, "sync": None}
            invocation.emit({**shown, **done, "changed": changed, "applied": applied, "dry_run": dry_run})
        elif invocation.output == "markdown":
            listed = findings_as_markdown([*preview.findings, *new])
            more = fenced(proposed.more, "text") if proposed.more else ""
            diff = preview.diff.markdown().rstrip("\n")
            parts = [diff if preview.diff else proposed.without_diff(diff), more, listed, last]
            invocation.screen.print("\n\n".join(filter(None, parts)))
        else:
            if applied and result:
                number = f"; it is revision {result.revision}" if result.revision and not invocation.is_filter else ""
                last = f"Changed {invocation.named_target}{number}."
            parts = [findings_as_text(invocation.screen, new), invocation.screen.wrapped(last)]
            invocation.screen.print("\n".join(filter(None, parts)))


def guards_to_ask_about(error: GuardError) -> tuple[str, ...]:
    """Return the guards that refuse a change; none if not all of them can be allowed."""
    codes = tuple(dict.fromkeys(finding.code for finding in error.findings))
    return () if UNTRUSTED in codes else codes
