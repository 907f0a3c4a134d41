"""The commands on access to a cluster: `whoami`, `health` and `recover`."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, Final

import click

import awsauth
from awsauth.cli.command import DONE, FOUND, awsauth_command
from awsauth.cli.completion import complete_allow
from awsauth.cli.confirm import guards_to_ask_about
from awsauth.cli.errors import in_options
from awsauth.cli.files import naming, read_input
from awsauth.core.plan import Plan, load_plan_or_changes
from awsauth.errors import AwsAuthError, GuardError, UnprovenHistoryError
from awsauth.options import RIGHTS

if TYPE_CHECKING:
    from awsauth.cli.invocation import Invocation
    from awsauth.recovery.plan import Recovery

_RIGHT: Final = "A right to check: VERB RESOURCE[.GROUP] [in NAMESPACE]; repeatable."
_TARGET: Final = ("--cluster", "--region", "--profile")
_ALLOW: Final = "Permit switch-authentication-mode, or a guard; repeatable."


@awsauth_command("whoami", "awsauth.whoami(profile=…, region=…, cluster=…)")
def whoami_command(invocation: Invocation) -> None:
    """Show your AWS identity, the source of its credentials, and how aws-auth maps it.

    With --cluster or --context, also show your username and groups in the cluster.
    """
    target: Any = {name: value for name, value in invocation.target.items() if name != "policy"}
    identity = invocation.awaited(awsauth.whoami, **target)
    invocation.report({"identity": identity}, str(identity))


@awsauth_command("health", "awsauth.health_check(cluster=…, may=[…])")
@click.option("--for-role", metavar="ARN", help="Assume this role, and check it.")
@click.option("--may", multiple=True, metavar="TEXT", default=RIGHTS, show_default=True, help=_RIGHT)
def health_command(invocation: Invocation, /, *, for_role: str | None, may: tuple[str, ...]) -> int:
    """Check your access and rights in a cluster, step by step.

    A failed step shows its cause and a fix. The exit code is 1 if a step failed.
    """
    report = invocation.awaited(awsauth.health_check, role_arn=for_role, may=may, **invocation.library_target)
    invocation.report({"health": report}, in_options(str(report)))
    return DONE if report.passed else FOUND


@awsauth_command("recover", "awsauth.recover(cluster, rollback_to=…, changes=[…])", connection=_TARGET, writes=True)
@click.option("--to", type=int, metavar="REVISION", help="The revision to restore; by default the newest that helps.")
@click.option("--changes", type=click.File("rb"), metavar="FILE", help="Changes to make, as for `awsauth apply`.")
@click.option("--creator-role", metavar="ARN", help="The role that created the cluster, if you can assume it.")
@click.option("--iam-arn", metavar="ARN", help="Your ARN with its path, if you may not call iam:GetRole.")
@click.option("--allow", metavar="NAME", multiple=True, help=_ALLOW, shell_complete=complete_allow)
@click.option("--reason", metavar="TEXT", default="", help="Why; stored with the revision.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only show the steps.")
def recover_command(
    invocation: Invocation, /, *, to: int | None, changes: IO[bytes] | None, yes: bool, dry_run: bool, **how: Any
) -> int:
    """Restore your access to an EKS cluster (--cluster), and repair its aws-auth.

    It works through the EKS API.
    """
    if "cluster" not in invocation.target or invocation.target.keys() - {"cluster", "region", "profile"}:
        options = "pass --cluster NAME, and of the other target options only --region and --profile"
        other = "If your context still has access, use `awsauth rollback --context NAME`."
        raise click.UsageError(f"`recover` works through the EKS API: {options}. {other}")
    if not (yes or dry_run):
        invocation.require_terminal("to recover")
    with naming(changes or ""):
        repair = load_plan_or_changes(read_input(changes)) if changes else None
    repair = repair.changes if isinstance(repair, Plan) else repair
    target: Any = {**invocation.target, **how, "rollback_to": to, "changes": repair}
    planned = invocation.awaited(awsauth.recover, **target, dry_run=True)
    if dry_run:
        return _report(invocation, planned)
    shown = in_options(str(planned))
    if invocation.output == "text":
        invocation.screen.print(shown)
    elif not yes:
        invocation.screen.tell(shown)
    if not yes:
        needs = planned.plan.needs
        if not invocation.screen.ask(f"Allow {', '.join(needs)}, and do this?" if needs else "Do this?"):
            invocation.screen.tell("Nothing was changed.")
            return FOUND
        target["allow"] = (*target["allow"], *needs)
    invocation.if_interrupted = "Some steps may be done: --dry-run shows the rest."
    return _report(invocation, _recovered(invocation, target, asks=not yes))


def _recovered(invocation: Invocation, target: dict[str, Any], *, asks: bool) -> Recovery:
    """Recover; ask about guards and about revisions that must be named."""
    while True:
        try:
            return invocation.awaited(awsauth.recover, **target)
        except GuardError as error:
            guards = guards_to_ask_about(error)
            refused: AwsAuthError = error
            question = f"Allow {', '.join(guards)}, and go on?" if guards else ""
            more: dict[str, Any] = {"allow": (*target["allow"], *guards)}
        except UnprovenHistoryError as error:
            refused, question = error, f"Restore revision {error.revisions[0]}?"
            more = {"rollback_to": error.revisions[0]}
        if not asks or not question:
            raise refused
        invocation.screen.tell(in_options(refused.message))
        if not invocation.screen.ask(question):
            raise refused
        target |= more


def _report(invocation: Invocation, recovery: Recovery) -> int:
    invocation.report({"recovery": recovery}, in_options(str(recovery)))
    return DONE
