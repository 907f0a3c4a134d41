"""Everything that this library raises, in one tree.

::

    AwsAuthError
    ├── UsageError (TypeError)             the call itself makes no sense; nothing was contacted
    ├── InvalidValueError (ValueError)     an ARN, username, group or account that may not be written
    ├── MappingConflictError (ValueError)  the principal is mapped already, to something else
    ├── EditError (ValueError)             the text cannot be changed safely
    ├── GuardError (ValueError)            the change would lock somebody out, and is not allowed by name
    ├── PlanError (ValueError)             the plan cannot be read, or is not for this object in this state
    ├── ManifestError (ValueError)         the file holds no ConfigMap that can be read or edited
    ├── FileError (OSError)                the file cannot be read or written
    │   └── FileChangedError               somebody else wrote the file in the meantime; a ConflictError, too
    ├── ConflictError                      the object is no longer the one that was read; nothing was changed
    ├── HistoryError                       the history cannot be read, trusted or written
    │   ├── RevisionNotFoundError (LookupError)  there is no such revision
    │   └── RevisionTakenError             another revision has the number already
    └── OutcomeUnknownError                a write was sent, and it cannot be told whether it was made

Every error says what happened and where, that nothing was changed, and what to do next.
"""

from __future__ import annotations

from typing import Any


class AwsAuthError(Exception):
    """Base of all errors of this library.

    Attributes:
        what: What happened, one sentence.
        where: The object, entry or place it happened at; empty when `what` says it.
        cure: What to do next; empty when there is nothing to do.
    """

    def __init__(self, what: str, *, where: str = "", cure: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.cure = cure

    def __str__(self) -> str:
        first = f"{self.where}: {self.what}" if self.where else self.what
        return f"{first}\n{self.cure}" if self.cure else first

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.__dict__)


def _rebuild(kind: type[AwsAuthError], state: dict[str, Any]) -> AwsAuthError:
    """Make an error again after pickling: keyword arguments do not survive `Exception.__reduce__`."""
    error = kind.__new__(kind)
    Exception.__init__(error, state["what"])
    error.__dict__.update(state)
    return error


class UsageError(AwsAuthError, TypeError):
    """The call makes no sense: conflicting targets, an empty name, a bare string for groups."""


class InvalidValueError(AwsAuthError, ValueError):
    """A value that may not be written: an ARN that is none, a group with a newline."""


class MappingConflictError(AwsAuthError, ValueError):
    """The principal is mapped already, and the caller has not said what is to become of that."""


class EditError(AwsAuthError, ValueError):
    """The text cannot be changed without touching what the change does not concern."""


class GuardError(AwsAuthError, ValueError):
    """The change would lock somebody out, or do other harm, and nobody has allowed that by name.

    Attributes:
        findings: Every reason, each a `Finding`; its code is the name of the guard.
    """

    def __init__(self, what: str, *, where: str = "", cure: str = "", findings: tuple[Any, ...] = ()) -> None:
        super().__init__(what, where=where, cure=cure)
        self.findings = findings


class PlanError(AwsAuthError, ValueError):
    """The plan cannot be read, was made for another object, or would do something else by now."""


class ManifestError(AwsAuthError, ValueError):
    """The file holds no ``aws-auth`` ConfigMap that can be read, or not in a form that can be edited."""


class FileError(AwsAuthError, OSError):
    """The file cannot be read or written."""


class ConflictError(AwsAuthError):
    """The object is no longer the one that was read; nothing was written."""


class FileChangedError(FileError, ConflictError):
    """The file is no longer the one that was read; nothing was written."""


class HistoryError(AwsAuthError):
    """The history, or one revision in it, cannot be read, trusted or written."""


class RevisionNotFoundError(HistoryError, LookupError):
    """There is no such revision: it never was, or it was pruned."""


class RevisionTakenError(HistoryError):
    """A revision of that number is there already: of another writer, or left over from one that was stopped."""


class OutcomeUnknownError(AwsAuthError):
    """A write was sent and not answered: it may have been made, or may still be made, or not."""
