"""The client: one ``aws-auth``, wherever it lives, with its history."""

from __future__ import annotations

import contextlib
import getpass
import os
from typing import TYPE_CHECKING, Any

from awsauth.core.changes import as_list
from awsauth.core.diff import Diff, diff, diff_of
from awsauth.core.document import Document
from awsauth.core.escaping import quoted
from awsauth.core.guard_case import GuardContext
from awsauth.core.guards import check, guard
from awsauth.core.merge import merged
from awsauth.core.plan import Plan
from awsauth.errors import HistoryError, UsageError
from awsauth.history.commit import Proposal, changing, commit
from awsauth.history.log import Log, log
from awsauth.history.pruning import prune
from awsauth.history.rollback import restoring
from awsauth.mapping_methods import MappingMethods
from awsauth.options import Options, checked
from awsauth.result import Result
from awsauth.stores.file import FileStore
from awsauth.stores.memory import MemoryStore
from awsauth.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from awsauth.core.changes import Change
    from awsauth.core.finding import Finding
    from awsauth.core.restoration import Restoration
    from awsauth.core.revision import Revision
    from awsauth.stores.store import Snapshot, Store


class AwsAuthClient(MappingMethods[Result]):
    """One ``aws-auth``. Safe to use from several threads, and in a ``with`` block.

    Args:
        store: Where it lives; see `from_file` and `in_memory`.
        author: Who makes the changes, for the history: a claim. The name of the account that runs this by default.
    """

    def __init__(self, store: Store, *, author: str | None = None) -> None:
        self._store = store
        self._author = _account_name() if author is None else author

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], *, author: str | None = None) -> Self:
        """Return a client for the ConfigMap in a manifest file, with its history in ``.NAME.history`` beside it.

        Raises:
            UsageError: `path` names no file. Whether there is such a file is seen when it is first used.
        """
        named: Any = path
        if not isinstance(named, (str, os.PathLike)) or not str(named).strip():
            raise UsageError("file names no file; nothing was changed.", cure="Is the variable that it comes from set?")
        return cls(FileStore(path), author=author)

    @classmethod
    def in_memory(cls, data: Mapping[str, str] | None = None, *, author: str | None = None) -> Self:
        """Return a client for an ``aws-auth`` in memory: for tests, and to try things out."""
        return cls(MemoryStore(data), author=author)

    def read(self) -> Document:
        """Return the data as it is now."""
        return self._store.read().document

    def plan(self, changes: Sequence[Change] | Change) -> Plan:
        """Return what changes would do, with what the guards have to say about it; nothing is changed.

        Raises:
            MappingConflictError: a principal is mapped already, to something else than is asked for.
            EditError: the text cannot be edited without touching more.
        """
        made = as_list(changes)
        snapshot = self._store.read()
        result = merged(snapshot.document, made)
        findings = guard(result.before, result.after, _context(snapshot))
        return Plan.of(result, made, uid=snapshot.uid, findings=findings)

    def apply(
        self,
        what: Plan | Sequence[Change] | Change,
        *,
        reason: str = "",
        allow: Sequence[str] = (),
        dry_run: bool = False,
        history: bool = True,
    ) -> Result:
        """Apply a plan, or changes, in one write.

        When the object was changed by somebody else since the plan was made, the changes are merged with what is there
        now, and made only if that does what the plan says.

        Args:
            what: What to apply.
            reason: Why; kept with the revision.
            allow: Guards that are to let it pass: by name, or by name and principal (``node-mapping=arn:…``).
            dry_run: Only say what would change.
            history: Whether to keep a revision; without one there is no way back.

        Raises:
            GuardError: it would lock somebody out, and that is not allowed by name.
            PlanError: the plan was made for another object, or something else would come of it now.
            MappingConflictError: a principal is mapped already, to something else than is asked for.
            EditError: the text cannot be edited without touching more.
            ConflictError: others were quicker again and again.
            HistoryError: the revision cannot be recorded.
            OutcomeUnknownError: it cannot be told whether the change was made.
            FileError, ManifestError: of a file.
        """
        options = checked({"reason": reason, "allow": allow, "dry_run": dry_run, "history": history})
        if isinstance(what, Plan):
            return self._commit(_applying(what), options)
        return self._make(as_list(what), options)

    def transaction(
        self, *, reason: str = "", allow: Sequence[str] = (), dry_run: bool = False, history: bool = True
    ) -> Transaction:
        """Return a transaction: several changes with one write, or none when the block raises.

        The arguments are those of `apply`, which tells what may be raised when the block ends.
        """
        options = checked({"reason": reason, "allow": allow, "dry_run": dry_run, "history": history})
        return Transaction(lambda changes: self._make(changes, options))

    def history(self) -> Log:
        """Return the revisions, newest first: which one is live, and what is wrong with the chain."""
        return log(self._store)

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
        """
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
        reason: str = "",
        allow: Sequence[str] = (),
        dry_run: bool = False,
    ) -> Result:
        """Go back to a revision, and make a new one of it. The result's `restoration` tells what it keeps and what goes.

        Args:
            to: The revision. None goes one further back each time.
            exact: Also take away what others have added since.
            reason: Why; kept with the revision.
            allow: Guards that are to let it pass.
            dry_run: Only say what would change.

        Raises:
            RevisionNotFoundError: there is no such revision, or none further back.
            GuardError: it would lock somebody out, or give somebody back what was taken.
            HistoryError: the revision was altered since it was recorded.
        """
        options = checked({"reason": reason, "allow": allow, "dry_run": dry_run})
        if to is not None:
            _check_number(to)
        return self._commit(restoring(self._store, to, exact=exact, author=self._author), options)

    def prune(self) -> tuple[int, ...]:
        """Delete old revisions, and return their numbers.

        Kept are the last 50 and all of the last 30 days, at most 500, and always what is live or younger than an hour.
        """
        return prune(self._store)

    def close(self) -> None:
        """Let go of what the client holds, which for a file and in memory is nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _make(self, changes: Sequence[Change], options: Options) -> Result:
        return self._commit(changing(changes), options)

    def _commit(self, propose: Callable[[Snapshot], Proposal], options: Options) -> Result:
        findings: tuple[Finding, ...] = ()

        def guarded(proposal: Proposal) -> None:
            nonlocal findings
            context = _context(proposal.snapshot, proposal.restoration, self._author)
            findings = check(proposal.merged.before, proposal.merged.after, context, options.get("allow", ()))

        if options.get("dry_run"):
            proposal = propose(self._store.read())
            if proposal.changes_something:
                guarded(proposal)
            return _result(proposal, findings, changed=proposal.changes_something)
        outcome = commit(
            self._store,
            propose,
            reason=options.get("reason", ""),
            author=self._author,
            checks=[guarded],
            history=options.get("history", True),
        )
        revision = outcome.revision.number if outcome.revision else None
        return _result(outcome.proposal, findings, changed=outcome.changed, revision=revision)


def _applying(plan: Plan) -> Callable[[Snapshot], Proposal]:
    def propose(snapshot: Snapshot) -> Proposal:
        plan.refuse_for(snapshot.uid)
        return Proposal(snapshot, plan.merge_into(snapshot.document))

    return propose


def _context(snapshot: Snapshot, restoration: Restoration | None = None, author: str = "") -> GuardContext:
    return GuardContext(
        uid=snapshot.uid,
        binary_bytes=sum(len(text) * 3 // 4 for text in snapshot.binary_data.values()),
        regranted=_regranted(restoration, author) if restoration else {},
        revision_uid=restoration.uid if restoration else "",
    )


def _regranted(restoration: Restoration, author: str) -> dict[str, tuple[str, ...]]:
    """Return what a rollback gives back though somebody else took it: by principal, the groups."""
    return {
        effect.principal: effect.regranted
        for effect in restoration.reverted
        if effect.principal and effect.by.is_other_than(author) and effect.regranted is not None
    }


def _result(proposal: Proposal, findings: tuple[Finding, ...], *, changed: bool, revision: int | None = None) -> Result:
    result = proposal.merged
    return Result(
        changed=changed,
        diff=diff_of(result),
        document=result.after,
        findings=(*result.findings, *findings),
        extra_groups=dict(result.extra_groups),
        revision=revision,
        restoration=proposal.restoration,
    )


def _check_number(revision: Any) -> None:
    if not isinstance(revision, int) or isinstance(revision, bool):
        raise UsageError(
            f"{quoted(repr(revision))} is no number of a revision; nothing was changed.",
            cure="Pass a whole number, as the history lists them.",
        )


def _account_name() -> str:
    with contextlib.suppress(OSError, KeyError, ImportError):  # Not every container has names for its accounts.
        return getpass.getuser()
    return ""
