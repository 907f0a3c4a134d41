"""The objects in the cluster that a change of access entries needs.

One is kept for each change: the history. Another is there for a while: the RBAC binding for administrators whose mapping
becomes an access entry. An entry overrides the mapping of its principal at once, and gets its policy by a second call.
Until the API server uses the policy, a group in the entry gives the same rights.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, NamedTuple

from awsauth.core.cluster.facts import RBAC_GROUP
from awsauth.core.edit.validation import BRIDGE_GROUP
from awsauth.core.entries.merge import EntryRevision
from awsauth.core.entries.model import AccessEntry
from awsauth.core.report.rows import LastChange
from awsauth.core.revisions.info import PREFIX, time_read
from awsauth.core.revisions.revision import controller_revision, number_of_name
from awsauth.core.serialization import from_json, sha256_of
from awsauth.core.text.display import command_line, quoted
from awsauth.errors import AwsAuthError, ConflictError, ForbiddenError, HistoryError, NotFoundError, OutcomeUnknownError
from awsauth.kube.resources import REVISIONS_PATH, create_object, fields_of, list_objects
from awsauth.kube.transport import Transport
from awsauth.system.backoff import retry_unavailable

JOURNAL_NAME: Final = "aws-auth-entries"  # the names of the objects begin with it
KEPT: Final = 100  # how many of the newest stay

_TAKES: Final = timedelta(minutes=10)  # the most that a change takes after it is recorded

_LABEL: Final = f"{PREFIX}history"
_OF_ENTRIES: Final = "access-entries"
_DIGEST: Final = f"{PREFIX}digest"

_KIND: Final = "ClusterRoleBinding"
_BINDINGS: Final = f"/apis/{RBAC_GROUP}/v1/clusterrolebindings"
_BINDING: Final = f"{_BINDINGS}/{BRIDGE_GROUP}"
_ROLE: Final = {"apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": "cluster-admin"}
_SUBJECT: Final = {"apiGroup": RBAC_GROUP, "kind": "Group", "name": BRIDGE_GROUP}
_GIVEN: Final = ("--clusterrole=cluster-admin", f"--group={BRIDGE_GROUP}")
_CREATE: Final = command_line("kubectl", "create", "clusterrolebinding", BRIDGE_GROUP, *_GIVEN)

_OURS: Final = {"app.kubernetes.io/managed-by": "awsauth"}

DELETE: Final = command_line("kubectl", "delete", "clusterrolebinding", BRIDGE_GROUP)


class EntryJournal(NamedTuple):
    """The history of a cluster's access entries.

    Each ``ControllerRevision`` in ``kube-system`` holds the entries before and after one change. A digest shows whether another client has altered it.

    Args:
        transport: To the API server.
        cluster_arn: The cluster. Objects of another one, such as from a backup, are not used.
    """

    transport: Transport
    cluster_arn: str

    def revisions(self) -> tuple[EntryRevision, ...]:
        """Return all revisions, newest first.

        Raises:
            AwsAuthError: the transport raises it.
        """
        return tuple(sorted(map(self._read, self._objects()), key=lambda revision: revision.number, reverse=True))

    def record(self, revision: EntryRevision) -> int:
        """Record a change before it is made, and return the number of its revision.

        The oldest revisions are deleted.

        Args:
            revision: The revision; it gets the first free number.

        Raises:
            HistoryError: the answers of the server do not say whether it was recorded.
            ForbiddenError: the caller may not read or create revisions.
            AwsAuthError: the transport raises it.
        """
        try:
            numbers = sorted(map(_number_of, self._objects()))
            number = max(numbers, default=0) + 1
            while not self._create(replace(revision, number=number)):
                number += 1
        except ForbiddenError as error:
            if not revision.undoes:  # a rollback is always recorded
                error.hint += "\nOr pass history=False, to change it without a revision and without a way back."
            raise
        except OutcomeUnknownError as error:
            message = "The API server did not answer whether it recorded the change, so the change was not made."
            hint = "Try again. A record of a change that was not made is not used."
            raise HistoryError(message, hint=hint) from error
        for old in numbers[: 1 - KEPT]:
            self.discard(old)
        return number

    def discard(self, number: int) -> None:
        """Delete a revision; if that fails, it stays."""
        with suppress(AwsAuthError):
            self.transport.delete(f"{REVISIONS_PATH}/{JOURNAL_NAME}-{number}")

    def _create(self, revision: EntryRevision) -> bool:
        """Create the object of a revision; return False if its number is taken."""
        number, kept = revision.number, {"cluster": self.cluster_arn, **revision.to_json()}
        labels, annotations = {_LABEL: _OF_ENTRIES}, {_DIGEST: sha256_of(kept)}
        made = controller_revision(f"{JOURNAL_NAME}-{number}", number, kept, labels, annotations)
        return create_object(self.transport, REVISIONS_PATH, made)

    def _objects(self) -> list[dict[str, Any]]:
        selector = f"{_LABEL}={_OF_ENTRIES}"
        return retry_unavailable(lambda: list(list_objects(self.transport, REVISIONS_PATH, labelSelector=selector)))

    def _read(self, value: dict[str, Any]) -> EntryRevision:
        """Return the revision in an object, with a `problem` if it cannot be used."""
        metadata, number = value["metadata"], _number_of(value)
        kept: Any = value.get("data")
        with suppress(ValueError, KeyError, TypeError):
            if metadata["annotations"][_DIGEST] == sha256_of(kept) and kept["number"] == number:
                if kept["cluster"] != self.cluster_arn:
                    return EntryRevision(number, problem=f"it is of the cluster {quoted(str(kept['cluster']), 200)}")
                revision: EntryRevision = from_json(EntryRevision, kept)
                return replace(revision, created=time_read(metadata["creationTimestamp"]))
        return EntryRevision(number, problem="awsauth did not record it, or another client altered it")


def last_entry_changes(revisions: Iterable[EntryRevision], entries: Iterable[AccessEntry]) -> dict[str, LastChange]:
    """Return the last change of each access entry, by its ARN.

    If another client changed an entry since, only the time is known.

    Args:
        revisions: The recorded changes, newest first.
        entries: The present entries.
    """
    found: dict[str, LastChange] = {}
    for one in revisions:
        change = LastChange(one.number, one.created, one.identity or one.author, one.reason)
        found = dict.fromkeys((diff.principal_arn for diff in one.diff), change) | found
    for entry in entries:
        recorded = known.time if (known := found.get(entry.principal_arn)) else None
        if entry.modified and (recorded is None or entry.modified > recorded + _TAKES):
            found[entry.principal_arn] = LastChange(0, entry.modified)
    return found


def _number_of(value: dict[str, Any]) -> int:
    """Return the number in the name of an object; 0 without one."""
    return number_of_name(value["metadata"]["name"], JOURNAL_NAME) or 0


def check_binding(transport: Transport) -> bool:
    """Check the binding of the group, and return whether it has to be made.

    Raises:
        ConflictError: a binding of that name gives other rights.
        ForbiddenError: the caller may not read or create the binding.
        AwsAuthError: the transport raises it.
    """
    try:
        found = fields_of(retry_unavailable(lambda: transport.get(_BINDING)), _KIND, _BINDING)
    except NotFoundError:
        make_binding(transport, dry_run=True)
        return True
    if (found.object("roleRef"), found.objects("subjects")) != (_ROLE, [_SUBJECT]):
        message = f"The ClusterRoleBinding {BRIDGE_GROUP} does not bind the group {BRIDGE_GROUP}, and nothing else, to cluster-admin."
        hint = f"Look at it. If nothing needs it, delete it with `{DELETE}`, and run this again."
        raise ConflictError(message, hint=hint)
    return False


def make_binding(transport: Transport, *, dry_run: bool = False) -> None:
    """Make the binding, unless another client has made it since.

    Args:
        transport: To the API server.
        dry_run: Whether the server only checks that the caller may make it.

    Raises:
        ForbiddenError: the caller may not make it.
        AwsAuthError: the transport raises it.
    """
    binding: Any = {"apiVersion": f"{RBAC_GROUP}/v1", "kind": _KIND, "roleRef": _ROLE, "subjects": [_SUBJECT]}
    binding["metadata"] = {"name": BRIDGE_GROUP, "labels": _OURS}
    try:
        create_object(transport, _BINDINGS, binding, dry_run=dry_run)
    except ForbiddenError as error:
        ask = f"Ask an administrator to create it with `{_CREATE}`, and to delete it after the change with `{DELETE}`."
        error.hint = f"{ask}\n{error.hint}"
        raise


def delete_binding(transport: Transport) -> None:
    """Delete the binding if awsauth made it; if that fails, it stays."""
    with suppress(AwsAuthError):
        if fields_of(transport.get(_BINDING), _KIND, _BINDING).object("metadata").get("labels") == _OURS:
            transport.delete(_BINDING)
