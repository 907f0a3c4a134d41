"""The commands on changes in files: `plan`, `apply` and `diff`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import IO, Any, Final

import click

from awsauth.cli.command import CHANGE, DONE, FOUND, REFUSED, VERIFIED, awsauth_command
from awsauth.cli.completion import REVISIONS
from awsauth.cli.confirm import PreviewedChange, confirm_and_apply, previewed, run_change
from awsauth.cli.errors import findings_as_markdown, findings_as_text
from awsauth.cli.files import manifest_from, name_of, save, wanted_in
from awsauth.cli.invocation import Invocation
from awsauth.client import AwsAuthClient
from awsauth.core.diff import Diff
from awsauth.core.findings import Finding, Severity
from awsauth.core.guards.guards import REFUSALS
from awsauth.core.plan import Plan
from awsauth.errors import MappingConflictError
from awsauth.stores.memory import MemoryStore
from awsauth.stores.store import Store

_FILE: Final = click.argument("source", metavar="FILE", type=click.File("rb"))
_KEEP: Final = "With a manifest, keep the node mappings that only the live state has."
_KEEP_NODES: Final = click.option("--keep-nodes", is_flag=True, help=_KEEP)


def _show(invocation: Invocation, values: dict[str, Any], diff: Diff, findings: Sequence[Finding], last: str) -> None:
    screen = invocation.screen
    text = [screen.diff(diff), findings_as_text(screen, findings), screen.wrapped(last)]
    markdown = [diff.markdown().rstrip("\n"), findings_as_markdown(findings)]
    shown = {"changed": bool(diff), **values}
    invocation.report(shown, "\n".join(filter(None, text)), "\n\n".join(filter(None, markdown)))


@awsauth_command("plan", "client.plan(changes), or client.plan(document)")
@_FILE
@click.option("--out", metavar="FILE", type=click.Path(), help="Save the plan in this file, for `awsauth apply`.")
@_KEEP_NODES
def plan_command(invocation: Invocation, /, *, source: IO[bytes], out: str | None, keep_nodes: bool) -> int:
    """Show what changes or a manifest in a file would do, and save the plan.

    The file holds one change or a list, in YAML or JSON, as in examples/changes.yaml; or a manifest of aws-auth, whose
    texts replace the live ones. - is standard input. The commands `add`, `remove` and `rename` save a plan with --out,
    too. The exit code is 1 if something would change, and 0 if the plan was saved.
    """
    wanted = wanted_in(source)
    changes = wanted.changes if isinstance(wanted, Plan) else wanted
    plan = invocation.answer(lambda client: client.plan(changes, keep_nodes=keep_nodes))
    last = f"Planned for {invocation.named_target}; nothing was changed."
    _show(invocation, {"plan": plan}, plan.diff, plan.findings, last)
    if out:
        save(plan, out)
    return FOUND if plan.diff and not out else DONE


@awsauth_command("apply", "client.apply(awsauth.Plan.from_text(text))", changes=(*CHANGE, *VERIFIED))
@_FILE
@_KEEP_NODES
def apply_command(invocation: Invocation, /, *, source: IO[bytes], keep_nodes: bool) -> int:
    """Apply a saved plan, the changes in a file, or a manifest.

    A plan is applied only if its diff is still the one that was saved; otherwise the exit code is 6. The file holds a
    plan, or changes or a manifest as for `awsauth plan`; - is standard input.
    """
    wanted = wanted_in(source)
    if not isinstance(wanted, Plan):
        return run_change(invocation, lambda client: client.plan(wanted, keep_nodes=keep_nodes))
    if keep_nodes:
        raise click.UsageError("--keep-nodes goes with a manifest, not with a plan.")
    return confirm_and_apply(invocation, lambda client: _preview(invocation, client, wanted), again=False)


def _preview(invocation: Invocation, client: AwsAuthClient, plan: Plan) -> PreviewedChange:
    """Return the change that a saved plan makes now, with the findings of today."""
    try:
        found = previewed(invocation, partial(client.apply, plan), lambda made: client.read() == made.document)
    except MappingConflictError as error:
        error.hint += " Then make a new plan."
        raise
    return found._replace(asks_about_guards=False)


def _side(value: str) -> Any:
    """Return one side of a comparison: the number of a revision, or an open file."""
    return int(value) if value.isdecimal() else click.File("rb").convert(value, None, click.get_current_context())


@awsauth_command("diff", "client.diff(before, after), or client.plan(document)")
@click.argument("before", type=_side, metavar="REVISION|FILE", shell_complete=REVISIONS)
@click.argument("after", type=_side, required=False, metavar="[REVISION|FILE]", shell_complete=REVISIONS)
@_KEEP_NODES
def diff_command(invocation: Invocation, /, *, before: Any, after: Any, keep_nodes: bool) -> int:
    """Show the diff between two revisions or manifests.

    One revision is compared with the live aws-auth, and the live aws-auth with one manifest, as `awsauth apply` would
    change it. Two manifests need no cluster. With a manifest, the findings of guards and `check` are shown, too. The
    exit code is 1 if something differs, and 3 if a guard refuses it. - is standard input.
    """
    findings: tuple[Finding, ...] = ()
    if isinstance(before, int) and not hasattr(after, "read"):
        found = invocation.answer(lambda client: client.diff(before, after))
    else:
        plan = _compared(invocation, before, after, keep_nodes=keep_nodes)
        found, findings = plan.diff, plan.findings
    _show(invocation, {"diff": found, "findings": findings}, found, findings, "")
    if any(one.code in REFUSALS and one.severity is Severity.ERROR for one in findings):
        return REFUSED
    return FOUND if found else DONE


def _compared(invocation: Invocation, before: Any, after: Any, *, keep_nodes: bool) -> Plan:
    """Return the plan from one side to the other, or from the live state to the first."""
    sides: list[Store] = []
    for side in (before, after):
        if isinstance(side, int):
            with invocation.client() as client, invocation.waiting():
                sides.append(MemoryStore(client.read(side).data, uid=""))
        elif side is not None:
            sides.append(manifest_from(side))
    *base, wanted = sides
    if base:
        named = (f"revision {side}" if isinstance(side, int) else name_of(side) for side in (before, after))
        invocation.where = " and ".join(named)
    with AwsAuthClient(*base, policy=invocation.policy) if base else invocation.client() as client:
        return invocation.awaited(client.plan, wanted.read().document, keep_nodes=keep_nodes)
