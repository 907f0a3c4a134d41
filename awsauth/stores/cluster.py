"""The ``aws-auth`` of a live cluster, with its revisions next to it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Final, cast

from awsauth.core.document.document import Document
from awsauth.core.revisions import info as meta
from awsauth.core.revisions.info import CONFIG_MAP_NAME, FieldManager, Head, RevisionInfo
from awsauth.core.revisions.revision import LABEL, NAMESPACE, Revision, head_replaced, info_from_object, number_of_name
from awsauth.core.text.display import quoted
from awsauth.errors import AdmissionError, ApiError, ForbiddenError, HistoryError, NotFoundError, OutcomeUnknownError
from awsauth.kube.resources import METADATA, REVISIONS_PATH, SELECTOR, fields_of, list_objects, owner_references, pages
from awsauth.kube.transport import Transport
from awsauth.stores import store

_CONFIG_MAPS: Final = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
_CONFIG_MAP: Final = f"{_CONFIG_MAPS}/{CONFIG_MAP_NAME}"
_LOCATION: Final = f"{NAMESPACE}/{CONFIG_MAP_NAME}"
_META: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_IDENTITY: Final = ("uid", "resourceVersion")

_ObjectIdentity = dict[str, str]  # the `uid` and `resourceVersion` of an object, for preconditions


class ClusterStore(store.Store):
    """The ``aws-auth`` in a cluster's ``kube-system``.

    Its revisions are ``ControllerRevision`` objects next to it.

    Args:
        transport: To the cluster's API server.
        rehearses: Whether the server checks all writes, including its admission, and makes none.
    """

    def __init__(self, transport: Transport, *, rehearses: bool = False) -> None:
        self._transport = transport
        self._query = {"dryRun": "All"} if rehearses else {}
        self._taken: set[int] = set()
        self._identities: dict[tuple[int, str], _ObjectIdentity] = {}

    def read(self) -> store.Snapshot:
        """Return the present state of the object, which may not exist.

        Raises:
            ForbiddenError: the caller may not read it.
            AwsAuthError: see `Transport.get`.
        """
        try:
            return snapshot_of(self._transport.get(_CONFIG_MAP))
        except NotFoundError as error:
            if not error.reason:  # from a proxy, which knows nothing of the object
                raise
            return store.Snapshot(Document({}), "", exists=False)

    def write(self, data: Mapping[str, str], base: store.Snapshot, revision: Revision | None) -> store.Snapshot:
        """Write the data into the object, or create it (see `Store.write`).

        Labels, other tools' annotations, owners, finalizers, ``binaryData`` and all other fields stay.

        Raises:
            ConflictError: the object is no longer `base`.
            OutcomeUnknownError: there was no answer.
            ForbiddenError: the caller may not write it.
            AdmissionError: a policy or a webhook refused it.
            ApiError: it is immutable, or too large.
            AwsAuthError: see `Transport.put`.
        """
        try:
            if not base.exists:
                return self._written(self._transport.post(_CONFIG_MAPS, _new_config_map(data, revision), self._query))
            base.check_mutable()
            changed = _changed_config_map(cast("dict[str, Any]", base.raw), data, revision)
            return self._written(self._transport.put(_CONFIG_MAP, changed, self._query))
        except ApiError as error:
            if error.status == 409 or (error.status == 404 and base.exists):
                raise store.conflict(_LOCATION, "written or deleted" if base.exists else "made") from error
            raise

    def _written(self, answer: Any) -> store.Snapshot:
        try:
            return snapshot_of(answer, is_stored=not self._query)
        except ApiError as error:
            if self._query:
                raise
            message = "The answer to a write is not a ConfigMap, so the write may or may not have been made."
            hint = "Look at the object before you try again."
            raise OutcomeUnknownError(message, location=_LOCATION, hint=hint) from error

    def dry_run_store(self) -> ClusterStore:
        """Return a store of this ``aws-auth`` whose server checks writes and makes none."""
        return ClusterStore(self._transport, rehearses=True)

    def record(self, revision: Revision) -> Revision:
        """Add a revision (see `Store.record`), with the server's time.

        Raises:
            RevisionTakenError: a revision of that number exists.
            OutcomeUnknownError: there was no answer.
            ForbiddenError: the caller may not create revisions.
            AwsAuthError: see `Transport.post`.
        """
        try:
            made = self._transport.post(REVISIONS_PATH, revision.to_object(), self._query, accept=_META)
        except ApiError as error:
            if error.status == 409:
                self._taken.add(revision.number)
                raise store.revision_taken(revision.number, _LOCATION) from error
            # The change may pass without a revision if only the revision is forbidden or too large.
            if isinstance(error, (ForbiddenError, AdmissionError)) or type(error) is ApiError:
                error.hint += "\nOr pass history=False, to change it without a revision and without a way back."
            raise
        created = info_from_object(made).created
        self._identities[revision.number, revision.digest] = _identity(made)
        return revision.recorded(created or datetime.now(timezone.utc))

    def list_revisions(self) -> store.RevisionList:
        """Return all revisions; the server does not send their data.

        Raises:
            AwsAuthError: see `Transport.get`.
        """
        now = datetime.now(timezone.utc)
        revisions: list[tuple[RevisionInfo, _ObjectIdentity]] = []
        invalid: list[store.InvalidRevision] = []
        for page, date in pages(self._transport, REVISIONS_PATH, accept=METADATA, labelSelector=SELECTOR):
            now = date or now
            for item in page:
                try:
                    revisions.append((info_from_object(item), _identity(item)))
                except HistoryError as error:
                    name = _name_of(item)
                    invalid.append(store.InvalidRevision(name, error.message, number_of_name(name)))
        revisions.sort(key=lambda pair: pair[0].number)
        self._identities = {(info.number, info.digest): identity for info, identity in revisions}
        seen = {info.number for info, _ in revisions} | {other.number for other in invalid}
        if self._taken - seen:
            invalid += self._unlabeled(seen)
        self._taken -= seen
        return store.RevisionList(tuple(info for info, _ in revisions), now, tuple(invalid))

    def _unlabeled(self, seen: set[int | None]) -> list[store.InvalidRevision]:
        """Return the objects with a revision's name, but without its label.

        They occupy their numbers.
        """
        names = [_name_of(item) for item in list_objects(self._transport, REVISIONS_PATH, accept=METADATA)]
        numbers = {number for name in names if (number := number_of_name(name))} - seen
        problem = f"It has no label {quoted(LABEL)} with the value {quoted(CONFIG_MAP_NAME)}."
        return [store.InvalidRevision(f"{CONFIG_MAP_NAME}-{number}", problem, number) for number in sorted(numbers)]

    def read_revision(self, number: int) -> Revision:
        """Return a revision with its data (see `Store.read_revision`).

        Raises:
            RevisionNotFoundError: there is no revision of that number.
            HistoryError: the object there is not a revision.
            AwsAuthError: see `Transport.get`.
        """
        try:
            value = self._transport.get(_path(number))
        except NotFoundError as error:
            raise store.revision_not_found(number, _LOCATION) from error
        return Revision.from_object(value)

    def discard_revision(self, number: int, digest: str) -> None:
        """Delete the revision if it exists and has this digest.

        Raises:
            HistoryError: the object there is not a revision.
            OutcomeUnknownError: there was no answer.
            AwsAuthError: see `Transport.delete`.
        """
        known = self._identities.pop((number, digest), None)
        if known and self._deleted(number, known):
            return
        try:
            found = self._transport.get(_path(number), accept=_META)
        except NotFoundError:
            return
        if info_from_object(found).digest == digest:
            self._deleted(number, _identity(found))

    def _deleted(self, number: int, identity: _ObjectIdentity) -> bool:
        """Delete an object if it is still in this state; return whether it is gone."""
        if not self._query:
            _check_identity(identity, f"{_LOCATION}-{number}")
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": identity}
        try:
            self._transport.delete(_path(number), options, self._query)
        except ApiError as error:
            if error.status not in (404, 409):
                raise
            return error.status == 404
        return True


def snapshot_of(config_map: Any, *, is_stored: bool = True) -> store.Snapshot:
    """Return the snapshot of a ConfigMap's object.

    Args:
        config_map: The object.
        is_stored: Whether it is in the cluster; the answer to a dry run has no ``resourceVersion``.

    Raises:
        ApiError: it is not a ConfigMap, or its identity is missing.
    """
    fields = fields_of(config_map, "ConfigMap", _LOCATION)
    metadata = fields.object("metadata")
    annotations = metadata.texts_by_name("annotations")
    managed_fields = (config_map.get("metadata") or {}).get("managedFields")
    snapshot = store.Snapshot(
        Document(fields.texts_by_name("data")),
        metadata.text("resourceVersion"),
        metadata.text("uid"),
        immutable=fields.flag("immutable"),
        head=_head(annotations, managed_fields),
        binary_data=fields.texts_by_name("binaryData"),
        labels=metadata.texts_by_name("labels"),
        annotations=annotations,
        managers=_owners(managed_fields, "f:data"),
        owners=owner_references(metadata),
        raw=config_map,
    )
    if is_stored:
        _check_identity({"uid": snapshot.uid, "resourceVersion": snapshot.version}, _LOCATION)
    return snapshot


def _check_identity(identity: _ObjectIdentity, location: str) -> None:
    """Refuse an object without the fields that show other writers' changes."""
    if missing := [name for name in _IDENTITY if not identity.get(name)]:
        shown = " and ".join(map(quoted, missing))
        message = f"The server's answer is an object without {shown}, so changes by other writers would go unnoticed."
        hint = "Find what removes them on the way, such as a proxy: a Kubernetes API server always sends them."
        raise ApiError(message, location=location, hint=hint)


def _changed_config_map(base: Mapping[str, Any], data: Mapping[str, str], revision: Revision | None) -> dict[str, Any]:
    """Return the object with new data and, if given, a new head.

    It has no ``managedFields``: the server keeps its own.
    """
    metadata = {key: value for key, value in base["metadata"].items() if key != "managedFields"}
    if revision:
        metadata["annotations"] = head_replaced(metadata.get("annotations") or {}, revision)
    return {**base, "metadata": metadata, "data": dict(data)}


def _new_config_map(data: Mapping[str, str], revision: Revision | None) -> dict[str, Any]:
    """Return the ``aws-auth`` to create, with the revision's metadata, if any.

    The metadata is its labels, annotations and ``binaryData``.
    """
    if revision is None:
        metadata = {"name": CONFIG_MAP_NAME, "namespace": NAMESPACE}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data)}
    config_map = {**revision.config_map(), "data": dict(data)}
    config_map["metadata"]["annotations"] = head_replaced(revision.annotations, revision)
    return config_map


def _path(number: int) -> str:
    return f"{REVISIONS_PATH}/{CONFIG_MAP_NAME}-{number}"


def _identity(value: Any) -> _ObjectIdentity:
    """Return the identity of an object's present state, as far as it has one."""
    found = {key: value["metadata"].get(key) for key in _IDENTITY}
    return {key: text for key, text in found.items() if isinstance(text, str) and text}


def _name_of(item: Any) -> str:
    metadata = item.get("metadata") if isinstance(item, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else "an object without a name"


def _head(annotations: Mapping[str, str], managed_fields: Any) -> Head | None:
    """Return the head that awsauth wrote; None if another client wrote it.

    A client that applies a backup does so.
    """
    owners = _owners(managed_fields, "f:metadata", "f:annotations").get(f"{meta.PREFIX}digest", ())
    is_ours = not owners or meta.FIELD_MANAGER in (owner.client for owner in owners)
    return meta.head_read(annotations) if is_ours else None


def _owners(managed_fields: Any, *path: str) -> dict[str, tuple[FieldManager, ...]]:
    """Return the clients that own each field of a map.

    Their ``fieldsV1`` names the field below this path.
    """
    found: dict[str, dict[FieldManager, None]] = {}
    for entry in managed_fields if isinstance(managed_fields, list) else []:
        fields = entry.get("fieldsV1") if isinstance(entry, dict) else None
        for name in path:
            fields = fields.get(name) if isinstance(fields, dict) else None
        for field in fields if isinstance(fields, dict) else ():
            if field.startswith("f:"):
                found.setdefault(field[2:], {})[_manager(entry)] = None
    return {field: tuple(owners) for field, owners in found.items()}


def _manager(entry: dict[str, Any]) -> FieldManager:
    time = None
    with contextlib.suppress(ValueError):
        time = meta.time_read(str(entry.get("time")))
    return FieldManager(str(entry.get("manager") or ""), time, str(entry.get("subresource") or ""))
