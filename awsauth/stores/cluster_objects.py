"""The objects of a live cluster that make up an ``aws-auth``: what is read from them, and what is written into them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from awsauth.core.document.document import Document
from awsauth.core.revisions.annotations import PREFIX, head_read, time_read
from awsauth.core.revisions.info import FIELD_MANAGER, NAME, FieldManager
from awsauth.core.revisions.revision import LABEL, NAMESPACE, head_replaced, info_from_object, number_of_name
from awsauth.core.text.display import quoted
from awsauth.errors import ApiError, HistoryError
from awsauth.kube.fields import fields_of
from awsauth.kube.resources import owners_of
from awsauth.stores.store import InvalidRevision, Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.core.revisions.info import Head, RevisionInfo
    from awsauth.core.revisions.revision import Revision

CONFIG_MAPS: Final = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
CONFIG_MAP: Final = f"{CONFIG_MAPS}/{NAME}"
WHERE: Final = f"{NAMESPACE}/{NAME}"

Identity = dict[str, str]
"""The ``uid`` and ``resourceVersion`` of an object."""
_IDENTITY: Final = ("uid", "resourceVersion")

ABSENT: Final = Snapshot(Document({}), "", exists=False)
"""An ``aws-auth`` that does not exist."""


def snapshot_of(config_map: Any, *, is_stored: bool = True) -> Snapshot:
    """Return what a ConfigMap's object holds.

    Args:
        config_map: The object.
        is_stored: Whether it is in the cluster: what a rehearsal would make has no ``resourceVersion``.

    Raises:
        ApiError: it is no ConfigMap, or does not tell which one it is and in which state.
    """
    fields = fields_of(config_map, "ConfigMap", WHERE)
    metadata = fields.object("metadata")
    annotations = metadata.texts_by_name("annotations")
    managed_fields = (config_map.get("metadata") or {}).get("managedFields")
    snapshot = Snapshot(
        Document(fields.texts_by_name("data")),
        metadata.text("resourceVersion"),
        metadata.text("uid"),
        immutable=fields.flag("immutable"),
        head=_head(annotations, managed_fields),
        binary_data=fields.texts_by_name("binaryData"),
        labels=metadata.texts_by_name("labels"),
        annotations=annotations,
        managers=_owners(managed_fields, "f:data"),
        owners=owners_of(metadata),
        raw=config_map,
    )
    if is_stored:
        check_identity({"uid": snapshot.uid, "resourceVersion": snapshot.version}, WHERE)
    return snapshot


def check_identity(identity: Identity, location: str) -> None:
    """Refuse an object that could only be written over or deleted whatever it has become in the meantime.

    Raises:
        ApiError: its ``uid`` or its ``resourceVersion`` is missing.
    """
    missing = [name for name in _IDENTITY if not identity.get(name)]
    if missing:
        raise ApiError(
            f"The server answered with an object without {' and '.join(map(quoted, missing))}: whether somebody else "
            "changes it at the same time could not be told; nothing was changed.",
            location=location,
            hint="A Kubernetes API server always tells them: see what takes them out on the way here, such as a proxy.",
        )


def changed_config_map(
    carried: Mapping[str, Any], data: Mapping[str, str], revision: Revision | None
) -> dict[str, Any]:
    """Return the object with other data and, where one is given, another head; all else is as it was.

    Who manages which field is for the server to say: without ``managedFields`` it keeps what it has.
    """
    metadata = {key: value for key, value in carried["metadata"].items() if key != "managedFields"}
    if revision:
        metadata["annotations"] = head_replaced(metadata.get("annotations") or {}, revision)
    return {**carried, "metadata": metadata, "data": dict(data)}


def new_config_map(data: Mapping[str, str], revision: Revision | None) -> dict[str, Any]:
    """Return the ``aws-auth`` to create: with the revision's labels, annotations and ``binaryData``, if it has any."""
    if revision is None:
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": NAME, "namespace": NAMESPACE},
            "data": dict(data),
        }
    config_map = {**revision.config_map(), "data": dict(data)}
    config_map["metadata"]["annotations"] = head_replaced(revision.annotations, revision)
    return config_map


def sorted_out(items: list[Any]) -> tuple[dict[RevisionInfo, Identity], list[InvalidRevision]]:
    """Return the revisions among listed objects, in the order of their numbers, and what is none."""
    revisions: dict[RevisionInfo, Identity] = {}
    strangers = []
    for item in items:
        try:
            info = info_from_object(item)
            revisions[info] = object_version(item)
        except HistoryError as error:
            name = name_of(item)
            strangers.append(InvalidRevision(name, error.message, number_of_name(name)))
    return dict(sorted(revisions.items(), key=lambda pair: pair[0].number)), strangers


def object_version(value: Any) -> Identity:
    """Return what tells an object in this very state from all others, for preconditions, as far as it is there."""
    found = {key: value["metadata"].get(key) for key in _IDENTITY}
    return {key: text for key, text in found.items() if isinstance(text, str) and text}


def unlabelled(number: int) -> InvalidRevision:
    """Return what stands for an object that has a revision's name but is not listed among the revisions."""
    name = f"{NAME}-{number}"
    return InvalidRevision(name, f"It has no label {quoted(LABEL)} with the value {quoted(NAME)}.", number)


def name_of(item: Any) -> str:
    """Return the name of a listed object."""
    metadata = item.get("metadata") if isinstance(item, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else "an object without a name"


def _head(annotations: Mapping[str, str], managed_fields: Any) -> Head | None:
    """Return the head that awsauth wrote; None if another client wrote it, as one does that applies a backup."""
    owners = _owners(managed_fields, "f:metadata", "f:annotations").get(f"{PREFIX}digest", ())
    is_ours = not owners or FIELD_MANAGER in (owner.client for owner in owners)
    return head_read(annotations) if is_ours else None


def _owners(managed_fields: Any, *path: str) -> dict[str, tuple[FieldManager, ...]]:
    """Return the clients that own each field of a map: those whose ``fieldsV1`` names the field below this path."""
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
        time = time_read(str(entry.get("time")))
    return FieldManager(str(entry.get("manager") or ""), time, str(entry.get("subresource") or ""))
