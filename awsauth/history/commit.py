"""Committing a change: record the revision, then make the one write that decides.

After a conflict, start again. If the write was not answered, find out whether it was made. While the server is unavailable, repeat a single call.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from awsauth import errors
from awsauth.core.edit.merge import MergeResult
from awsauth.core.revisions.info import Writer
from awsauth.core.text.display import visible
from awsauth.history.proposal import PendingChange, Propose
from awsauth.history.record import Recorder, is_held
from awsauth.stores.store import RevisionList, Snapshot, Store
from awsauth.system.backoff import Backoff, retry_unavailable
from awsauth.system.debug_log import log_debug

if TYPE_CHECKING:
    from awsauth.core.revisions.revision import Revision

PRUNE_EVERY: Final = 25  # every revision whose number this divides also prunes the history


class CommitOutcome(NamedTuple):
    """What a commit did.

    Attributes:
        changed: Whether anything was written.
        proposal: The change, or the unchanged document.
        snapshot: The object as it is now.
        revision: The revision that was made, or None.
        is_altered: Whether the server has stored other data than was written.
    """

    changed: bool
    proposal: PendingChange
    snapshot: Snapshot
    revision: Revision | None = None
    is_altered: bool = False


def commit(
    store: Store,
    propose: Propose,
    *,
    reason: str = "",
    writer: Callable[[], Writer] = Writer,
    checks: Sequence[Callable[[PendingChange], None]] = (),
    history: bool = True,
    patience: Backoff | None = None,
) -> CommitOutcome:
    """Make a change, and the revision that keeps it.

    The revision is recorded first. Then one write changes the object and names the revision. If another writer was
    first, the change is proposed and checked again for the new state. A process that is stopped in between leaves the
    old or the new state, and at most one unused revision.

    Args:
        store: Where `aws-auth` is kept.
        propose: Makes the proposal from the object as it is.
        reason: Why; kept with the revision.
        writer: Returns who makes the change; kept with the revision.
        checks: Called with every proposal before anything is written; each may raise to refuse it.
        history: Whether to make a revision.
        patience: How long to try; 60 seconds by default.

    Raises:
        ConflictError: other writers were first until the deadline, or deleted the object.
        OutcomeUnknownError: a write was not answered, and its outcome is unknown at the deadline.
        HistoryError: the revision cannot be recorded.
        AwsAuthError: `propose`, a check or the store failed.
    """
    patience = patience or Backoff()
    store = RetryingStore(store, patience)
    attempt = _Commit(store, Recorder(store, reason, writer, patience), patience, history)
    try:
        return attempt.run(propose, checks)
    except errors.AwsAuthError as error:
        if attempt.sent:
            error.changed = None
        raise


@dataclass(eq=False, repr=False)
class _Commit:
    store: Store
    recorder: Recorder
    patience: Backoff
    history: bool
    sent: CommitOutcome | None = None
    """The write that was not answered."""

    def run(self, propose: Propose, checks: Sequence[Callable[[PendingChange], None]]) -> CommitOutcome:
        existed = False
        while True:
            snapshot = self._read()
            if existed and not snapshot.exists:
                # A new object would hold nothing but this change.
                hint = "Wait until the other writer is done. Then try again, or roll back."
                message = "Another writer deleted aws-auth while this change was being made."
                raise errors.ConflictError(message, hint=hint)
            existed = snapshot.exists
            proposal = propose(snapshot)
            changes_something = proposal.changes_something
            log_debug("The change %s", "changes the data" if changes_something else "changes nothing")
            if not changes_something:
                if self.sent and not snapshot.head:
                    # Another tool replaced the object since, so no revision shows whether the write was made.
                    return self.sent._replace(snapshot=snapshot)
                return CommitOutcome(changed=False, proposal=proposal, snapshot=snapshot)
            snapshot.check_mutable()
            for check in checks:
                check(proposal)
            try:
                revision = self.recorder.record(proposal) if self.history else None
                outcome = self._write(proposal, revision)
            except (errors.ConflictError, errors.RevisionTakenError) as error:
                log_debug("Another writer was first: reading, merging and checking again")
                self._pause(error)
            else:
                self._prune(revision)
                return outcome

    def _read(self) -> Snapshot:
        """Read the object, and remove the revisions of a write that was refused."""
        snapshot = self.store.read()
        self.recorder.tidy(snapshot, may_be_applied=self.sent is not None)
        return snapshot

    def _write(self, proposal: PendingChange, revision: Revision | None) -> CommitOutcome:
        data, base = proposal.merged.after.data, proposal.snapshot
        try:
            try:
                stored = self.store.write(data, base, revision)
                return CommitOutcome(True, proposal, stored, revision, is_altered=stored.data != data)
            except errors.OutcomeUnknownError as error:
                log_debug("The outcome of the write is unknown: looking whether it was made")
                self.sent = CommitOutcome(True, proposal, base, revision)
                return self.sent._replace(snapshot=self._resolve(self.sent, error))
        except (errors.ConflictError, errors.OutcomeUnknownError):
            raise  # The revision may be in use. After a conflict, `tidy` removes it if it is not.
        except errors.AwsAuthError:
            self.recorder.discard()
            raise

    def _resolve(self, sent: CommitOutcome, cause: errors.OutcomeUnknownError) -> Snapshot:
        """Return the object after a write that was not answered at first.

        The same write is sent again. It is for one version of the object, so the server accepts it at most once. If it
        is refused, the first one was accepted or never can be. Then our revision tells: the object names it, or a later
        revision came from it.

        Raises:
            ConflictError: another writer was first, and our write was not made.
            OutcomeUnknownError: the outcome is unknown at the deadline.
            AwsAuthError: the write was refused for good.
        """
        base, unknown = sent.snapshot, _unknown(sent.revision, cause)
        unanswered: errors.AwsAuthError = cause
        refused: errors.AwsAuthError | None = None
        while not refused:
            self.patience.wait_or_raise(unknown, after=unanswered)
            try:
                return self.store.write(sent.proposal.merged.after.data, base, sent.revision)
            except (errors.OutcomeUnknownError, errors.UnreachableError) as error:
                unanswered = error
            except errors.AwsAuthError as error:
                refused = error
        live, was_made = self._look(sent, unknown)
        if was_made:
            return live
        # If the version is still the old one, the first write may yet arrive.
        if live.version == base.version or (not sent.revision and isinstance(refused, errors.ConflictError)):
            raise unknown from refused
        raise refused

    def _look(self, sent: CommitOutcome, unknown: errors.AwsAuthError) -> tuple[Snapshot, bool]:
        """Return the object, and whether our write was made."""
        revision = sent.revision
        while True:
            try:
                live = self.store.read()
                if not revision:
                    return live, live.data == sent.proposal.merged.after.data
                if live.head == revision.info.head:
                    return live, True
                listing = self.store.list_revisions()
                return live, any(info.digest == revision.digest for info in listing.chain(live.head))
            except (errors.UnavailableError, errors.UnreachableError) as error:
                self.patience.wait_or_raise(unknown, after=error)
            except errors.AwsAuthError as error:
                raise unknown from error

    def _pause(self, cause: errors.AwsAuthError) -> None:
        hint = "Try again."
        error = errors.ConflictError("Other writers changed aws-auth again and again until the time was up.", hint=hint)
        error.__cause__ = cause
        try:
            self.patience.wait_or_raise(error)
        except errors.AwsAuthError:
            with contextlib.suppress(errors.AwsAuthError):
                self._read()
            raise

    def _prune(self, revision: Revision | None) -> None:
        if revision and revision.number % PRUNE_EVERY == 0:
            from awsauth.history.log import prune

            # The change is made, and its writer may not be allowed to delete revisions.
            with contextlib.suppress(errors.AwsAuthError):
                prune(self.store)


def take_snapshot(store: Store, *, reason: str, writer: Callable[[], Writer]) -> CommitOutcome:
    """Record the present state, unless the object names a revision that holds it.

    Raises:
        NotFoundError: there is no `aws-auth`.
        AwsAuthError: as for `commit`.
    """

    def propose(snapshot: Snapshot) -> PendingChange:
        if not snapshot.exists:
            hint = "Roll back if there was one, or map the node roles."
            raise errors.NotFoundError("There is no aws-auth to record.", hint=hint)
        unchanged = MergeResult(snapshot.document, snapshot.document)
        return PendingChange(snapshot, unchanged, is_snapshot=not is_held(store, snapshot))

    return commit(store, propose, reason=reason, writer=writer)


class RetryingStore(Store):
    """Another store, whose calls are repeated while the server is unavailable.

    An `UnavailableError` says that the server did nothing, so a repeated call cannot act twice. Other errors pass.

    Args:
        store: The other store; a `RetryingStore` is replaced by the store in it.
        patience: How long to try, for all calls together; by default 60 seconds for each call.
    """

    def __init__(self, store: Store, patience: Backoff | None = None) -> None:
        self._store: Store = store._store if type(store) is RetryingStore else store  # noqa: SLF001 - same class
        self._patience = patience

    def read(self) -> Snapshot:
        """Return the object as it is now (see `Store.read`)."""
        return retry_unavailable(self._store.read, self._patience)

    def write(self, data: Mapping[str, str], base: Snapshot, revision: Revision | None) -> Snapshot:
        """Write other data into the object (see `Store.write`)."""
        return retry_unavailable(lambda: self._store.write(data, base, revision), self._patience)

    def record(self, revision: Revision) -> Revision:
        """Add a revision (see `Store.record`)."""
        return retry_unavailable(lambda: self._store.record(revision), self._patience)

    def list_revisions(self) -> RevisionList:
        """Return all revisions without their data (see `Store.list_revisions`)."""
        return retry_unavailable(self._store.list_revisions, self._patience)

    def read_revision(self, number: int) -> Revision:
        """Return a revision with its data (see `Store.read_revision`)."""
        return retry_unavailable(lambda: self._store.read_revision(number), self._patience)

    def discard_revision(self, number: int, digest: str) -> None:
        """Delete the revision, if it has this digest (see `Store.discard_revision`)."""
        retry_unavailable(lambda: self._store.discard_revision(number, digest), self._patience)

    def dry_run_store(self) -> Store:
        """Return the store that changes nothing, with retries (see `Store.dry_run_store`)."""
        return RetryingStore(self._store.dry_run_store(), self._patience)


def _unknown(revision: Revision | None, cause: errors.OutcomeUnknownError) -> errors.OutcomeUnknownError:
    written = f"The write of revision {revision.number}" if revision else "A write"
    look = "Look at aws-auth."
    if revision:
        made = f"the write was made if revision {revision.number} is live, or if the live one came from it"
        look = f"List the history: {made}."
    message = f"{written} was sent and not answered. Whether it was made is unknown."
    hint = f"{visible(cause.message)}\n{look} You can run the change again: a change that was made is not made twice."
    error = errors.OutcomeUnknownError(message, location=cause.location, hint=hint)
    error.__cause__ = cause
    return error
