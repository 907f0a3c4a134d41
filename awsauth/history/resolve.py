"""Finding out what became of a write that was not answered, without guessing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsauth.core.text.display import visible
from awsauth.errors import AwsAuthError, ConflictError, OutcomeUnknownError, UnavailableError, UnreachableError
from awsauth.history.head import chain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.core.revisions.revision import Revision
    from awsauth.retry import Backoff
    from awsauth.stores.store import Snapshot, Store


def resolve_unknown_outcome(
    store: Store,
    data: Mapping[str, str],
    base: Snapshot,
    revision: Revision | None,
    *,
    patience: Backoff,
    cause: OutcomeUnknownError,
) -> Snapshot:
    """Return the object after a write that was not answered at first.

    The same write is sent again: it is for one version of the object, so at most one of them can be accepted. When
    it is refused, either the first one was accepted, and our revision is the object's or came before it, or neither
    ever can be.

    Raises:
        ConflictError: somebody else has written; nothing of ours was, or will be.
        OutcomeUnknownError: it is not known until the deadline.
        AwsAuthError: the write was refused for good; nothing of ours was written, or will be.
    """
    unknown = _unknown(revision, cause)
    unanswered: AwsAuthError = cause
    while True:
        patience.wait_or_raise(unknown, after=unanswered)
        try:
            return store.write(data, base, revision)
        except (OutcomeUnknownError, UnreachableError) as error:
            unanswered = error
            continue
        except AwsAuthError as error:
            refused = error
            break
    live, ours = _look(store, data, revision, patience, unknown)
    if ours:
        return live
    # While the version is still ours to write, the first write may be on its way yet.
    if live.version == base.version or (revision is None and isinstance(refused, ConflictError)):
        raise unknown from refused
    raise refused


def _look(
    store: Store, data: Mapping[str, str], revision: Revision | None, patience: Backoff, unknown: OutcomeUnknownError
) -> tuple[Snapshot, bool]:
    """Return the object, and whether our write was made: then our revision is its own, or came before it."""
    while True:
        try:
            live = store.read()
            if revision is None:
                return live, live.data == data
            if live.head == revision.info.head:
                return live, True
            listing = store.list_revisions()
            return live, any(info.digest == revision.digest for info in chain(listing, live.head))
        except (UnavailableError, UnreachableError) as error:
            patience.wait_or_raise(unknown, after=error)
        except AwsAuthError as error:
            raise unknown from error


def _unknown(revision: Revision | None, cause: OutcomeUnknownError) -> OutcomeUnknownError:
    if revision is None:
        message = "A write was sent and not answered, and it could not be found out whether it was made."
        hint = "Look at aws-auth. To run the change again does no harm: what is there already is not written twice."
    else:
        message = (
            f"The write of revision {revision.number} was sent and not answered, "
            "and it could not be found out whether it was made."
        )
        hint = (
            f"List the history: if revision {revision.number} is live, or came before the one that is, it was made. "
            "To run the change again does no harm."
        )
    error = OutcomeUnknownError(message, location=cause.location, hint=f"{visible(cause.message)}\n{hint}")
    error.__cause__ = cause
    return error
