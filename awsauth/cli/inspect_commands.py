"""The commands that inspect access, such as `get`, `check` and `report`."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import click

import awsauth
from awsauth.cli.command import CHANGE, DONE, FOUND, NOT_FOUND, UNFIT, UNREACHED, VERIFIED, awsauth_command, choice
from awsauth.cli.completion import GROUPS_AND_USERNAMES, PRINCIPALS, remember
from awsauth.cli.invocation import Invocation, targeted_command
from awsauth.cli.output import annotation
from awsauth.core.access.matching import casefold_arn
from awsauth.core.document.model import KEYS
from awsauth.core.serialization import json_text
from awsauth.core.text.display import command_line, fenced, visible
from awsauth.errors import FileError
from awsauth.read_only_client import access_of, owners_in, snapshot_of
from awsauth.report.formats import markdown_table, report_as_csv

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from awsauth.core.edit.changes import Change
    from awsauth.core.entries.model import AccessEntry, AccessView, PrincipalAccess
    from awsauth.core.findings import Finding
    from awsauth.core.lint.lint import MappingRow
    from awsauth.stores.store import Snapshot


def command_for(invocation: Invocation, change: Change) -> str:
    """Return the command line for a change; for ``--file -`` it may be a Python call."""
    match change:
        case awsauth.EnsureRole():
            return targeted_command(invocation, "add", "role", change.role_arn, *_mapping(change))
        case awsauth.EnsureUser():
            return targeted_command(invocation, "add", "user", change.user_arn, *_mapping(change))
        case awsauth.EnsureAccount():
            return targeted_command(invocation, "add", "account", change.account)
    if invocation.is_filter:
        from awsauth.core.explain.explanation import call  # `get` explains nothing

        return call(change)
    printed = command_line("printf", "%s", json.dumps([change.to_json()]))
    return f"{printed} | {targeted_command(invocation, 'apply', '-', '--yes')}"  # --yes, as standard input is not a terminal


def _mapping(change: awsauth.EnsureRole | awsauth.EnsureUser) -> Iterator[str]:
    yield from ("--username", change.username)
    for group in change.groups:
        yield from ("--group", group)
    if change.if_mapped != "extend":
        yield from ("--if-mapped", change.if_mapped)


_SEVERITIES: Final = ("error", "warning", "note")
_NOTHING: Final = "Nothing found."
_CHECK: Final = "client.check(), and client.apply(awsauth.fixes(client.read(), client.check()))"


@awsauth_command("check", _CHECK, changes=(*CHANGE, *VERIFIED), outputs=("text", "json", "markdown", "github", "sarif"))
@click.option("--fix", is_flag=True, help="First apply the safe fixes.")
@choice("--fail-on", _SEVERITIES, "warning", "The lowest severity for exit code 1.")
def check_command(invocation: Invocation, /, *, fix: bool, fail_on: str) -> int:
    """Check the mappings for mistakes and risks.

    On a cluster, it also checks nodes, bindings and other writers. In GitHub Actions, or with -o github, findings are
    annotations of the file.
    """
    if (given := invocation.how.given) and not fix:
        raise click.UsageError(f"{', '.join(given)} needs --fix: without it `check` changes nothing.")
    if fix:
        from awsauth.cli.confirm import run_change  # `get` changes nothing

        with invocation.part_of_output("fixed"):
            run_change(invocation, lambda client: client.plan(awsauth.fixes(client.read(), client.check())))
    found = invocation.answer(lambda client: client.check())
    _show(invocation, found)
    worst = _SEVERITIES[: _SEVERITIES.index(fail_on) + 1]
    return FOUND if any(finding.severity.value in worst for finding in found) else DONE


def _show(invocation: Invocation, found: Sequence[Finding]) -> None:
    from awsauth.cli.errors import CheckedFinding, FileLocation, findings_as_markdown, findings_as_text

    places = [place if (place := finding.location) and place.in_file else None for finding in found]
    file, screen = invocation.file, invocation.screen
    if invocation.output == "sarif":
        _print_sarif(invocation, found)
    elif invocation.output == "github":
        for finding, at in zip(found, places, strict=True):
            screen.command_ci(annotation(finding, file, at))
    else:
        positions = ((at.line, at.column) if at else (None, None) for at in places)
        at_file = [FileLocation(file, *position) if file else None for position in positions]
        locations = [f"{visible(file)}:{at.line}:{at.column}: " if file and at else "" for at in places]
        markdown = findings_as_markdown(found) if invocation.output == "markdown" else ""
        text = findings_as_text(screen, found, locations) or _NOTHING
        invocation.report({"findings": [*map(CheckedFinding, found, at_file)]}, text, markdown or _NOTHING)


def _print_sarif(invocation: Invocation, found: Iterable[Finding]) -> None:
    from awsauth.cli.errors import in_options
    from awsauth.report.sarif import findings_as_sarif

    invocation.screen.print(json_text(findings_as_sarif(found, invocation.where, invocation.file, in_options)))


# By the source that decides, the note of a mapping.
_COUNTS: Final = {"entry": "overridden by its access entry", "unknown": "an access entry may override it"}

_HEADER: Final = ("KIND", "PRINCIPAL", "USERNAME", "GROUPS", "NOTES")


@awsauth_command("get", "client.access(), or awsauth.list_mappings(client.read(), pattern)")
@click.argument("pattern", default="*", metavar="[ARN|PATTERN]", shell_complete=PRINCIPALS)
def get_command(invocation: Invocation, /, *, pattern: str) -> int:
    """Show the mappings, and the access entries of an EKS cluster.

    A pattern with *, ? and [...] is compared with principals, usernames and groups. The notes name the owner and
    the findings of `awsauth check`. They mark node mappings, and mappings that never match or do not count.
    """
    from awsauth.core.lint.lint import list_mappings, matches_pattern

    with invocation.client() as client:
        with invocation.waiting():
            snapshot = snapshot_of(client)
            view = access_of(client, snapshot)
        document, owners = snapshot.document, owner_by_name(invocation, snapshot)
        principals = view.principals if view else ()
        shown = [one for one in principals if matches_pattern(pattern, one.principal, one.username, *one.groups)]
        mapped = {one.entry.principal if one.entry else casefold_arn(one.principal): one for one in principals}
        listed = [_noted(row, owners, mapped) for row in list_mappings(document, pattern, invocation.policy)]
        remember(invocation.target, document)
    cells = [*map(_cells, listed), *(_entry_cells(one.entry, one) for one in shown if one.entry)]
    access = replace(view, principals=tuple(shown)) if view and (view.mode or view.notes) else None
    if invocation.output == "markdown":
        table = markdown_table(_HEADER, cells)
    else:
        table = invocation.screen.table(_HEADER, cells, titles=(0, 1)) if cells else ""
    values = {"mappings": listed, "problems": len(document.problems), "access": access}
    invocation.report(values, table)
    return _end_of_get(invocation, snapshot, view, pattern=pattern, is_found=bool(cells))


def _end_of_get(
    invocation: Invocation, snapshot: Snapshot, view: AccessView | None, *, pattern: str, is_found: bool
) -> int:
    tell, document = invocation.screen.tell, snapshot.document
    is_used = not view or view.mode != "API"
    lost = [key for key in KEYS if document.reading(key).is_unreadable]
    if lost:
        tell(f"{' and '.join(lost)} cannot be read.")
    if document.problems:
        tell(f"The text has problems ({len(document.problems)}): {targeted_command(invocation, 'check')}")
    for note in view.notes if view else ():
        tell(note.line)
    if not is_used:
        tell("The authentication mode is API: only access entries count.")
    if pattern != "*" and not is_found:
        tell(f"No mapping matches {pattern!a}{', as far as can be read' if lost else ''}.")
        return UNFIT if lost else NOT_FOUND
    if not snapshot.exists and is_used:
        tell("There is no aws-auth: nothing is mapped.")
        return NOT_FOUND
    if not is_found and not lost:
        tell("Nothing is mapped.")
    return UNFIT if lost else DONE


def owner_by_name(invocation: Invocation, snapshot: Snapshot) -> dict[str, str]:
    """Return the owners by the names of their entries, and tell unreadable records."""
    try:
        found = owners_in(snapshot)
    except FileError as error:
        invocation.screen.tell(f"{error.location}: {error.message} {error.hint}")
        return {}
    for owner in (owner for owner, names in found.items() if not names):
        invocation.screen.tell(f"The record of the owner {owner} is empty or cannot be read.")
    return {name: owner for owner, names in found.items() for name in names}


def _noted(row: MappingRow, owners: Mapping[str, str], mapped: Mapping[str, PrincipalAccess]) -> MappingRow:
    """Return a row with notes about its owner and its access entry."""
    principal = casefold_arn(row.principal)
    owner, shown = owners.get(f"{row.kind}/{principal}"), mapped.get(principal)
    notes = (f"owner {owner}" if owner else "", _COUNTS.get(shown.decided_by, "") if shown else "")
    return replace(row, notes=(*filter(None, notes), *row.notes))


def _cells(listed: MappingRow) -> Sequence[str]:
    groups = ", ".join(group or "(empty)" for group in listed.groups)
    return listed.kind, listed.principal or "(sso)", listed.username, groups, ", ".join(listed.notes)


def _entry_cells(entry: AccessEntry, shown: PrincipalAccess) -> Sequence[str]:
    notes = [
        entry.type if entry.type != "STANDARD" else "",
        f"owner {entry.owner}" if entry.owner else "",
        f"created {entry.created:%Y-%m-%d}" if entry.created else "",
        "overrides its mapping" if shown.mapped else "",
    ]
    groups = (*entry.groups, *map(str, entry.policies))
    return "entry", entry.principal_arn, entry.username, ", ".join(groups), ", ".join(filter(None, notes))


@awsauth_command("report", "client.report()", outputs=("text", "json", "markdown", "csv", "html", "sarif"))
def report_command(invocation: Invocation, /) -> None:
    """Report who has access, as whom, and what each principal may do.

    One row for each principal: the mapping or access entry that decides, username, groups, policies, rights, owner, last
    change, IAM and findings. A part that cannot be checked is marked.
    """
    from awsauth.cli.errors import findings_as_markdown, findings_as_text  # `get` shows no findings

    report = replace(invocation.answer(lambda client: client.report()), target=invocation.where)
    screen = invocation.screen
    match invocation.output:
        case "json":
            invocation.emit({"report": report})
        case "csv":
            screen.print(report_as_csv(report))
            screen.tell(findings_as_text(screen, report.not_checked))
        case "sarif":
            of_rows = [finding for row in report.principals for finding in row.findings]
            _print_sarif(invocation, [*of_rows, *report.findings, *report.not_checked])
        case "html":
            from awsauth.report.html import report_as_html

            screen.print(report_as_html(report))
        case as_text:
            on_screen = (partial(findings_as_text, screen), screen.table)
            as_list, as_table = on_screen if as_text == "text" else (findings_as_markdown, markdown_table)
            title = f"Access to {visible(report.target)}, {report.made:%Y-%m-%d %H:%M} UTC"
            header, *rows = report.table
            parts = [as_list(report.not_checked), as_table(header, rows), as_list(report.findings)]
            screen.print("\n\n".join(filter(None, [title, *parts])))


@awsauth_command("explain", "client.explain(awsauth.Caller(arn, session_name=…))", outputs=("text", "json"))
@click.argument("arn", shell_complete=PRINCIPALS)
@click.option("--session-name", metavar="NAME", help="The name of the role's session.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 unless the principal certainly has access.")
def explain_command(invocation: Invocation, /, *, arn: str, session_name: str | None, exit_code: bool) -> int:
    """Explain step by step how a principal gets its username and groups.

    The steps are those of the authenticator.
    """
    explanation = invocation.answer(lambda client: client.explain(awsauth.Caller(arn, session_name=session_name)))
    text = explanation.told(lambda change: command_for(invocation, change))
    invocation.report({"explanation": explanation}, invocation.screen.wrapped(text))
    return FOUND if exit_code and explanation.verdict != "let-in" else DONE


@awsauth_command("who-can", "client.who_can(verb, resource, namespace=…), or with group=… or username=…")
@click.argument("name", metavar="VERB|GROUP|USERNAME", shell_complete=GROUPS_AND_USERNAMES)
@click.argument("resource", metavar="[RESOURCE[/NAME]]", required=False)
@click.option("-n", "--namespace", metavar="NAMESPACE", help="The namespace of the resource; by default any.")
def who_can_command(invocation: Invocation, /, *, name: str, resource: str | None, namespace: str | None) -> int:
    """Show the principals that have a right in the cluster, and why.

    The right is a verb and a resource: `get secrets`, `create pods/exec` or `delete deployments.apps/web`. It comes from
    RBAC or from an access policy.

    Without a resource, show the principals that get a group or username. An access policy counts as a group of its name.
    """
    if namespace and not resource:
        raise click.UsageError("-n needs a resource, such as `awsauth who-can get secrets -n web`.")
    from awsauth.core.entries.model import NOT_LOOKED_AT  # the entries take long to load

    with invocation.client() as client, invocation.waiting():
        if resource:
            found = [client.who_can(name, resource, namespace=namespace)]
        else:
            found = [client.who_can(group=name), client.who_can(username=name)]
    text = "\n".join(map(str, [grants for grants in found if grants] or found))
    invocation.report({grants.kind: grants.to_json() for grants in found}, text, fenced(text, "text"))
    problems = {problem.code for problem in found[0].problems}
    if problems - {NOT_LOOKED_AT}:
        return UNFIT
    if any(found):
        return DONE
    return UNREACHED if problems else NOT_FOUND
