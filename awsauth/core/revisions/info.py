"""The metadata of a revision: its place in the chain, who made it, when and why.

It is written as annotations of at most 1 KiB each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, NamedTuple, get_args

from awsauth.core.serialization import FLAT, LEFT_OUT, JsonValue, NoneForZero, compact_json, json_object, sha256_of
from awsauth.core.text.display import quoted, visible

FIELD_MANAGER: Final = "awsauth"  # the manager under which this library writes

# The kind of a revision. ``outside``: another tool made the state, and it was recorded before the next change of ours.
# ``snapshot``: the state was recorded on request. ``deleted``: there was no object; no revision is of this kind, only
# an entry in the log.
RevisionKind = Literal["change", "outside", "rollback", "snapshot", "sync", "deleted"]

OBSERVED: Final = ("outside", "snapshot")  # the kinds of revisions whose state others have made

NumberOrNone = Annotated[int, NoneForZero()]

CONFIG_MAP_NAME: Final = "aws-auth"  # the ConfigMap's name, with which the names of its revisions begin


def data_digest(data: Mapping[str, str], binary_data: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the SHA-256, in hex, of ``data`` and ``binaryData``."""
    return sha256_of({"data": dict(data), **({"binaryData": dict(binary_data)} if binary_data else {})})


class Writer(NamedTuple):
    """Who makes a change.

    Attributes:
        author: The name that the caller gives, as with ``--author``: a claim.
        username: The caller's username in the cluster, as the API server authenticated it; empty if unknown.
        arn: The caller's IAM ARN, as the API server authenticated it; empty if unknown.
        account: The account of the operating system, if no API server authenticated the caller: a claim.
    """

    author: str = ""
    username: str = ""
    arn: str = ""
    account: str = ""

    @property
    def identity(self) -> str:
        """The ARN or username that the API server authenticated, or else the account."""
        return self.arn or self.username or self.account

    def is_other_than(self, writer: Writer) -> bool:
        """Whether this is another writer.

        Claims count only if the API server does not know both.
        """
        known, other = (one.arn or one.username for one in (self, writer))
        return known != other if known and other else self != writer

    def __str__(self) -> str:
        known = self.identity
        claimed = self.author if self.author != known else ""
        return f"{known} (author {claimed})" if known and claimed else known or claimed


UNKNOWN_WRITER: Final = Writer()


@json_object
class FieldManager(NamedTuple):
    """A client that owns a data key of the object, as ``managedFields`` has it.

    Attributes:
        client: The name that the client gave itself, such as ``kubectl-edit``.
        time: When it last changed fields that it owns, in UTC; None if unknown.
        subresource: The subresource that it wrote; empty for the object itself.
    """

    client: str
    time: datetime | None = None
    subresource: str = ""

    def __str__(self) -> str:
        part = f" ({self.subresource})" if self.subresource else ""
        return f"{self.client}{part}{f' at {local_time(self.time)}' if self.time else ''}"


class Head(NamedTuple):
    """The annotations in which a live object names its own revision.

    Attributes:
        number: The revision's number.
        digest: The revision's digest.
        data_digest: The digest of the data and binaryData that were written with it.
    """

    number: int
    digest: str
    data_digest: str

    def is_of(self, data: Mapping[str, str], binary_data: Mapping[str, str] = MappingProxyType({})) -> bool:
        """Whether the revision holds this state; if not, another tool has written since."""
        return data_digest(data, binary_data) == self.data_digest


@dataclass(frozen=True, slots=True)
class RevisionInfo(JsonValue):
    """A revision without its data.

    Attributes:
        number: Counts up from 1; 0 for a state that no revision holds.
        digest: Of all that is recorded here except `created` and `recorded_by`. It covers the digests of the data and
            of the parent, and so all earlier states.
        data_digest: Of the data and binaryData (see `data_digest`).
        parent: The number of the revision before it; 0 for the first, or if it is unknown.
        parent_digest: The digest of the revision before it; empty without one.
        kind: ``change``, ``outside``, ``rollback`` or ``snapshot``; in the log also ``deleted``.
        reason: Why, in the writer's words.
        writer: Who made the change, or asked for the snapshot; empty for kind ``outside``.
        restores: The number of the revision that a rollback restored; otherwise 0.
        owner: The owners whose fragments a sync synced, separated by commas; otherwise empty.
        owners_digest: The SHA-256 of the records of owners in the state; empty without records.
        uid: The object's uid; empty for a file, and for the state that the object was created with.
        attempt: Random; distinguishes two writers who make the same change at the same moment.
        managers: By data key, the clients that owned it before the write (``managedFields``).
        creates: Whether there was no object before.
        created: When it was recorded, by the store's clock, in UTC; None until then.
        recorded_by: The clients that created the revision's object (``managedFields``), by the names that they gave
            themselves. Empty for a file.
    """

    number: NumberOrNone
    digest: str = field(metadata=LEFT_OUT)
    data_digest: str = field(metadata=LEFT_OUT)
    parent: NumberOrNone = 0
    parent_digest: str = field(default="", metadata=LEFT_OUT)
    kind: RevisionKind = "change"
    reason: str = ""
    writer: Writer = field(default=UNKNOWN_WRITER, metadata=FLAT)
    restores: NumberOrNone = 0
    owner: str = ""
    owners_digest: str = field(default="", metadata=LEFT_OUT)
    uid: str = field(default="", metadata=LEFT_OUT)
    attempt: str = field(default="", metadata=LEFT_OUT)
    managers: Mapping[str, tuple[FieldManager, ...]] = field(default_factory=dict, hash=False)
    creates: bool = field(default=False, metadata=LEFT_OUT)
    created: datetime | None = None
    recorded_by: tuple[str, ...] = field(default=(), compare=False)

    @property
    def title(self) -> str:
        """The kind, and of a sync the owners."""
        return f"{self.kind} {visible(self.owner)}" if self.owner else self.kind

    @property
    def head(self) -> Head:
        """The annotations of the live object while this is its revision."""
        return Head(self.number, self.digest, self.data_digest)

    @property
    def name(self) -> str:
        """The name of the revision's object."""
        return f"{CONFIG_MAP_NAME}-{self.number}"

    @property
    def by(self) -> str:
        """Who made it: the writer, or for another tool the data's clients and times."""
        owners = dict.fromkeys(one for owners in self.managers.values() for one in owners)
        others = [str(one) for one in owners if one.client not in ("", FIELD_MANAGER)]
        named = f"client {', '.join(others)}" if others and self.kind in OBSERVED else ""
        return visible(str(self.writer) or named) or "-"


def local_time(moment: datetime) -> str:
    """Return a time in the local zone, such as ``2026-03-01 14:05:59+01:00``."""
    return moment.astimezone().isoformat(" ", "seconds")


PREFIX: Final = "awsauth/"
OWNER_PREFIX: Final = f"{PREFIX}owner."  # of annotations that record the entries each owner applied last
LONGEST_TEXT: Final = 1024  # bytes of one annotation in UTF-8; all of an object may have 256 KiB

_CUT: Final = "…"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,8}")
_KINDS: Final = frozenset(get_args(RevisionKind)) - {"deleted"}
# The fields that are annotations as they are.
_TEXTS: Final = "kind", "digest", "data_digest", "parent_digest", "reason", "owner", "owners_digest", "uid", "attempt"
_HEAD: Final = (f"{PREFIX}revision", f"{PREFIX}digest", f"{PREFIX}data-digest")

Managers = dict[str, tuple[FieldManager, ...]]


def fitting(text: str) -> str:
    """Return a text for an annotation: one visible line of at most 1 KiB."""
    raw = visible(text).encode("utf-8", "backslashreplace")
    if len(raw) <= LONGEST_TEXT:
        return raw.decode()
    return raw[: LONGEST_TEXT - len(_CUT.encode())].decode("utf-8", "ignore") + _CUT


def fitting_managers(managers: Mapping[str, tuple[FieldManager, ...]]) -> Managers:
    """Return the managers that fit into an annotation; ``…`` stands for others."""
    kept = {key: tuple(owners) for key, owners in managers.items()}
    while kept and len(_managers_text(kept).encode()) > LONGEST_TEXT:
        key = max(kept, key=lambda name: len(_managers_text({name: kept[name]})))
        if owners := [owner for owner in kept[key] if owner.client != _CUT]:
            kept[key] = (*owners[:-1], FieldManager(_CUT))
        else:
            del kept[key]
    return kept


def annotations_written(info: RevisionInfo) -> dict[str, str]:
    """Return the annotations of a revision's object."""
    fields = {
        # The number again: it exposes a copy that a user made under another name.
        "revision": str(info.number),
        "parent": str(info.parent or ""),
        "restores": str(info.restores or ""),
        **{name.replace("_", "-"): getattr(info, name) for name in _TEXTS},
        **info.writer._asdict(),
        "managers": _managers_text(info.managers) if info.managers else "",
        "creates": "true" if info.creates else "",
    }
    return {PREFIX + name: text for name, text in fields.items() if text}


def digest_of(info: RevisionInfo) -> str:
    """Return the digest over all annotations of a revision but the digest.

    Each revision holds the digest of its parent, so an object that names the newest proves all earlier ones. A
    client that may create revisions but not write the object cannot add one to that chain.
    """
    return sha256_of({key: text for key, text in annotations_written(info).items() if key != f"{PREFIX}digest"})


def read_annotations(number: int, annotations: Mapping[str, str], created: Any) -> RevisionInfo:
    """Return the metadata of the revision with this number.

    Args:
        number: The number in the object's name.
        annotations: The annotations of the object.
        created: Its ``creationTimestamp``: RFC 3339 text, or None.

    Raises:
        ValueError: the annotations are not ours, or were changed; the message is the rest of a sentence.
    """
    ours = {key.removeprefix(PREFIX): text for key, text in annotations.items() if key.startswith(PREFIX)}
    if not ours:
        raise ValueError("it has none of the annotations that begin with `awsauth/`")
    if _number(ours, "revision") != number:
        message = f"it was recorded as revision {quoted(ours.get('revision', ''), 20)} and now has another number"
        raise ValueError(message)
    texts: Any = {name: ours.get(name.replace("_", "-"), "") for name in _TEXTS}
    if texts["kind"] not in _KINDS:
        raise _unreadable("kind", texts["kind"])
    parent = _number(ours, "parent")
    for name in ("digest", "data-digest", "parent-digest") if parent else ("digest", "data-digest"):
        _matching(_DIGEST, ours, name)
    return RevisionInfo(
        number=number,
        parent=parent,
        writer=Writer(**{name: ours.get(name, "") for name in Writer._fields}),
        restores=_number(ours, "restores"),
        **texts,
        managers=_managers(ours.get("managers", "")),
        creates="creates" in ours,
        created=None if created is None else _time(created),
    )


def head_written(head: Head) -> dict[str, str]:
    """Return the annotations in which a live ConfigMap names its revision."""
    return dict(zip(_HEAD, (str(head.number), head.digest, head.data_digest), strict=True))


def owners_of(annotations: Mapping[str, str]) -> dict[str, str]:
    """Return the annotations that hold the records of owners."""
    return {key: text for key, text in annotations.items() if key.startswith(OWNER_PREFIX)}


def head_read(annotations: Mapping[str, str]) -> Head | None:
    """Return the head in a ConfigMap's annotations; None if missing or malformed."""
    number, digest, data_digest = (annotations.get(key, "") for key in _HEAD)
    is_head = _NUMBER.fullmatch(number) and int(number) and _DIGEST.fullmatch(digest) and _DIGEST.fullmatch(data_digest)
    return Head(int(number), digest, data_digest) if is_head else None


def time_text(moment: datetime) -> str:
    """Return a time as Kubernetes writes it: RFC 3339 in UTC, to the second."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def time_read(text: str) -> datetime:
    """Return the time in UTC of an RFC 3339 text.

    `strptime` would load locales.

    Raises:
        ValueError: the text is not such a time.
    """
    if not re.fullmatch("[0-9]{4}(?:-[0-9]{2}){2}T[0-9]{2}(?::[0-9]{2}){2}(?:Z|[+-][0-9]{2}:[0-9]{2})", text):
        raise ValueError(text)
    return _in_utc(datetime.fromisoformat(text.replace("Z", "+00:00")))


def _in_utc(moment: datetime) -> datetime:
    # The first and the last year have moments that are in no other zone.
    in_zone = moment.tzinfo is not None and 1 < moment.year < 9999
    return moment.astimezone(timezone.utc) if in_zone else moment.replace(tzinfo=timezone.utc)


def _time(value: Any) -> datetime:
    try:
        return _in_utc(value) if isinstance(value, datetime) else time_read(str(value))
    except ValueError:
        raise ValueError(f"its `creationTimestamp` is {quoted(str(value), 40)}") from None


def _number(ours: Mapping[str, str], name: str) -> int:
    return int(_matching(_NUMBER, ours, name)) if name in ours else 0


def _matching(form: re.Pattern[str], ours: Mapping[str, str], name: str) -> str:
    text = ours.get(name, "")
    if not form.fullmatch(text):
        raise _unreadable(name, text)
    return text


def _managers(text: str) -> Managers:
    if not text:
        return {}
    try:
        return {str(key): tuple(_manager(*map(str, row)) for row in rows) for key, rows in json.loads(text).items()}
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise _unreadable("managers", text) from None


def _manager(client: str, time: str = "", subresource: str = "") -> FieldManager:
    return FieldManager(client, time_read(time) if time else None, subresource)


def _managers_text(managers: Mapping[str, tuple[FieldManager, ...]]) -> str:
    """Return managers as JSON.

    Each is a list of its name, its time and its subresource, as far as they are known.
    """
    shown: dict[str, list[list[str]]] = {}
    for key, owners in managers.items():
        rows = [[owner.client, time_text(owner.time) if owner.time else "", owner.subresource] for owner in owners]
        shown[key] = [row[: 3 if row[2] else 2 if row[1] else 1] for row in rows]
    return compact_json(shown)


def _unreadable(name: str, text: str) -> ValueError:
    annotation = f"annotation `{PREFIX}{name}`"
    return ValueError(f"its {annotation} is {quoted(text, 80)}" if text else f"it has no {annotation}")
