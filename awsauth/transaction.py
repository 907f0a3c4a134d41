"""Several changes as one: written together when the block ends well, and not at all when it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsauth.boundary import public
from awsauth.core.changes import as_list
from awsauth.errors import UsageError
from awsauth.mapping_methods import MappingMethods

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from awsauth.core.changes import Change
    from awsauth.core.finding import Finding
    from awsauth.options import Options
    from awsauth.principals import Principals
    from awsauth.result import Result


@public
class Transaction(MappingMethods[None]):
    """What ``client.transaction()`` gives; use it in a ``with`` block, by one thread."""

    def __init__(
        self, commit: Callable[[Sequence[Change], tuple[Finding, ...]], Result], principals: Principals
    ) -> None:
        self._commit = commit
        self._principals = principals
        self._changes: list[Change] = []
        self._findings: tuple[Finding, ...] = ()
        self._result: Result | None = None
        self._ended = False

    @property
    def result(self) -> Result:
        """What came of it, once the block has ended well.

        Raises:
            UsageError: it has not.
        """
        if self._result is None:
            raise UsageError("The transaction has no result yet.", cure="Ask for it after the with block.")
        return self._result

    def apply(self, changes: Sequence[Change] | Change) -> None:
        """Add changes that are values already."""
        self._make(as_list(changes), {})

    def _make(self, changes: Sequence[Change], options: Options, findings: tuple[Finding, ...] = ()) -> None:
        if options:
            raise UsageError(
                f"{', '.join(options)} cannot be said for one change of a transaction; nothing was changed.",
                cure="Pass it to transaction(), for all of them.",
            )
        if self._ended:
            raise UsageError("The transaction is over; nothing was changed.", cure="Begin a new one.")
        self._changes += changes
        self._findings += findings

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        if kind is None:
            self._result = self._commit(self._changes, self._findings)
