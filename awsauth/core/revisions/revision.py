"""A revision: one state of ``aws-auth``, and the object that keeps it.

The object is an ``apps/v1 ControllerRevision`` whose ``data`` is the ConfigMap itself, so that kubectl alone can restore
it. Its metadata is in annotations, which can be listed without the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, cast

from awsauth.boundary import public, unguarded
from awsauth.core.revisions import info as meta
from awsauth.core.revisions.info import CONFIG_MAP_NAME, Head, RevisionInfo, Writer, data_digest
from awsauth.core.serialization import sha256_of
from awsauth.core.text.display import quoted
from awsauth.errors import HistoryError

NAMESPACE: Final = "kube-system"
LABEL: Final = "awsauth/config-map"  # label of every revision; its value is the ConfigMap's name

HIGHEST: Final = 999_999_999  # the highest number that a revision may have

# The annotation in which kubectl keeps the last manifest that was applied.
LAST_APPLIED_ANNOTATION: Final = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True, slots=True)
@public
class Revision:
    """A recorded state of ``aws-auth``.

    Attributes:
        info: Its metadata.
        data: The ConfigMap's ``data``.
        binary_data: The ConfigMap's ``binaryData``, in base64.
        labels: The ConfigMap's labels.
        annotations: The ConfigMap's annotations, without ours and without kubectl's last-applied configuration.
    """

    info: RevisionInfo
    data: Mapping[str, str] = field(hash=False)
    binary_data: Mapping[str, str] = field(default_factory=dict, hash=False)
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    @unguarded
    def number(self) -> int:
        """The revision's number."""
        return self.info.number

    @property
    @unguarded
    def digest(self) -> str:
        """The revision's digest."""
        return self.info.digest

    @property
    def is_intact(self) -> bool:
        """Whether data and metadata fit the digests.

        If not, the revision was altered after it was recorded.
        """
        is_recorded = self.info.owners_digest == digest_of_owners(self.annotations)
        return is_recorded and is_sound(self.info) and self.info.head.is_of(self.data, self.binary_data)

    def recorded(self, created: datetime) -> Revision:
        """Return the revision with the time of its recording."""
        return replace(self, info=replace(self.info, created=created.replace(microsecond=0)))

    def to_object(self) -> dict[str, Any]:
        """Return the ``ControllerRevision``."""
        labels, annotations = {LABEL: CONFIG_MAP_NAME}, meta.annotations_written(self.info)
        made = controller_revision(self.info.name, self.number, self.config_map(), labels, annotations)
        if self.info.created:
            made["metadata"]["creationTimestamp"] = meta.time_text(self.info.created)
        return made

    def config_map(self) -> dict[str, Any]:
        """Return the ConfigMap in this state, as Kubernetes accepts it."""
        optional = {"labels": dict(self.labels), "annotations": own_annotations_removed(self.annotations)}
        metadata: dict[str, Any] = {"name": CONFIG_MAP_NAME, "namespace": NAMESPACE}
        metadata |= {name: texts for name, texts in optional.items() if texts}
        made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(self.data)}
        return {**made, "binaryData": dict(self.binary_data)} if self.binary_data else made

    @classmethod
    def from_object(cls, value: Any) -> Revision:
        """Return the revision that an object keeps.

        Raises:
            HistoryError: awsauth did not record the object, or it was changed since and cannot be understood.
        """
        info = info_from_object(value)
        location = f"revision {info.name}"
        if value.get("kind", "ControllerRevision") != "ControllerRevision" or value.get("revision") != info.number:
            raise unusable(location, f"its `revision` is {quoted(str(value.get('revision')), 40)}, not {info.number}")
        config_map = value.get("data")
        if not isinstance(config_map, dict) or config_map.get("kind") != "ConfigMap":
            raise unusable(location, "its `data` is not a ConfigMap")
        metadata = config_map.get("metadata")
        kept = metadata if isinstance(metadata, dict) else {}
        binary_data = _texts(config_map, "binaryData", location)
        for key, text in binary_data.items():
            import base64  # few ConfigMaps have any

            try:
                base64.b64decode(text, validate=True)
            except ValueError as error:
                raise unusable(location, f"{quoted(key)} in its `binaryData` is not base64") from error
        labels, annotations = (_texts(kept, name, location) for name in ("labels", "annotations"))
        return cls(info, _texts(config_map, "data", location), binary_data, labels, annotations)


def controller_revision(
    name: str, number: int, data: Any, labels: Mapping[str, str], annotations: Mapping[str, str]
) -> dict[str, Any]:
    """Return a ``ControllerRevision`` with its data."""
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels, "annotations": annotations}
    made = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": metadata}
    return {**made, "revision": number, "data": data}


def info_from_object(value: Any) -> RevisionInfo:
    """Return the metadata of a ``ControllerRevision``, with or without data.

    Raises:
        HistoryError: awsauth did not record the object, or its metadata was changed since.
    """
    metadata = value.get("metadata") if isinstance(value, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict) or not isinstance(name, str):
        raise unusable("an object in the history", "it has no name")
    location = f"revision {quoted(name)[1:-1]}"
    if not (number := number_of_name(name)):
        raise unusable(location, f"its name is not {CONFIG_MAP_NAME}- and a number from 1 to {HIGHEST:,}")
    annotations = _texts(metadata, "annotations", location)
    try:
        info = meta.read_annotations(number, annotations, metadata.get("creationTimestamp"))
    except ValueError as error:
        raise unusable(location, str(error)) from error
    managed = metadata.get("managedFields")
    entries = [entry for entry in managed if isinstance(entry, dict)] if isinstance(managed, list) else []
    recorded_by = tuple(dict.fromkeys(str(entry.get("manager") or "") for entry in entries))
    return replace(info, recorded_by=recorded_by) if recorded_by else info


def is_sound(info: RevisionInfo) -> bool:
    """Whether the metadata of a revision fits its digest."""
    return info.digest == meta.digest_of(info)


def number_of_name(name: str, before: str = CONFIG_MAP_NAME) -> int | None:
    """Return the number in the name of a revision's object, or None if it has none.

    Args:
        name: The name.
        before: The text before the hyphen and the number.
    """
    prefix, _, digits = name.rpartition("-")
    if prefix != before or not digits.isascii() or not digits.isdecimal() or digits.startswith("0"):
        return None
    return int(digits) if len(digits) <= len(str(HIGHEST)) else None


def own_annotations_removed(annotations: Mapping[str, str]) -> dict[str, str]:
    """Return a ConfigMap's annotations that a restored state may have.

    Our head would name the wrong revision. With an old last-applied configuration, kubectl would remove newer fields.
    """
    others = (key for key in annotations if not key.startswith(meta.PREFIX) and key != LAST_APPLIED_ANNOTATION)
    return {key: annotations[key] for key in others} | meta.owners_of(annotations)


def head_replaced(annotations: Mapping[str, str], revision: Revision) -> dict[str, str]:
    """Return a ConfigMap's annotations with its new head and owners' records."""
    kept = {key: text for key, text in annotations.items() if not key.startswith(meta.OWNER_PREFIX)}
    return kept | meta.owners_of(revision.annotations) | meta.head_written(revision.info.head)


def digest_of_owners(annotations: Mapping[str, str]) -> str:
    """Return the SHA-256 of the records of owners; empty without records."""
    owners = meta.owners_of(annotations)
    return sha256_of(owners) if owners else ""


def draft(
    number: int,
    parent: Head | None,
    data: Mapping[str, str],
    *,
    binary_data: Mapping[str, str] = MappingProxyType({}),
    labels: Mapping[str, str] = MappingProxyType({}),
    annotations: Mapping[str, str] = MappingProxyType({}),
    **metadata: Any,
) -> Revision:
    """Return a revision to be recorded, with its digests.

    Args:
        number: Its number.
        parent: The revision before it; None for the first.
        data: The state after the change.
        binary_data: As in the object, like `labels` and `annotations`.
        labels: See above.
        annotations: See above; ours and the last-applied configuration are left out.
        **metadata: Other fields of `RevisionInfo`. Control characters are escaped, and each text is cut to 1 KiB.
    """
    number_of_parent, its_digest, *_ = parent or (0, "")
    metadata |= {name: meta.fitting(metadata.get(name, "")) for name in ("reason", "owner")}
    metadata["writer"] = Writer(*map(meta.fitting, metadata.get("writer", ())))
    metadata["managers"] = meta.fitting_managers(metadata.get("managers", {}))
    metadata["owners_digest"] = digest_of_owners(annotations)
    of_state = data_digest(data, binary_data)
    info = RevisionInfo(number, "", of_state, number_of_parent, its_digest, **metadata)
    info = RevisionInfo(number, meta.digest_of(info), of_state, number_of_parent, its_digest, **metadata)
    return Revision(info, dict(data), dict(binary_data), dict(labels), own_annotations_removed(annotations))


def _texts(mapping: Mapping[str, Any], key: str, location: str) -> dict[str, str]:
    value = mapping.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(part, str) for pair in value.items() for part in pair):
        raise unusable(location, f"its `{key}` is not a mapping of texts")
    return cast("dict[str, str]", value)


def unusable(location: str, problem: str) -> HistoryError:
    """Return the error for an object in the history that is not a revision.

    awsauth did not record it, or it was changed since.
    """
    message = f"awsauth did not record this as a revision: {problem}. It is not used."
    hint = "Look at it with kubectl or in the history's folder, and delete it if it is of no use."
    return HistoryError(message, location=location, hint=hint)
