"""The history of access entries: one object in the cluster for each change."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from awsauth.backoff import retry_unavailable
from awsauth.core.entries.merge import EntryDiff
from awsauth.core.entries.undo import EntryRevision
from awsauth.core.revisions.info import PREFIX, fitting, time_read
from awsauth.core.revisions.revision import NAMESPACE
from awsauth.core.serialization import from_json, sha256_of
from awsauth.core.text.display import quoted
from awsauth.errors import ApiError, AwsAuthError, ForbiddenError, HistoryError, OutcomeUnknownError
from awsauth.kube.resources import REVISIONS, objects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awsauth.core.revisions.info import Writer
    from awsauth.kube.transport import Transport

NAME: Final = "aws-auth-entries"  # the names of the objects begin with it
KEPT: Final = 100  # how many of the newest stay

_LABEL: Final = f"{PREFIX}history"
_OF_ENTRIES: Final = "access-entries"
_DIGEST: Final = f"{PREFIX}digest"


class EntryJournal:
    """The history of a cluster's access entries.

    Each ``ControllerRevision`` in ``kube-system`` holds the entries before and after one change. A digest shows whether another client has altered it.

    Args:
        transport: To the API server.
        cluster_arn: The cluster. Objects of another one, such as from a backup, are not used.
    """

    def __init__(self, transport: Transport, cluster_arn: str) -> None:
        self._transport = transport
        self._cluster_arn = cluster_arn

    def revisions(self) -> tuple[EntryRevision, ...]:
        """Return all revisions, newest first.

        Raises:
            AwsAuthError: the transport raises it.
        """
        found = map(self._read, self._objects())
        return tuple(sorted(found, key=lambda revision: revision.number, reverse=True))

    def record(self, diffs: Sequence[EntryDiff], *, reason: str, writer: Writer, undoes: Sequence[int] = ()) -> int:
        """Record a change before it is made, and return the number of its revision.

        The oldest revisions are deleted.

        Raises:
            HistoryError: the answers of the server do not say whether it was recorded.
            ForbiddenError: the caller may not read or create revisions.
            AwsAuthError: the transport raises it.
        """
        kept = {
            "cluster": self._cluster_arn,
            "diff": [diff.to_json() for diff in diffs],
            "undoes": [*undoes],
            "reason": fitting(reason),
            "author": fitting(writer.author),
            "identity": fitting(writer.identity),
        }
        try:
            numbers = [_number_of(one) for one in self._objects()]
            number = self._made(max(numbers, default=0) + 1, kept)
        except ForbiddenError as error:
            error.hint += "\nOr pass history=False, to change it without a revision and without a way back."
            raise
        for old in sorted(filter(None, numbers))[: 1 - KEPT]:
            self.discard(old)
        return number

    def discard(self, number: int) -> None:
        """Delete a revision; if that fails, it stays."""
        with suppress(AwsAuthError):
            self._transport.delete(f"{REVISIONS}/{NAME}-{number}")

    def _made(self, number: int, kept: dict[str, Any]) -> int:
        """Create the object with the first free number, and return the number."""
        while True:
            try:
                retry_unavailable(partial(self._transport.post, REVISIONS, _object(number, kept)))
            except OutcomeUnknownError as error:
                message = "The API server did not answer whether it recorded the change, so the change was not made."
                raise HistoryError(
                    message, hint="Try again. A record of a change that was not made is not used."
                ) from error
            except ApiError as error:
                if error.status != 409:
                    raise
                number += 1
            else:
                return number

    def _objects(self) -> list[dict[str, Any]]:
        return retry_unavailable(
            lambda: list(objects(self._transport, REVISIONS, labelSelector=f"{_LABEL}={_OF_ENTRIES}"))
        )

    def _read(self, value: dict[str, Any]) -> EntryRevision:
        """Return the revision in an object, with a `problem` if it cannot be used."""
        metadata, kept, number = value["metadata"], value.get("data"), _number_of(value)
        digest = (metadata.get("annotations") or {}).get(_DIGEST)
        problem = "awsauth did not record it, or another client altered it"
        with suppress(ValueError, KeyError, TypeError):
            if number and isinstance(kept, dict) and digest == _digest_of(number, kept):
                problem = f"it is of the cluster {quoted(str(kept['cluster']), 200)}"
                if kept["cluster"] == self._cluster_arn:
                    return EntryRevision(
                        number,
                        created=time_read(metadata["creationTimestamp"]),
                        diff=from_json(tuple[EntryDiff, ...], kept["diff"]),
                        undoes=from_json(tuple[int, ...], kept["undoes"]),
                        **{name: from_json(str, kept[name]) for name in ("reason", "author", "identity")},
                    )
        return EntryRevision(number, problem=problem)


def _number_of(value: dict[str, Any]) -> int:
    """Return the number in the name of an object; 0 without one."""
    prefix, _, digits = value["metadata"]["name"].rpartition("-")
    return int(digits) if prefix == NAME and digits.isascii() and digits.isdecimal() and len(digits) < 10 else 0


def _digest_of(number: int, kept: dict[str, Any]) -> str:
    return sha256_of({"number": number, "data": kept})


def _object(number: int, kept: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": f"{NAME}-{number}",
            "namespace": NAMESPACE,
            "labels": {_LABEL: _OF_ENTRIES},
            "annotations": {_DIGEST: _digest_of(number, kept)},
        },
        "revision": number,
        "data": kept,
    }
