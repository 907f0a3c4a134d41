"""Recording the present state as a revision, without another change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsauth.core.edit.merge import MergeResult
from awsauth.core.findings import Finding, Severity
from awsauth.errors import HistoryError, NotFoundError
from awsauth.history.commit import PendingChange, commit

if TYPE_CHECKING:
    from collections.abc import Callable

    from awsauth.core.revisions.info import Writer
    from awsauth.history.commit import CommitOutcome
    from awsauth.stores.store import Snapshot, Store


def take_snapshot(store: Store, *, reason: str, writer: Callable[[], Writer]) -> CommitOutcome:
    """Record the present state, unless the object names a revision that holds it.

    Raises:
        NotFoundError: there is no object.
        AwsAuthError: as for `commit`.
    """

    def propose(snapshot: Snapshot) -> PendingChange:
        if not snapshot.exists:
            raise NotFoundError(
                "There is no aws-auth to record.", hint="Roll back if there was one, or map the node roles."
            )
        unchanged = MergeResult(snapshot.document, snapshot.document)
        return PendingChange(snapshot, unchanged, is_snapshot=not _is_held(store, snapshot))

    return commit(store, propose, reason=reason, writer=writer)


def _is_held(store: Store, snapshot: Snapshot) -> bool:
    head = snapshot.own_head
    try:
        return head is not None and store.read_revision(head.number).digest == head.digest
    except HistoryError:
        return False


def baseline_findings(snapshot: Snapshot) -> tuple[Finding, ...]:
    """Return what it means that an object names no revision; nothing if it does, or does not exist."""
    if snapshot.head or not snapshot.exists:
        return ()
    found = Finding(
        "no-baseline",
        Severity.NOTE,
        "The history has no baseline: aws-auth names no revision.",
        "If another tool breaks aws-auth now, a rollback has no state of it to restore.",
        "Record the present state with snapshot().",
    )
    return (found,)
