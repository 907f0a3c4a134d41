"""Going back in the history, without a client around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awsauth.core.revisions.info import Writer
from awsauth.history.commit import commit
from awsauth.history.rollback import RollbackProposal

if TYPE_CHECKING:
    from collections.abc import Callable

    from awsauth.history.commit import CommitOutcome
    from awsauth.stores.store import Store


def by(author: str) -> Callable[[], Writer]:
    """Return what says who makes a change: nothing but a claim."""
    return lambda: Writer(author)


def rollback(
    store: Store, to: int | None = None, *, exact: bool = False, author: str = "", **manner: Any
) -> CommitOutcome:
    """Go back to an earlier revision, and make a new one of it."""
    return commit(store, RollbackProposal(store, to, exact, by(author)).propose, writer=by(author), **manner)
