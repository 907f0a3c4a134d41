"""The annotations in which a revision's object tells about it: written, read, and kept within 1 KiB each."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final, get_args

from awsauth.core.revisions.info import Head, RevisionInfo, RevisionKind, Writer
from awsauth.core.serialization import sha256_of
from awsauth.core.text.display import quoted, visible

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX: Final = "awsauth/"
OWNER_PREFIX: Final = f"{PREFIX}owner."
"""Begins the annotations of a ConfigMap that say what each owner applied last."""
LONGEST: Final = 1024
"""Bytes of one annotation, in UTF-8. All annotations of an object together may have 256 KiB."""

_CUT: Final = "…"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,8}")
_INSTANT: Final = re.compile(r"[0-9]{4}(?:-[0-9]{2}){2}T[0-9]{2}(?::[0-9]{2}){2}(?:Z|[+-][0-9]{2}:[0-9]{2})")
_KINDS: Final = get_args(RevisionKind)
_HEAD: Final = (f"{PREFIX}revision", f"{PREFIX}digest", f"{PREFIX}data-digest")


def fitting(text: str) -> str:
    """Return a text as it can be kept: on one visible line, not longer than 1 KiB."""
    return _cut(visible(text))


def fitting_managers(managers: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return as many managers as fit, and a ``…`` in place of those that do not."""
    kept = {key: tuple(names) for key, names in managers.items()}
    while kept and len(_json(kept).encode()) > LONGEST:
        key = max(kept, key=lambda name: len(_json({name: kept[name]})))
        names = [name for name in kept[key] if name != _CUT]
        if names:
            kept[key] = (*names[:-1], _CUT)
        else:
            del kept[key]
    return kept


def written(info: RevisionInfo) -> dict[str, str]:
    """Return the annotations of a revision's object."""
    fields = {
        # The number once more: a copy that was made by hand under another name is recognised by it.
        "revision": str(info.number),
        "kind": info.kind,
        "digest": info.digest,
        "data-digest": info.data_digest,
        "parent": str(info.parent) if info.parent else "",
        "parent-digest": info.parent_digest,
        "restores": str(info.restores) if info.restores else "",
        "reason": _cut(info.reason),
        **info.writer._asdict(),
        "uid": info.uid,
        "attempt": info.attempt,
        "managers": _json(fitting_managers(info.managers)) if info.managers else "",
    }
    return {PREFIX + name: text for name, text in fields.items() if text}


def digest_of(info: RevisionInfo) -> str:
    """Return the digest of a revision: of all its annotations but the one that holds the digest.

    A revision that comes from another one holds the other's digest, so an object that names the newest vouches for
    all before it. Who may create revisions, and not write the object, can add none to that chain.
    """
    annotations = written(info)
    annotations.pop(f"{PREFIX}digest", None)
    return sha256_of(annotations)


def read_annotations(number: int, annotations: Mapping[str, str], created: Any) -> RevisionInfo:
    """Return what annotations say of the revision with this number.

    Args:
        number: The number in the object's name.
        annotations: Those of the object.
        created: Its ``creationTimestamp``: RFC 3339 text, or None.

    Raises:
        ValueError: the annotations are not ours, or were changed; the message goes behind a colon.
    """
    ours = {key.removeprefix(PREFIX): text for key, text in annotations.items() if key.startswith(PREFIX)}
    if not ours:
        raise ValueError("it has none of the annotations that begin with `awsauth/`")
    if _number(ours, "revision") != number:
        raise ValueError(
            f"it was recorded as revision {quoted(ours.get('revision', ''), 20)} and now has another number"
        )
    kind = ours.get("kind", "")
    if kind not in _KINDS:
        raise ValueError(_unreadable("kind", kind))
    return RevisionInfo(
        number=number,
        digest=_digest(ours, "digest"),
        data_digest=_digest(ours, "data-digest"),
        parent=_number(ours, "parent"),
        parent_digest=_digest(ours, "parent-digest") if _number(ours, "parent") else "",
        kind=kind,  # type: ignore[arg-type]
        reason=ours.get("reason", ""),
        writer=Writer(**{name: ours.get(name, "") for name in Writer._fields}),
        restores=_number(ours, "restores"),
        uid=ours.get("uid", ""),
        attempt=ours.get("attempt", ""),
        managers=_managers(ours.get("managers", "")),
        created=None if created is None else _time(created),
    )


def head_written(head: Head) -> dict[str, str]:
    """Return the annotations in which a live ConfigMap says which revision it is at."""
    return dict(zip(_HEAD, (str(head.number), head.digest, head.data_digest), strict=True))


def head_replaced(annotations: Mapping[str, str], head: Head) -> dict[str, str]:
    """Return the annotations of a ConfigMap with this head in place of the one that was there."""
    return {**{key: text for key, text in annotations.items() if key not in _HEAD}, **head_written(head)}


def head_read(annotations: Mapping[str, str]) -> Head | None:
    """Return what the annotations of a live ConfigMap say of its revision; None for nothing that can be understood."""
    number, digest, data_digest = (annotations.get(key, "") for key in _HEAD)
    is_head = _NUMBER.fullmatch(number) and int(number) and _DIGEST.fullmatch(digest) and _DIGEST.fullmatch(data_digest)
    return Head(int(number), digest, data_digest) if is_head else None


def time_text(moment: datetime) -> str:
    """Return a time as Kubernetes writes it: RFC 3339 in UTC, to the second."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(value: Any) -> datetime:
    try:
        return _in_utc(value) if isinstance(value, datetime) else time_read(str(value))
    except ValueError:
        raise ValueError(f"its `creationTimestamp` is {quoted(str(value), 40)}") from None


def time_read(text: str) -> datetime:
    """Return a time in UTC by its RFC 3339 text. Not by `strptime`, which loads locales.

    Raises:
        ValueError: the text is not such a time.
    """
    if not _INSTANT.fullmatch(text):
        raise ValueError(text)
    return _in_utc(datetime.fromisoformat(text.replace("Z", "+00:00")))


def _in_utc(moment: datetime) -> datetime:
    # Year 1 has no moment before it, whatever the zone.
    in_zone = moment.tzinfo is not None and 1 < moment.year < 9999
    return moment.astimezone(timezone.utc) if in_zone else moment.replace(tzinfo=timezone.utc)


def _number(ours: Mapping[str, str], name: str) -> int:
    text = ours.get(name, "0")
    if not _NUMBER.fullmatch(text):
        raise ValueError(_unreadable(name, text))
    return int(text)


def _digest(ours: Mapping[str, str], name: str) -> str:
    text = ours.get(name, "")
    if not _DIGEST.fullmatch(text):
        raise ValueError(_unreadable(name, text))
    return text


def _managers(text: str) -> dict[str, tuple[str, ...]]:
    if not text:
        return {}
    try:
        value = json.loads(text)
        return {str(key): tuple(str(name) for name in names) for key, names in value.items()}
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise ValueError(_unreadable("managers", text)) from None


def _unreadable(name: str, text: str) -> str:
    return (
        f"its annotation `{PREFIX}{name}` is {quoted(text, 80)}" if text else f"it has no annotation `{PREFIX}{name}`"
    )


def _cut(text: str) -> str:
    if text.isascii() and len(text) <= LONGEST:
        return text
    raw = text.encode("utf-8", "backslashreplace")
    if len(raw) <= LONGEST:
        return text
    return raw[: LONGEST - len(_CUT.encode())].decode("utf-8", "ignore") + _CUT


def _json(managers: Mapping[str, tuple[str, ...]]) -> str:
    return json.dumps(managers, sort_keys=True, separators=(",", ":"))
