"""What another tool took from nodes and administrators since the last revision that this library made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from awsauth.core.access.matching import Access, can_match
from awsauth.core.access.node_mappings import fits_no_node, is_node_mapping, still_admits
from awsauth.core.document.document import Document
from awsauth.core.document.model import SYSTEM_MASTERS
from awsauth.core.findings import Finding, Severity
from awsauth.core.revisions.info import FIELD_MANAGER, data_digest
from awsauth.core.revisions.revision import is_sound
from awsauth.core.text.display import command_line, quoted
from awsauth.errors import ForbiddenError, HistoryError

if TYPE_CHECKING:
    from datetime import datetime

    from awsauth.core.access.matching import Outcomes
    from awsauth.core.revisions.revision import Revision
    from awsauth.stores.store import Snapshot, Store

DRIFT: Final = "drift"
_SHOWN: Final = 5


def drift(store: Store, snapshot: Snapshot) -> tuple[Finding, ...]:
    """Return the error for nodes and administrators that the last own revision has and the present state has not.

    A state that this library wrote costs no request. Where the object names no revision, or the revisions may not be
    read, nothing can be compared.
    """
    if snapshot.own_head:
        return ()
    try:
        revision = _last_own(store, snapshot)
    except (ForbiddenError, HistoryError):
        return ()
    if revision is None:
        return ()
    old, new = Access.of(Document(revision.data)).by_principal, Access.of(snapshot.document).by_principal
    reachable = {arn: outcomes for arn, outcomes in old.items() if can_match(arn)}
    nodes = [arn for arn, outcomes in reachable.items() if _loses_nodes(outcomes, new.get(arn, ()))]
    admins = [arn for arn, outcomes in reachable.items() if _is_admin(outcomes) and not _is_admin(new.get(arn, ()))]
    return (_finding(revision, snapshot, nodes, admins),) if nodes or admins else ()


def _last_own(store: Store, snapshot: Snapshot) -> Revision | None:
    """Return the revision that the object names, or the newest one if it names none and may have been replaced."""
    number, digest = (snapshot.head.number, snapshot.head.digest) if snapshot.head else (0, "")
    if not snapshot.head:
        present = data_digest(snapshot.data, snapshot.binary_data)
        sound = [info for info in store.list_revisions().revisions if is_sound(info)]
        if not sound or sound[-1].data_digest == present:
            return None
        number, digest = sound[-1].number, sound[-1].digest
    revision = store.read_revision(number)
    return revision if revision.is_intact and revision.digest == digest else None


def _loses_nodes(old: Outcomes, new: Outcomes) -> bool:
    nodes = [mapped for mapped in old if is_node_mapping(mapped) and not fits_no_node(mapped)]
    return any(not any(still_admits(node, mapped) for mapped in new) for node in nodes)


def _is_admin(outcomes: Outcomes) -> bool:
    return any(SYSTEM_MASTERS in mapped.groups for mapped in outcomes)


def _finding(revision: Revision, snapshot: Snapshot, nodes: list[str], admins: list[str]) -> Finding:
    info = revision.info
    who, when = _writers(revision, snapshot)
    lost = [f"node mappings: {_listed(nodes)}"] if nodes else []
    lost += [f"administrators: {_listed(admins)}"] if admins else []
    did = "changed" if snapshot.exists else "deleted"
    impact = "Nodes with these roles become NotReady, and no new one can join." if nodes else ""
    return Finding(
        DRIFT,
        Severity.ERROR,
        f"{who} {did} aws-auth {when}. It lost {'; '.join(lost)}.",
        impact or "They can no longer repair aws-auth by their mapping.",
        f"To restore them, run `{command_line('awsauth', 'rollback', '--to', str(info.number))}`, which keeps what others added.",
    )


def _writers(revision: Revision, snapshot: Snapshot) -> tuple[str, str]:
    """Return who changed the data after a revision, and when: as ``managedFields`` say, or after the revision."""
    recorded = revision.info.created
    differing = [key for key, text in snapshot.data.items() if revision.data.get(key) != text]
    managers = {name for key in differing or snapshot.managers for name in snapshot.managers.get(key, ())}
    later = {
        name: time
        for name, time in snapshot.written_at.items()
        if name in managers - {FIELD_MANAGER} and (recorded is None or time >= recorded)
    }
    others = sorted(later or managers - {FIELD_MANAGER})
    who = f"The client {', '.join(map(quoted, others))}" if others else "Another tool"
    if later:
        return who, f"at {_shown(max(later.values()))}, after revision {revision.info.number}"
    when = f", recorded {_shown(recorded)}" if recorded else ""
    return who, f"after revision {revision.info.number}{when}"


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _listed(principals: list[str]) -> str:
    more = f" and {len(principals) - _SHOWN} more" if len(principals) > _SHOWN else ""
    return ", ".join(quoted(principal, 200) for principal in principals[:_SHOWN]) + more
