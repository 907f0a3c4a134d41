"""The ``aws-auth`` of a live cluster, with its revisions beside it."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final, cast

from awsauth.core.revision import Revision, info_from_object
from awsauth.core.revision_info import NAME
from awsauth.errors import (
    ApiError,
    AuthenticationError,
    ConflictError,
    NotFoundError,
    RevisionNotFoundError,
    RevisionTakenError,
    UnavailableError,
)
from awsauth.stores import cluster_objects as objects
from awsauth.stores.store import Listing, no_such_revision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.kube.transport import Transport
    from awsauth.stores.store import Snapshot, Stranger

_META: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_META_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_PAGE: Final = 500
_DRY_RUN: Final = {"dryRun": "All"}


class ClusterStore:
    """The ``aws-auth`` in a cluster's ``kube-system``; its revisions are the ``ControllerRevision`` objects beside it.

    Args:
        transport: To the cluster's API server.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
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
        except NotFoundError:
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
        return self._write(data, base, revision, {})

    def rehearse(self, data: Mapping[str, str], base: Snapshot) -> Snapshot:
        """Return what would come of a write: the server goes through all of it, admission included, and stores nothing.

        Raises what `write` would, other than `OutcomeUnknownError`: nothing is ever changed.
        """
        return self._write(data, base, None, _DRY_RUN)

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
        self._identities[revision.number, revision.digest] = objects.identity_of(made)
        return revision.recorded(created or datetime.now(timezone.utc))

    def list_revisions(self) -> Listing:
        """Return what is known about all revisions; their data is not sent.

        Raises:
            AwsAuthError: what `Transport.get` raises.
        """
        items: list[Any] = []
        query = {"labelSelector": objects.SELECTOR, "limit": str(_PAGE)}
        while True:
            answer = self._transport.request("GET", objects.REVISIONS, query, accept=_META_LIST)
            page, following = objects.page_of(answer.value)
            items += page
            if not following:
                break
            query["continue"] = following
        revisions, strangers = objects.sorted_out(items)
        self._identities = {(info.number, info.digest): identity for info, identity in revisions.items()}
        seen = {info.number for info in revisions} | {stranger.number for stranger in strangers}
        strangers += self._unlisted(seen)
        return Listing(tuple(revisions), answer.date or datetime.now(timezone.utc), tuple(strangers))

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
                no_such_revision(number), where=objects.WHERE, cure="List the history."
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
            self._deleted(number, objects.identity_of(there))

    def _write(
        self, data: Mapping[str, str], base: Snapshot, revision: Revision | None, query: Mapping[str, str]
    ) -> Snapshot:
        head = revision.info.head if revision else None
        try:
            if not base.exists:
                made = objects.new_config_map(data, head)
                return objects.snapshot_of(self._transport.post(objects.CONFIG_MAPS, made, query))
            carried = cast("dict[str, Any]", base.carried)
            base.check_mutable()
            changed = objects.changed_config_map(carried, data, head)
            return objects.snapshot_of(self._transport.put(objects.CONFIG_MAP, changed, query))
        except ApiError as error:
            if error.status == 409 or (error.status == 404 and base.exists):
                raise _conflict(base) from error
            raise

    def _record(self, revision: Revision) -> Any:
        try:
            return self._transport.post(objects.REVISIONS, revision.to_object(), accept=_META)
        except (AuthenticationError, UnavailableError):
            raise
        except ApiError as error:
            if error.status != 409:
                error.cure += "\nOr pass history=False, to change it without a revision and without a way back."
                raise
            self._taken.add(revision.number)
            raise RevisionTakenError(
                f"There is a revision {revision.number} already; nothing was changed.",
                where=objects.WHERE,
                cure="Another writer was quicker: try again.",
            ) from error

    def _unlisted(self, seen: set[int | None]) -> list[Stranger]:
        """Return what takes up numbers that were refused to us, and is not among the revisions."""
        found = []
        for number in sorted(self._taken - seen):
            try:
                self._transport.get(_path(number), accept=_META)
            except NotFoundError:
                self._taken.discard(number)
            else:
                found.append(objects.unlabelled(number))
        self._taken -= seen
        return found

    def _deleted(self, number: int, identity: objects.Identity) -> bool:
        """Delete an object if it is this one in this state; tell whether it is gone."""
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": identity}
        try:
            self._transport.delete(_path(number), options)
        except NotFoundError:
            return True
        except ApiError as error:
            if error.status != 409:
                raise
            return False
        return True


def _path(number: int) -> str:
    return f"{objects.REVISIONS}/{NAME}-{number}"


def _conflict(base: Snapshot) -> ConflictError:
    happened = "written or deleted" if base.exists else "made"
    return ConflictError(
        f"The object has been {happened} since it was read; nothing was changed.",
        where=objects.WHERE,
        cure="Try again: it starts from the object as it is now.",
    )
