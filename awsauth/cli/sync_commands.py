"""The commands that sync, import and print fragments."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, get_args

import click

from awsauth.cli.command import CONFLICT, DONE, FOUND, RECORDED, REFUSED, awsauth_command, choice
from awsauth.cli.confirm import Confirmation, PreviewedChange, confirm_and_apply
from awsauth.cli.files import naming, read_input
from awsauth.cli.inspect_commands import owner_by_name
from awsauth.cli.invocation import Invocation, targeted_command
from awsauth.core.desired.acts import SyncReport
from awsauth.core.desired.convert import fragment_text, import_fragment, initial_fragment
from awsauth.core.desired.decide import OnDrift
from awsauth.core.desired.fragment import Fragment, decode_text
from awsauth.core.findings import Finding, note
from awsauth.core.guards.guards import GUARDS
from awsauth.core.text.display import visible
from awsauth.errors import FragmentError, UsageError
from awsauth.read_only_client import snapshot_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from awsauth.apply import Result
    from awsauth.client import AwsAuthClient


_SUFFIXES: Final = (".yaml", ".yml", ".json")

_RESTORE: Final = "pass restore_ownership=True"


_PLAN: Final = "Only show the changes: exit code 1 if any, or if a record is lost; 6 on a conflict."
_IF_MAPPED: Final = "With extend, add groups to entries with the same username and no owner."
_MAX_REMOVALS: Final = "The most entries to remove of each owner.  [default: 5 or 20%, the larger]"
_APPROVED: Final = "Only make the changes in this output of --plan -o json."
_PATH: Final = click.Path(exists=True, allow_dash=True)


@awsauth_command("sync", "client.sync([awsauth.Fragment.from_text(text)])", changes=RECORDED)
@click.argument("sources", nargs=-1, required=True, metavar="FILE|FOLDER...", type=_PATH)
@click.option("--owner", metavar="NAME", help="The owner for manifests of aws-auth, which do not name one.")
@click.option("--plan", "--check", "plans", is_flag=True, help=_PLAN)
@click.option("--adopt", is_flag=True, help="Take over entries that no owner applied.")
@choice("--if-mapped", ["fail", "extend"], "fail", _IF_MAPPED)
@click.option("--take-from", metavar="OWNER", multiple=True, help="Take over entries of another owner; repeatable.")
@choice("--on-drift", get_args(OnDrift), "restore", "What to do with entries that another writer changed or removed.")
@choice("--prune", ["unchanged", "force"], "unchanged", "With force, also remove entries that another writer changed.")
@click.option("--release", metavar="ARN", multiple=True, help="Keep an entry mapped, and forget its owner; repeatable.")
@click.option("--max-removals", metavar="NUMBER|PERCENT%", help=_MAX_REMOVALS)
@click.option("--allow-empty", is_flag=True, help="Allow an owner without entries.")
@click.option("--restore-ownership", is_flag=True, help="Take lost records of owners from the revisions.")
@click.option("--exclusive", is_flag=True, help="Also report entries without an owner; exit code 1 with --check.")
@click.option(
    "--entries",
    is_flag=True,
    help="Apply the access entries of the fragments, and not their mappings. Not with --exclusive or --restore-ownership.",
)
@click.option("--approved", metavar="FILE", type=click.File("rb"), help=_APPROVED)
def sync_command(
    invocation: Invocation,
    /,
    *,
    sources: tuple[str, ...],
    owner: str | None,
    plans: bool,
    approved: IO[bytes] | None,
    **options: Any,
) -> int:
    """Apply fragments, the files in which owners keep their mappings.

    A fragment is a YAML or JSON file with `owner`, and aws-auth's lists mapRoles, mapUsers and mapAccounts. All are
    applied in one write. With --entries, its list accessEntries is applied instead. The sync removes an entry that its owner applied and no longer wants, unless another writer
    changed it since. All other entries stay. In a folder, the files that end in .yaml, .yml and .json are read; - is
    standard input.
    """
    if invocation.is_filter:
        message = "A manifest on standard input has no place for the records of owners."
        raise UsageError(message, hint="Name the manifest's file.")
    fragments = [Fragment.from_text(raw, name, owner=owner) for name, raw in _files(sources)]
    most = options["max_removals"]
    if most and re.fullmatch(r"\d{1,9}", most):
        options["max_removals"] = int(most)
    with naming(approved or ""):
        planned = SyncReport.from_text(read_input(approved)) if approved else None
    words = ["sync", *sources, *(("--owner", owner) if owner else ()), "--restore-ownership"]
    restore = f"run `{targeted_command(invocation, *words)}`"

    def propose(client: AwsAuthClient) -> PreviewedChange:
        def sync(**more: Any) -> Result:
            result = client.sync(fragments, **options, reason=invocation.how.reason, **more)
            findings = (replace(one, hint=one.hint.replace(_RESTORE, restore)) for one in result.findings)
            return replace(result, findings=(*findings, *missing))

        preview = partial(sync, dry_run=True, allow=[*GUARDS, *invocation.how.allow])
        with invocation.waiting():
            is_whole = any(map(os.path.isdir, sources)) and not options["entries"]
            missing = tuple(_without_fragment(client, fragments)) if is_whole else ()
            found = preview(approved=planned)
        if found.sync and not plans:
            found.sync.raise_for_conflicts()
        more = "\n".join(str(act) for act in (found.sync.acts if found.sync else ()) if act.act not in told)
        return PreviewedChange(found, partial(sync, approved=found.sync), lambda: not preview().changed, more)

    # The error for conflicts lists them.
    told = ("conflict",) if invocation.output in ("text", "github") else ()
    return (_shown if plans else confirm_and_apply)(invocation, propose)


def _shown(invocation: Invocation, propose: Callable[[AwsAuthClient], PreviewedChange]) -> int:
    """Show what a sync would change, and return the exit code of a plan."""
    with invocation.client() as client:
        proposed = propose(client)
    preview = Confirmation(invocation, proposed, asks=False)
    preview.show()
    preview.end(proposed.result)
    if preview.refusal:
        return REFUSED
    sync = proposed.result and proposed.result.sync
    if sync and sync.conflicts:
        if invocation.output == "json":
            return CONFLICT
        sync.raise_for_conflicts()
    is_found = proposed.has_effect or any(one.code == "unmanaged-entry" for one in proposed.preview.findings)
    return FOUND if is_found or (sync and sync.lost) else DONE


def _without_fragment(client: AwsAuthClient, fragments: Sequence[Fragment]) -> Iterator[Finding]:
    """Yield a note for each recorded owner without a fragment in the folder."""
    synced = {fragment.owner for fragment in fragments}
    for owner, names in client.owners().items():
        if names and owner not in synced:
            count = "1 entry" if len(names) == 1 else f"{len(names)} entries"
            message = f"The owner {owner} has {count} and no fragment here."
            hint = f"To remove them, keep a fragment with only `owner: {owner}`, and pass --allow-empty."
            yield note("owner-without-fragment", message, "The sync leaves the owner's entries.", hint)


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
def import_command(invocation: Invocation, /, *, source: IO[bytes], owner: str) -> None:
    """Print the principals in another tool's file as a fragment for `awsauth sync`.

    It reads YAML and JSON: eksctl's iamIdentityMappings and accessEntries; variables of terraform-aws-eks
    (access_entries, aws_auth_roles); objects of the kinds IAMIdentityMapping, AWSAuthItem, MapRole, MapUser and
    AccessEntry; and the authenticator's config.yaml, as with kops. It also reads ConfigMaps with aws-auth's lists, as
    for cmmc and aws-auth-merger, and the static mappings of eks-auth-sync. It refuses the parts that a fragment cannot
    hold, and names them.
    """
    with naming(source):
        text = decode_text(read_input(source))
        invocation.screen.print(fragment_text(import_fragment(text, owner)).rstrip("\n"))


@awsauth_command("init", "awsauth.Fragment.from_document(client.read(), owner)", outputs=("text",))
@_OWNER
def init_command(invocation: Invocation, /, *, owner: str) -> None:
    """Print the present mappings as a fragment, for `awsauth sync --adopt`.

    It leaves out node mappings, and entries that another owner applied.
    """
    with invocation.client() as client:
        snapshot = invocation.awaited(snapshot_of, client)
    others = {name for name, other in owner_by_name(invocation, snapshot).items() if other != owner}
    fragment, left_out = initial_fragment(snapshot.document, owner, others)
    for line in left_out:
        invocation.screen.tell(f"Left out: {visible(line)}.")
    invocation.screen.print(fragment_text(fragment).rstrip("\n"))
