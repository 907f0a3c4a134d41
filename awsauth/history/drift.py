"""Findings about drift since the last revision, and a missing baseline."""

from __future__ import annotations

from datetime import datetime

from awsauth.core.access.matching import principal_of
from awsauth.core.document.document import Document
from awsauth.core.findings import Finding, Severity, note
from awsauth.core.guards.access import administrators, node_mapping
from awsauth.core.guards.context import GuardContext, GuardInput
from awsauth.core.revisions.info import FIELD_MANAGER
from awsauth.core.revisions.revision import Revision, is_sound
from awsauth.core.text.display import command_line, listed, quoted
from awsauth.errors import ForbiddenError, HistoryError
from awsauth.stores.store import Snapshot, Store, sound_revision


def baseline_findings(snapshot: Snapshot) -> tuple[Finding, ...]:
    """Return a note if the object names no revision."""
    if snapshot.head or not snapshot.exists:
        return ()
    message = "The history has no baseline: aws-auth names no revision."
    impact = "If another tool breaks aws-auth now, no revision holds the present state."
    return (note("no-baseline", message, impact, "Record the present state with snapshot()."),)


def drift(store: Store, snapshot: Snapshot) -> tuple[Finding, ...] | None:
    """Return an error if another tool removed nodes or administrators.

    It compares with the last revision of this library. A state that this library wrote costs no request. Without such a
    revision, or if the caller may not read it, return None: there is nothing to compare with.
    """
    if snapshot.own_head:
        return ()
    revision = _last_own(store, snapshot)
    if not revision:
        return None
    old, new, unknown = Document(revision.data), snapshot.document, GuardContext()
    nodes = [finding.principal for finding in node_mapping(GuardInput.of(old, new, unknown))]
    left = {principal_of(arn) for arn in administrators(new, unknown)}
    admins = [arn for arn in administrators(old, unknown) if principal_of(arn) not in left]
    return (_finding(revision, snapshot, nodes, admins),) if nodes or admins else ()


def _last_own(store: Store, snapshot: Snapshot) -> Revision | None:
    """Return the revision that the object names, or else the newest one.

    If another tool replaced the object, it names none.
    """
    try:
        head = snapshot.head
        if not head:
            sound = [info for info in store.list_revisions().revisions if is_sound(info)]
            if not sound:
                return None
            head = sound[-1].head
        return sound_revision(store, head.number, head.digest)
    except (ForbiddenError, HistoryError):
        return None


def _finding(revision: Revision, snapshot: Snapshot, nodes: list[str], admins: list[str]) -> Finding:
    client, when = _writers(revision, snapshot)
    lost = [f"node mappings: {_quoted(nodes)}"] if nodes else []
    lost += [f"administrators: {_quoted(admins)}"] if admins else []
    message = f"{client} {'changed' if snapshot.exists else 'deleted'} aws-auth {when}. It lost {'; '.join(lost)}."
    of_nodes = "Nodes with these roles become NotReady, and no new one can join."
    impact = of_nodes if nodes else "They can no longer repair aws-auth by their mapping."
    back = command_line("awsauth", "rollback", "--to", str(revision.number))
    hint = f"To restore them, run `{back}`, which keeps the mappings that others added."
    return Finding("drift", Severity.ERROR, message, impact, hint)


def _writers(revision: Revision, snapshot: Snapshot) -> tuple[str, str]:
    """Return the clients that changed the data after a revision, and when.

    The time is that of ``managedFields``, or after the revision.
    """
    recorded = revision.info.created
    differing = [key for key, text in snapshot.data.items() if revision.data.get(key) != text]
    owners = {owner for key in differing or snapshot.managers for owner in snapshot.managers.get(key, ())}
    others = {owner for owner in owners if owner.client != FIELD_MANAGER}
    times = {owner: owner.time for owner in others if owner.time and (not recorded or owner.time >= recorded)}
    clients = sorted({owner.client for owner in times or others})
    who = f"The client {', '.join(map(quoted, clients))}" if clients else "Another tool"
    if times:
        return who, f"at {_shown(max(times.values()))}, after revision {revision.number}"
    return who, f"after revision {revision.number}{f', recorded {_shown(recorded)}' if recorded else ''}"


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _quoted(principals: list[str]) -> str:
    return listed([quoted(principal, 200) for principal in principals], 5)
