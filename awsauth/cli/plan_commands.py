"""Commands for what is looked at first and made later."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, Final

import click

from awsauth.cli.command import AwsAuthCommand
from awsauth.cli.completion import complete_revision
from awsauth.cli.confirm import ChangeOptions, PreviewedChange, change, confirm_and_apply
from awsauth.cli.exit_codes import DONE, FOUND, REFUSED
from awsauth.cli.files import manifest_from, name_of, save, saved_in
from awsauth.cli.invocation import Invocation, current
from awsauth.cli.output import findings_as_markdown
from awsauth.client import AwsAuthClient
from awsauth.core.findings import Finding, Severity
from awsauth.core.guards.guards import GUARDS, REFUSALS
from awsauth.core.plan import Plan
from awsauth.core.text.display import visible
from awsauth.errors import MappingConflictError
from awsauth.stores.memory import MemoryStore

if TYPE_CHECKING:
    from awsauth.stores.store import Store


def show_plan(invocation: Invocation, plan: Plan) -> None:
    """Print a plan."""
    screen = invocation.screen
    if invocation.output == "json":
        invocation.emit({"changed": bool(plan.diff), "plan": plan})
    elif invocation.output == "markdown":
        parts = [plan.diff.markdown().rstrip("\n"), findings_as_markdown(plan.findings)]
        screen.print("\n\n".join(filter(None, parts)))
    else:
        screen.print(screen.diff(plan.diff))
        screen.print(screen.findings(plan.findings))
        screen.print(screen.wrapped(f"Planned for {invocation.named_target}; nothing was changed."))


_FILE: Final = click.argument("source", metavar="FILE", type=click.File("rb"))
_KEEP_NODES: Final = click.option(
    "--keep-nodes", is_flag=True, help="With a manifest, keep the node mappings that only the present aws-auth has."
)


@click.command("plan", cls=AwsAuthCommand, library="client.plan(changes), or client.plan(document)")
@_FILE
@click.option("--out", metavar="FILE", type=click.Path(), help="Where to save the plan, for `awsauth apply`.")
@_KEEP_NODES
@current
def plan_command(invocation: Invocation, /, *, source: IO[bytes], out: str | None, keep_nodes: bool) -> int:
    """Show what the changes in a file, or a manifest, would do, and save that as a plan.

    The file holds a list of changes in JSON or YAML, as in examples/changes.json, or a single change; or a manifest of
    aws-auth, whose texts are to take the place of the present ones. - is standard input. With --out, the commands that
    add or remove save a plan too. The exit code is 1 when something would change, and 0 when the plan was saved.
    """
    saved = saved_in(source)
    with invocation.client() as client, invocation.waiting():
        plan = client.plan(saved.changes if isinstance(saved, Plan) else saved, keep_nodes=keep_nodes)
    show_plan(invocation, plan)
    if out:
        save(plan, out)
    return FOUND if plan.diff and not out else DONE


@click.command(
    "apply", cls=AwsAuthCommand, changes=True, observes=True, library="client.apply(awsauth.Plan.from_text(text))"
)
@_FILE
@_KEEP_NODES
@current
def apply_command(invocation: Invocation, /, *, source: IO[bytes], keep_nodes: bool, **manner: Any) -> int:
    """Make the changes of a saved plan, or those in a file, or make aws-auth what a manifest says.

    A plan is made only if what comes of it is what it says: otherwise the exit code is 6. The file holds a plan, or
    changes or a manifest as for `awsauth plan`; - is standard input.
    """
    saved = saved_in(source)
    how = ChangeOptions(**manner)
    if isinstance(saved, Plan):
        if keep_nodes:
            raise click.UsageError("--keep-nodes goes with a manifest, not with a plan.")
        return confirm_and_apply(
            invocation, how, lambda client: _as_of_now(invocation, client, saved, how), again=False
        )

    def plan(client: AwsAuthClient) -> Plan:
        with invocation.waiting():
            return client.plan(saved, keep_nodes=keep_nodes)

    return change(invocation, how, plan)


class _Side(click.ParamType):  # type: ignore[type-arg]  # click 8.2 takes no arguments
    """One side of a comparison: the number of a revision, or a file."""

    name = "REVISION|FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or the open file."""
        return int(value) if value.isdecimal() else click.File("rb").convert(value, param, ctx)


@click.command("diff", cls=AwsAuthCommand, library="client.diff(before, after), or client.plan(document)")
@click.argument("before", type=_Side(), metavar="REVISION|FILE", shell_complete=complete_revision)
@click.argument("after", type=_Side(), required=False, metavar="[REVISION|FILE]", shell_complete=complete_revision)
@_KEEP_NODES
@current
def diff_command(invocation: Invocation, /, *, before: Any, after: Any, keep_nodes: bool) -> int:
    """Show what changes from one revision or manifest to another.

    One revision is compared with the present aws-auth, and the present aws-auth with one manifest, as `awsauth apply`
    would change it. Two manifests need no cluster. With a manifest, guards and `check` say what they find, too. The exit
    code is 1 if something differs, and 3 if a guard refuses it. - is standard input.
    """
    findings: tuple[Finding, ...] = ()
    if isinstance(before, int) and not hasattr(after, "read"):
        with invocation.client() as client, invocation.waiting():
            found = client.diff(before, after)
    else:
        plan = _compared(invocation, before, after, keep_nodes=keep_nodes)
        found, findings = plan.diff, plan.findings
    screen = invocation.screen
    if invocation.output == "json":
        invocation.emit({"changed": bool(found), "diff": found, "findings": findings})
    elif invocation.output == "markdown":
        screen.print("\n\n".join(filter(None, [found.markdown().rstrip("\n"), findings_as_markdown(findings)])))
    else:
        screen.print("\n".join(filter(None, [screen.diff(found), screen.findings(findings)])))
    if any(one.code in REFUSALS and one.severity is Severity.ERROR for one in findings):
        return REFUSED
    return FOUND if found else DONE


def _compared(invocation: Invocation, before: Any, after: Any, *, keep_nodes: bool) -> Plan:
    """Return the plan that leads from one side to the other; without a second side, from the present to the first."""
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
        invocation.where = visible(" and ".join(named))
    with (
        AwsAuthClient(*base, policy=invocation.policy) if base else invocation.client() as client,
        invocation.waiting(),
    ):
        return client.plan(wanted.read().document, keep_nodes=keep_nodes)


def _as_of_now(invocation: Invocation, client: AwsAuthClient, plan: Plan, manner: ChangeOptions) -> PreviewedChange:
    """Return what would come of a plan now, with all that the guards have to say; it was saved some time ago."""
    try:
        with invocation.waiting():
            found = client.apply(plan, dry_run=True, allow=[*GUARDS])
    except MappingConflictError as error:
        error.hint += " That takes a new plan."
        raise
    options: Any = manner.options
    return PreviewedChange(
        found.diff,
        found.findings,
        lambda dry_run, allow: client.apply(plan, **options, allow=allow, dry_run=dry_run),
        lambda: client.read() == found.document,
    )
