"""Commands about who gets in: whoever runs them, and whoever is locked out."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

import click

import awsauth
from awsauth.cli.command import AwsAuthCommand
from awsauth.cli.exit_codes import DONE, FOUND
from awsauth.cli.files import changes_in
from awsauth.cli.invocation import Invocation, current
from awsauth.cli.wording import in_options
from awsauth.errors import AwsAuthError, GuardError, UnprovenHistoryError

if TYPE_CHECKING:
    from awsauth.recovery.report import Recovery


@click.command("whoami", cls=AwsAuthCommand, library="awsauth.whoami(profile=…, region=…, cluster=…)")
@current
def whoami_command(invocation: Invocation) -> int:
    """Say who this machine is to AWS, where its credentials come from, and how aws-auth sees it.

    With --cluster or --context also with which username and groups it comes in there.
    """
    target: Any = {name: value for name, value in invocation.target.items() if name not in {"author", "policy"}}
    with invocation.waiting():
        identity = awsauth.whoami(**target)
    if invocation.output == "json":
        invocation.emit({"identity": identity})
    else:
        invocation.screen.print(str(identity))
    return DONE


@click.command("health", cls=AwsAuthCommand, library="awsauth.health_check(cluster=…, may=[…])")
@click.option("--for-role", metavar="ARN", help="Check another role, after assuming it.")
@click.option(
    "--may",
    multiple=True,
    metavar="TEXT",
    default=("list nodes", "list namespaces"),
    show_default=True,
    help="What has to be allowed: VERB RESOURCE[.GROUP] [in NAMESPACE]; repeatable.",
)
@current
def health_command(invocation: Invocation, /, *, for_role: str | None, may: tuple[str, ...]) -> int:
    """Check whether you get in, and may do your work: step by step, with cause and cure of what fails.

    The exit code is 1 when a step failed.
    """
    with invocation.waiting():
        report = awsauth.health_check(role_arn=for_role, may=may, **invocation.library_target)
    if invocation.output == "json":
        invocation.emit({"health": report})
    else:
        invocation.screen.print(in_options(str(report)))
    return DONE if report.passed else FOUND


@click.command(
    "recover",
    cls=AwsAuthCommand,
    connection=("--cluster", "--region", "--profile"),
    writes=True,
    library="awsauth.recover(cluster, rollback_to=…, changes=[…])",
)
@click.option("--to", type=int, metavar="REVISION", help="The revision to go back to; by default as far as it takes.")
@click.option(
    "--changes", type=click.File("rb"), metavar="FILE", help="Changes that repair it, as for `awsauth apply`."
)
@click.option("--creator-role", metavar="ARN", help="The role that made the cluster, if you may assume it.")
@click.option("--iam-arn", metavar="ARN", help="Your ARN with its path, where iam:GetRole is not allowed.")
@click.option("--allow", metavar="NAME", multiple=True, help="switch-authentication-mode, or a guard; repeatable.")
@click.option("--reason", metavar="TEXT", default="", help="Why; kept with the revision.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@current
def recover_command(
    invocation: Invocation, /, *, to: int | None, changes: IO[bytes] | None, yes: bool, dry_run: bool, **how: Any
) -> int:
    """Get back into an EKS cluster (--cluster) that you are locked out of, by way of the EKS API, and repair its aws-auth."""
    unfit = sorted(invocation.target.keys() - {"cluster", "region", "profile"})
    if "cluster" not in invocation.target or unfit:
        raise click.UsageError("Recovering takes --cluster, with --region and --profile, and nothing else of a target.")
    if not (yes or dry_run):
        invocation.require_terminal("to recover")
    target: Any = {**invocation.target, **how, "rollback_to": to, "changes": changes and changes_in(changes)}
    with invocation.waiting():
        planned = awsauth.recover(**target, dry_run=True)
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
    invocation.if_interrupted = "Some steps may be done: --dry-run shows what is left."
    return _report(invocation, _recovered(invocation, target, asks=not yes))


def _recovered(invocation: Invocation, target: dict[str, Any], *, asks: bool) -> Recovery:
    """Recover. What a guard refuses, or has to be named, is asked about, and then recovering begins again."""
    while True:
        try:
            with invocation.waiting():
                return awsauth.recover(**target)
        except GuardError as error:
            guards = tuple(dict.fromkeys(finding.code for finding in error.findings))
            refused: AwsAuthError = error
            more: dict[str, Any] = {"allow": (*target["allow"], *guards)}
            question = f"Allow {', '.join(guards)}, and go on?"
        except UnprovenHistoryError as error:
            refused, more = error, {"rollback_to": error.revisions[0]}
            question = f"Restore revision {error.revisions[0]}?"
        if not asks:
            raise refused
        invocation.screen.tell(in_options(refused.message))
        if not invocation.screen.ask(question):
            raise refused
        target |= more


def _report(invocation: Invocation, recovery: Recovery) -> int:
    if invocation.output == "json":
        invocation.emit({"recovery": recovery})
    else:
        invocation.screen.print(in_options(str(recovery)))
    return DONE
