"""The ``aws-auth`` of a live cluster, with its revisions beside it."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final, cast

from awsauth.core.revisions.info import NAME
from awsauth.core.revisions.revision import NAMESPACE, Revision, info_from_object, number_of_name
from awsauth.errors import (
    AdmissionError,
    ApiError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    OutcomeUnknownError,
    RevisionNotFoundError,
    RevisionTakenError,
)
from awsauth.kube.resources import METADATA, REVISIONS, SELECTOR, objects as listed, pages
from awsauth.stores import cluster_objects as objects
from awsauth.stores.store import RevisionList, no_such_revision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.kube.transport import Transport
    from awsauth.stores.store import InvalidRevision, Snapshot

_META: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


class ClusterStore:
    """The ``aws-auth`` in a cluster's ``kube-system``; its revisions are the ``ControllerRevision`` objects beside it.

    Args:
        transport: To the cluster's API server.
        rehearses: Whether the server is to go through all that is written, admission included, and store nothing.
    """

    def __init__(self, transport: Transport, *, rehearses: bool = False) -> None:
        self._transport = transport
        self._query = {"dryRun": "All"} if rehearses else {}
        self._taken: set[int] = set()
        self._identities: dict[tuple[int, str], objects.Identity] = {}

    def read(self) -> Snapshot:
        """Return the object as it is now; one that does not exist is a snapshot that says so.

        Raises:
            ForbiddenError: this user may not read it.
            AwsAuthError: what `Transport.get` raises.
        """
        try:
            return objects.snapshot_of(self._transport.get(objects.CONFIG_MAP))
        except NotFoundError as error:
            # Something else than an API server answers 404, too, and says nothing of the object by it.
            if not error.reason:
                raise
            return objects.ABSENT

    def write(self, data: Mapping[str, str], base: Snapshot, revision: Revision | None) -> Snapshot:
        """Write other data into the object, or make it (see `Store.write`).

        Labels, annotations other than ours, owners, finalizers, ``binaryData`` and whatever else it has stay.

        Raises:
            ConflictError: the object is no longer `base`; nothing was changed.
            OutcomeUnknownError: there was no answer.
            ForbiddenError: this user may not write it.
            AdmissionError: a policy or a webhook refused it.
            ApiError: it is immutable, or too large; nothing was changed.
            AwsAuthError: what `Transport.put` raises.
        """
        try:
            if not base.exists:
                made = objects.new_config_map(data, revision)
                return self._written(self._transport.post(objects.CONFIG_MAPS, made, self._query))
            carried = cast("dict[str, Any]", base.raw)
            base.check_mutable()
            changed = objects.changed_config_map(carried, data, revision)
            return self._written(self._transport.put(objects.CONFIG_MAP, changed, self._query))
        except ApiError as error:
            if error.status == 409 or (error.status == 404 and base.exists):
                raise _conflict(base) from error
            raise

    def _written(self, answer: Any) -> Snapshot:
        try:
            return objects.snapshot_of(answer, is_stored=not self._query)
        except ApiError as error:
            if self._query:
                raise
            raise OutcomeUnknownError(
                "The answer to a write was no ConfigMap: it may have been made, or not.",
                location=objects.WHERE,
                hint="Look at the object before trying again.",
            ) from error

    def dry_run_store(self) -> ClusterStore:
        """Return this ``aws-auth`` as one whose server says what it would do with a write, and never does it."""
        return ClusterStore(self._transport, rehearses=True)

    def record(self, revision: Revision) -> Revision:
        """Add a revision (see `Store.record`); its time is the server's.

        Raises:
            RevisionTakenError: there is one of that number.
            OutcomeUnknownError: there was no answer.
            ForbiddenError: this user may not make revisions.
            AwsAuthError: what `Transport.post` raises.
        """
        made = self._record(revision)
        created = info_from_object(made).created
        self._identities[revision.number, revision.digest] = objects.object_version(made)
        return revision.recorded(created or datetime.now(timezone.utc))

    def list_revisions(self) -> RevisionList:
        """Return what is known about all revisions; their data is not sent.

        Raises:
            AwsAuthError: what `Transport.get` raises.
        """
        items: list[dict[str, Any]] = []
        now = datetime.now(timezone.utc)
        for page, date in pages(self._transport, REVISIONS, accept=METADATA, labelSelector=SELECTOR):
            items += page
            now = date or now
        revisions, strangers = objects.sorted_out(items)
        self._identities = {(info.number, info.digest): identity for info, identity in revisions.items()}
        seen = {info.number for info in revisions} | {stranger.number for stranger in strangers}
        if self._taken - seen:
            strangers += self._unlisted(seen)
        self._taken -= seen
        return RevisionList(tuple(revisions), now, tuple(strangers))

    def read_revision(self, number: int) -> Revision:
        """Return a revision with its data (see `Store.read_revision`).

        Raises:
            RevisionNotFoundError: there is none of that number.
            HistoryError: what is there is no revision.
            AwsAuthError: what `Transport.get` raises.
        """
        try:
            value = self._transport.get(_path(number))
        except NotFoundError as error:
            raise RevisionNotFoundError(
                no_such_revision(number), location=objects.WHERE, hint="List the history."
            ) from error
        return Revision.from_object(value)

    def discard_revision(self, number: int, digest: str) -> None:
        """Delete the revision, if it has this digest.

        Raises:
            HistoryError: what is there is no revision.
            OutcomeUnknownError: there was no answer.
            AwsAuthError: what `Transport.delete` raises.
        """
        known = self._identities.pop((number, digest), None)
        if known and self._deleted(number, known):
            return
        try:
            there = self._transport.get(_path(number), accept=_META)
        except NotFoundError:
            return
        if info_from_object(there).digest == digest:
            self._deleted(number, objects.object_version(there))

    def _record(self, revision: Revision) -> dict[str, Any]:
        try:
            return self._transport.post(REVISIONS, revision.to_object(), self._query, accept=_META)
        except ApiError as error:
            if error.status != 409:
                # A change without one may pass where the revision is what is refused: not allowed, or too large.
                if isinstance(error, (ForbiddenError, AdmissionError)) or type(error) is ApiError:
                    error.hint += "\nOr pass history=False, to change it without a revision and without a way back."
                raise
            self._taken.add(revision.number)
            raise RevisionTakenError(
                f"There is a revision {revision.number} already; nothing was changed.",
                location=objects.WHERE,
                hint="Another writer was quicker: try again.",
            ) from error

    def _unlisted(self, seen: set[int | None]) -> list[InvalidRevision]:
        """Return the objects that have a revision's name without its label: their numbers are taken all the same."""
        names = [objects.name_of(item) for item in listed(self._transport, REVISIONS, accept=METADATA)]
        numbers = {number for name in names if (number := number_of_name(name))}
        return [objects.unlabelled(number) for number in sorted(numbers - seen)]

    def _deleted(self, number: int, identity: objects.Identity) -> bool:
        """Delete an object if it is this one in this state; tell whether it is gone."""
        if not self._query:
            objects.check_identity(identity, f"{NAMESPACE}/{NAME}-{number}")
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": identity}
        try:
            self._transport.delete(_path(number), options, self._query)
        except NotFoundError:
            return True
        except ApiError as error:
            if error.status != 409:
                raise
            return False
        return True


def _path(number: int) -> str:
    return f"{REVISIONS}/{NAME}-{number}"


def _conflict(base: Snapshot) -> ConflictError:
    happened = "written or deleted" if base.exists else "made"
    return ConflictError(
        f"The object has been {happened} since it was read; nothing was changed.",
        location=objects.WHERE,
        hint="Try again: it starts from the object as it is now.",
    )
