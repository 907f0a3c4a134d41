"""The methods of a client that look at the history of its ``aws-auth``, and go back in it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final

from awsauth.boundary import public
from awsauth.core.document import Document
from awsauth.core.escaping import quoted
from awsauth.errors import HistoryError, UsageError
from awsauth.options import Options, checked

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Unpack

    from awsauth.core.diff import Diff
    from awsauth.core.revision import Revision
    from awsauth.core.revision_info import Writer
    from awsauth.history.log import Log
    from awsauth.history.proposal import Proposal
    from awsauth.result import Result
    from awsauth.stores.store import Snapshot, Store

DESCRIBED: Final = 10
"""For how many of the newest revisions the history says what they changed, unless it is asked for more."""


@public
class HistoryMethods(ABC):
    """Looks at revisions, goes back to them, and deletes old ones."""

    _store: Store

    @abstractmethod
    def _writer(self) -> Writer:
        """Return who makes the changes."""

    @abstractmethod
    def _run(self, propose: Callable[[Snapshot], Proposal], options: Options) -> Result:
        """Make what is proposed."""

    def history(self, *, described: int = DESCRIBED) -> Log:
        """Return the revisions, newest first: which one is live, and what is wrong with the chain.

        Args:
            described: For how many of the newest to say what they changed; each is one more request.

        Raises:
            UsageError: `described` is no number, or less than 0.
        """
        given: Any = described
        if not isinstance(given, int) or isinstance(given, bool) or given < 0:
            raise UsageError(f"described is {quoted(repr(given), 60)}.", cure="Pass a whole number, 0 or more.")
        from awsauth.history.effects import with_effects
        from awsauth.history.log import log

        return with_effects(self._store, log(self._store), described)

    def show(self, revision: int) -> Revision:
        """Return a revision with its data; its `is_intact` tells whether it is as it was recorded.

        Raises:
            RevisionNotFoundError: there is none of that number.
            UsageError: `revision` is no number.
        """
        _check_number(revision)
        return self._store.read_revision(revision)

    def diff(self, before: int, after: int | None = None) -> Diff:
        """Return what changed from one revision to another, or to the present.

        Raises:
            RevisionNotFoundError: there is none of that number.
            HistoryError: one was altered since it was recorded.
            UsageError: `before` or `after` is no number.
        """
        from awsauth.core.diff import diff

        later = self._store.read().document if after is None else self._recorded(after)
        return diff(self._recorded(before), later)

    def _recorded(self, number: int) -> Document:
        revision = self.show(number)
        if not revision.is_intact:
            raise HistoryError(
                f"Revision {number} was altered since it was recorded: its data is not what its digest says.",
                cure="Look at it with show().",
            )
        return Document(revision.data)

    def rollback(
        self,
        to: int | None = None,
        *,
        exact: bool = False,
        approved: Diff | None = None,
        **options: Unpack[Options],
    ) -> Result:
        """Go back to a revision, and make a new one of it. The result's `restoration` tells what it keeps and what goes.

        Args:
            to: The revision. Without one, the last change of state is undone, whoever made it; after a rollback, the
                one before that.
            exact: Also take away what others have added since.
            approved: What may come of it: the `diff` of an earlier ``dry_run``; None for anything.
            **options: How it is made; see `Options`. There is always a revision of it.

        Raises:
            RevisionNotFoundError: there is no such revision, or none further back.
            UnprovenHistoryError: `to` is None, and the object does not prove that it was at any earlier revision.
            PlanOutdatedError: something else than was approved would come of it.
            GuardError: it would lock somebody out, or give somebody back what was taken.
            HistoryError: the revision was altered since it was recorded.
            UsageError: an option is none of `Options`, or of another type, `allow` names no guard, or ``history=False``.
            AwsAuthError: otherwise as for `AwsAuthClient.apply`.
        """
        made = checked(options)
        if not made.get("history", True):
            raise UsageError("A rollback makes a revision; nothing was changed.", cure="Leave history=False out.")
        if to is not None:
            _check_number(to)
        from awsauth.history.rollback import restoring

        propose = restoring(self._store, to, exact=exact, writer=self._writer)
        return self._run(propose if approved is None else _only(approved, propose), made)

    def prune(self, *, dry_run: bool = False) -> tuple[int, ...]:
        """Delete old revisions, and return their numbers.

        Kept are the last 50 and all of the last 30 days, at most 500, and always what is live or younger than an hour.
        With `dry_run` nothing is deleted.

        Raises:
            ConflictError: somebody else was at them at the same time, again and again.
        """
        from awsauth.history.pruning import prune

        return prune(self._store, dry_run=dry_run)


def _only(approved: Diff, propose: Callable[[Snapshot], Proposal]) -> Callable[[Snapshot], Proposal]:
    def checked_proposal(snapshot: Snapshot) -> Proposal:
        from awsauth.core.plan import refuse_other

        proposal = propose(snapshot)
        refuse_other(approved, proposal.merged)
        return proposal

    return checked_proposal


def _check_number(revision: Any) -> None:
    if not isinstance(revision, int) or isinstance(revision, bool):
        raise UsageError(
            f"{quoted(repr(revision))} is no number of a revision; nothing was changed.",
            cure="Pass a whole number, as the history lists them.",
        )
