"""The commands on files with changes, manifests or fragments."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, get_args

import click

from awsauth.cli.command import awsauth_command, choice
from awsauth.cli.completion import REVISIONS
from awsauth.cli.confirm import ChangeOptions, Confirmation, PreviewedChange, change, confirm_and_apply
from awsauth.cli.files import manifest_from, name_of, naming, read_input, save, wanted_in
from awsauth.cli.inspect_commands import owners_in
from awsauth.cli.invocation import CONFLICT, DONE, FOUND, REFUSED, Invocation, command
from awsauth.cli.output import findings_as_markdown
from awsauth.client import AwsAuthClient
from awsauth.core.desired.acts import OnDrift, SyncReport
from awsauth.core.desired.convert import fragment_text, import_fragment, initial_fragment
from awsauth.core.desired.fragment import Fragment, decode_text
from awsauth.core.findings import Finding, Severity
from awsauth.core.guards.guards import GUARDS, REFUSALS
from awsauth.core.plan import Plan
from awsauth.core.text.display import visible
from awsauth.errors import FragmentError, MappingConflictError, UsageError
from awsauth.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from awsauth.apply import Result
    from awsauth.core.diff import Diff
    from awsauth.stores.store import Store

_FILE: Final = click.argument("source", metavar="FILE", type=click.File("rb"))
_KEEP_NODES: Final = click.option(
    "--keep-nodes", is_flag=True, help="With a manifest, keep the node mappings that only the live state has."
)


def _show(invocation: Invocation, values: dict[str, Any], diff: Diff, findings: Sequence[Finding], last: str) -> None:
    screen = invocation.screen
    text = [screen.diff(diff), screen.findings(findings), screen.wrapped(last)]
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
    with invocation.client() as client, invocation.waiting():
        plan = client.plan(wanted.changes if isinstance(wanted, Plan) else wanted, keep_nodes=keep_nodes)
    last = f"Planned for {invocation.named_target}; nothing was changed."
    _show(invocation, {"plan": plan}, plan.diff, plan.findings, last)
    if out:
        save(plan, out)
    return FOUND if plan.diff and not out else DONE


@awsauth_command("apply", "client.apply(awsauth.Plan.from_text(text))", changes=True, observes=True)
@_FILE
@_KEEP_NODES
def apply_command(invocation: Invocation, /, *, source: IO[bytes], keep_nodes: bool, **manner: Any) -> int:
    """Apply a saved plan, the changes in a file, or a manifest.

    A plan is applied only if its diff is still the one that was saved; otherwise the exit code is 6. The file holds a
    plan, or changes or a manifest as for `awsauth plan`; - is standard input.
    """
    wanted = wanted_in(source)
    how = ChangeOptions(**manner)
    if not isinstance(wanted, Plan):
        return change(invocation, how, lambda client: client.plan(wanted, keep_nodes=keep_nodes))
    if keep_nodes:
        raise click.UsageError("--keep-nodes goes with a manifest, not with a plan.")
    return confirm_and_apply(invocation, how, lambda client: _preview(invocation, client, wanted, how), again=False)


def _preview(invocation: Invocation, client: AwsAuthClient, plan: Plan, how: ChangeOptions) -> PreviewedChange:
    """Return the change that a saved plan makes now, with the findings of today."""
    try:
        with invocation.waiting():
            found = client.apply(plan, dry_run=True, allow=[*GUARDS])
    except MappingConflictError as error:
        error.hint += " Then make a new plan."
        raise
    return PreviewedChange(
        found.diff, found.findings, partial(client.apply, plan, **how.options), lambda: client.read() == found.document
    )


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
        with invocation.client() as client, invocation.waiting():
            found = client.diff(before, after)
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
    with (
        AwsAuthClient(*base, policy=invocation.policy) if base else invocation.client() as client,
        invocation.waiting(),
    ):
        return client.plan(wanted.read().document, keep_nodes=keep_nodes)


_SUFFIXES: Final = (".yaml", ".yml", ".json")

_RESTORE: Final = "pass restore_ownership=True"


@awsauth_command("sync", "client.sync([awsauth.Fragment.from_text(text)])", changes=True, always_recorded=True)
@click.argument(
    "sources", nargs=-1, required=True, metavar="FILE|FOLDER...", type=click.Path(exists=True, allow_dash=True)
)
@click.option("--owner", metavar="NAME", help="The owner for manifests of aws-auth, which do not name one.")
@click.option(
    "--plan",
    "--check",
    "plans",
    is_flag=True,
    help="Only show the changes: exit code 1 if any, or if a record is lost; 6 on a conflict.",
)
@click.option("--adopt", is_flag=True, help="Take over entries that no owner applied.")
@choice(
    "--if-mapped", ["fail", "extend"], "fail", "With extend, add groups to entries with the same username and no owner."
)
@click.option("--take-from", metavar="OWNER", multiple=True, help="Take over entries of another owner; repeatable.")
@choice("--on-drift", get_args(OnDrift), "restore", "What to do with entries that another writer changed or removed.")
@choice("--prune", ["unchanged", "force"], "unchanged", "With force, also remove entries that another writer changed.")
@click.option("--release", metavar="ARN", multiple=True, help="Keep an entry mapped, and forget its owner; repeatable.")
@click.option(
    "--max-removals",
    metavar="NUMBER|PERCENT%",
    help="The most entries to remove of each owner.  [default: 5 or 20%, the larger]",
)
@click.option("--allow-empty", is_flag=True, help="Allow an owner without entries.")
@click.option("--restore-ownership", is_flag=True, help="Take lost records of owners from the revisions.")
@click.option("--exclusive", is_flag=True, help="Also report entries without an owner; exit code 1 with --check.")
@click.option(
    "--approved", metavar="FILE", type=click.File("rb"), help="Only make the changes in this output of --plan -o json."
)
def sync_command(
    invocation: Invocation,
    /,
    *,
    sources: tuple[str, ...],
    owner: str | None,
    plans: bool,
    max_removals: str | None,
    approved: IO[bytes] | None,
    **options: Any,
) -> int:
    """Apply fragments, the files in which owners keep their mappings.

    A fragment is a YAML or JSON file with `owner`, and aws-auth's lists mapRoles, mapUsers and mapAccounts. All are
    applied in one write. The sync removes an entry that its owner applied and no longer wants, unless another writer
    changed it since. All other entries stay. In a folder, the files that end in .yaml, .yml and .json are read; - is
    standard input.
    """
    how = ChangeOptions(**{name: options.pop(name) for name in ("yes", "dry_run", "reason", "allow")})
    if invocation.is_filter:
        raise UsageError(
            "A manifest on standard input has no place for the records of owners.", hint="Name the manifest's file."
        )
    fragments = [Fragment.from_text(raw, name, owner=owner) for name, raw in _files(sources)]
    options["max_removals"] = (
        int(max_removals) if max_removals and re.fullmatch(r"\d{1,9}", max_removals) else max_removals
    )

    with naming(approved or ""):
        planned = SyncReport.from_text(read_input(approved)) if approved else None
    words = ["sync", *sources, *(("--owner", owner) if owner else ()), "--restore-ownership"]
    restore = f"run `{command(invocation, *words)}`"

    def propose(client: AwsAuthClient) -> PreviewedChange:
        def sync(**more: Any) -> Result:
            result = client.sync(fragments, **options, reason=how.reason, **more)
            findings = (replace(one, hint=one.hint.replace(_RESTORE, restore)) for one in result.findings)
            return replace(result, findings=(*findings, *missing))

        preview = partial(sync, dry_run=True, allow=[*GUARDS, *how.allow])
        with invocation.waiting():
            missing = tuple(_without_fragment(client, fragments)) if any(map(os.path.isdir, sources)) else ()
            found = preview(approved=planned)
        if found.sync and not plans:
            found.sync.raise_for_conflicts()
        return PreviewedChange(
            found.diff,
            found.findings,
            partial(sync, approved=found.sync),
            lambda: not preview().changed,
            more="\n".join(str(act) for act in (found.sync.acts if found.sync else ()) if act.act not in told),
            result=found,
        )

    # The error for conflicts lists them.
    told = ("conflict",) if invocation.output in ("text", "github") else ()
    return (_shown if plans else confirm_and_apply)(invocation, how, propose)


def _shown(invocation: Invocation, how: ChangeOptions, propose: Callable[[AwsAuthClient], PreviewedChange]) -> int:
    """Show what a sync would change, and return the exit code of a plan."""
    with invocation.client() as client:
        proposed = propose(client)
    preview = Confirmation(invocation, how, proposed, asks=False)
    preview.show()
    preview.end(proposed.result)
    if preview.refusal:
        return REFUSED
    sync = proposed.result and proposed.result.sync
    if sync and sync.conflicts:
        if invocation.output == "json":
            return CONFLICT
        sync.raise_for_conflicts()
    is_found = proposed.has_effect or any(one.code == "unmanaged-entry" for one in proposed.findings)
    return FOUND if is_found or (sync and sync.lost) else DONE


def _without_fragment(client: AwsAuthClient, fragments: Sequence[Fragment]) -> Iterator[Finding]:
    """Yield a note for each recorded owner without a fragment in the folder."""
    synced = {fragment.owner for fragment in fragments}
    for owner, names in client.owners().items():
        if names and owner not in synced:
            count = "1 entry" if len(names) == 1 else f"{len(names)} entries"
            yield Finding(
                "owner-without-fragment",
                Severity.NOTE,
                f"The owner {owner} has {count} and no fragment here.",
                "The sync leaves the owner's entries.",
                f"To remove them, keep a fragment with only `owner: {owner}`, and pass --allow-empty.",
            )


def _files(sources: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of each file, also of those in folders.

    Raises:
        FragmentError: a folder holds no fragments.
        FileError: a file cannot be read.
    """
    for source in sources:
        path, names = Path(source), [source]
        if source != "-" and path.is_dir():
            found = (one for one in path.iterdir() if one.suffix in _SUFFIXES and not one.name.startswith("."))
            names = sorted(map(str, found))
        if not names:
            hint = "Fragments are files that end in .yaml, .yml or .json."
            raise FragmentError("The folder holds no fragments.", location=source, hint=hint)
        for name in names:
            shown = "standard input" if name == "-" else name
            with naming(shown):
                yield shown, read_input(name)


_OWNER: Final = click.option("--owner", metavar="NAME", required=True, help="The owner of the entries.")


@awsauth_command("import", "awsauth.Fragment(owner=…, roles=[…])", connection=(), outputs=("text",))
@click.argument("source", metavar="FILE", type=click.File("rb"))
@_OWNER
def import_command(invocation: Invocation, /, *, source: IO[bytes], owner: str) -> int:
    """Print the principals in another tool's file as a fragment for `awsauth sync`.

    It reads YAML and JSON: eksctl's iamIdentityMappings and accessEntries; variables of terraform-aws-eks
    (access_entries, aws_auth_roles); objects of the kinds IAMIdentityMapping, AWSAuthItem, MapRole, MapUser and
    AccessEntry; and the authenticator's config.yaml, as with kops. It also reads ConfigMaps with aws-auth's lists, as
    for cmmc and aws-auth-merger, and the static mappings of eks-auth-sync. It refuses the parts that a fragment cannot
    hold, and names them.
    """
    with naming(source):
        text = decode_text(read_input(source))
        invocation.screen.print(fragment_text(import_fragment(text, "", owner)).rstrip("\n"))
    return DONE


@awsauth_command("init", "awsauth.Fragment.from_document(client.read(), owner)", outputs=("text",))
@_OWNER
def init_command(invocation: Invocation, /, *, owner: str) -> int:
    """Print the present mappings as a fragment, for `awsauth sync --adopt`.

    It leaves out node mappings, and entries that another owner applied.
    """
    with invocation.client() as client, invocation.waiting():
        document, owners = client.read(), owners_in(invocation, client)
    owned = {name for name, other in owners.items() if other != owner}
    fragment, left_out = initial_fragment(document, owner, owned)
    for line in left_out:
        invocation.screen.tell(f"Left out: {visible(line)}.")
    invocation.screen.print(fragment_text(fragment).rstrip("\n"))
    return DONE
