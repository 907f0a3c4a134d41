"""Finding out, without guessing, whether a write that was not answered was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsauth.core.text.display import visible
from awsauth.errors import AwsAuthError, ConflictError, OutcomeUnknownError, UnavailableError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.backoff import Backoff
    from awsauth.core.revisions.revision import Revision
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

    The same write is sent again. It is for one version of the object, so the server accepts it at most once. If it is
    refused, the first one was accepted or never can be. Then our revision tells: the object names it, or a later
    revision came from it.

    Raises:
        ConflictError: another writer was first, and our write was not made.
        OutcomeUnknownError: the outcome is unknown at the deadline.
        AwsAuthError: the write was refused for good.
    """
    unknown = _unknown(revision, cause)
    unanswered: AwsAuthError = cause
    refused: AwsAuthError | None = None
    while not refused:
        patience.wait_or_raise(unknown, after=unanswered)
        try:
            return store.write(data, base, revision)
        except (OutcomeUnknownError, UnreachableError) as error:
            unanswered = error
        except AwsAuthError as error:
            refused = error
    live, was_made = _look(store, data, revision, patience, unknown)
    if was_made:
        return live
    # If the version is still the old one, the first write may yet arrive.
    if live.version == base.version or (not revision and isinstance(refused, ConflictError)):
        raise unknown from refused
    raise refused


def _look(
    store: Store, data: Mapping[str, str], revision: Revision | None, patience: Backoff, unknown: OutcomeUnknownError
) -> tuple[Snapshot, bool]:
    """Return the object, and whether our write was made."""
    while True:
        try:
            live = store.read()
            if not revision:
                return live, live.data == data
            if live.head == revision.info.head:
                return live, True
            return live, any(info.digest == revision.digest for info in store.list_revisions().chain(live.head))
        except (UnavailableError, UnreachableError) as error:
            patience.wait_or_raise(unknown, after=error)
        except AwsAuthError as error:
            raise unknown from error


def _unknown(revision: Revision | None, cause: OutcomeUnknownError) -> OutcomeUnknownError:
    written = f"The write of revision {revision.number}" if revision else "A write"
    look = (
        f"List the history: the write was made if revision {revision.number} is live, or if the live one came from it."
        if revision
        else "Look at aws-auth."
    )
    message = f"{written} was sent and not answered. Whether it was made is unknown."
    hint = f"{visible(cause.message)}\n{look} You can run the change again: a change that was made is not made twice."
    error = OutcomeUnknownError(message, location=cause.location, hint=hint)
    error.__cause__ = cause
    return error
