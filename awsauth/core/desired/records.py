"""Records of owners: annotations with the entries that each applied last.

``awsauth/owner.NAME`` holds ``{"v":1,"entries":{"role/arn:aws:iam::1:role/ci":{"u":"ci","g":["builders"]}}}``: sorted, and
the principal in lower case. Over 128 KiB, an entry is the first 16 hex digits of its SHA-256.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from awsauth.core.access.matching import casefold_arn, is_canonical, principal_of
from awsauth.core.document.model import KIND, ListKey, MappingEntry
from awsauth.core.revisions.info import OWNER_PREFIX, owners_of
from awsauth.core.serialization import compact_json, sha256_of
from awsauth.errors import FragmentError

OWNER_NAME: Final = r"[a-z0-9]([-a-z0-9.]{0,48}[a-z0-9])?"

# Bytes of all records together beyond which entries are hashes.
LONGEST_READABLE: Final = 128 * 2**10

# Bytes that all annotations may have (``TotalAnnotationSizeLimitB``).
ANNOTATIONS_LIMIT: Final = 256 * 2**10

_VERSION: Final = 1
# Begins the name of a principal in records.
_PRINCIPAL: Final = rf"(?:{'|'.join(KIND.values())})/."

# The entry that an owner applied last: ``u`` and ``g``, or their hash ``h``.
Applied = dict[str, Any]

# What an owner applied last, by principal.
Record = dict[str, Applied]

# The records of owners, by owner.
Records = Mapping[str, Record]


def principal_name(key: ListKey, principal: str) -> str:
    """Return a principal's name in records: its kind, a slash, and its ARN.

    The ARN or account is in lower case.
    """
    return f"{KIND[key]}/{casefold_arn(principal)}"


def principal_in(name: str) -> str:
    """Return the principal in a name.

    Of two data keys with the same one, a removal removes both entries.
    """
    return name.partition("/")[2]


def applied(mapped: MappingEntry) -> Applied:
    """Return the record of a principal with this mapping."""
    return {"u": mapped.username, "g": sorted(set(mapped.groups))}


def is_as_applied(mapped: MappingEntry, last: Applied) -> bool:
    """Whether a principal is mapped as an owner applied it last."""
    now = applied(mapped)
    return last == (hashed(now) if "h" in last else now)


def read_records(annotations: Mapping[str, str]) -> tuple[dict[str, Record], tuple[str, ...]]:
    """Return the records by owner, and the owners whose record cannot be read."""
    texts = {name.removeprefix(OWNER_PREFIX): text for name, text in owners_of(annotations).items()}
    read = {owner: _read(text) for owner, text in texts.items() if re.fullmatch(OWNER_NAME, owner)}
    found = {owner: record for owner, record in read.items() if record is not None}
    return found, tuple(owner for owner in read if owner not in found)


def _read(text: str) -> Record | None:
    try:
        value = json.loads(text) if len(text) <= ANNOTATIONS_LIMIT else None
    except (ValueError, RecursionError):
        return None
    entries = value.get("entries") if isinstance(value, dict) and value.get("v") == _VERSION else None
    if not isinstance(entries, dict):
        return None
    is_read = all(re.match(_PRINCIPAL, name) and _is_applied(last) for name, last in entries.items())
    return {_canonical(name): last for name, last in entries.items()} if is_read else None


def _canonical(name: str) -> str:
    """Return a name as awsauth writes it: without path, in lower case."""
    kind, _, principal = name.partition("/")
    folded = casefold_arn(principal)
    return f"{kind}/{folded if is_canonical(folded) else principal_of(folded)}"


def _is_applied(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    groups = value.get("g")
    is_whole = value.keys() == {"u", "g"} and isinstance(groups, list) and all(isinstance(one, str) for one in groups)
    return (is_whole and isinstance(value["u"], str)) or (value.keys() == {"h"} and isinstance(value["h"], str))


def write_records(records: Records, annotations: Mapping[str, str]) -> dict[str, str]:
    """Return the annotations that hold records; an owner without entries has none.

    Args:
        records: All records, by owner.
        annotations: The present annotations of the object. Records that cannot be read stay.

    Raises:
        FragmentError: the records do not fit into the annotations of one object.
    """
    others = {name: text for name, text in annotations.items() if name.removeprefix(OWNER_PREFIX) not in records}
    kept = owners_of(others)
    room = ANNOTATIONS_LIMIT - _size(others) + _size(kept)
    made = kept | _written(records)
    if _size(made) > min(LONGEST_READABLE, room):
        short = {owner: {name: hashed(last) for name, last in record.items()} for owner, record in records.items()}
        made = kept | _written(short)
    if _size(made) > room:
        size = f"{_size(made):,} bytes"
        message = f"The records of the owners have {size}, and the annotations of a ConfigMap have room for {room:,}."
        raise FragmentError(message, hint="Sync fewer entries, or move principals to access entries.")
    return made


def _written(records: Records) -> dict[str, str]:
    filled = ((owner, record) for owner, record in sorted(records.items()) if record)
    return {OWNER_PREFIX + owner: compact_json({"v": _VERSION, "entries": record}) for owner, record in filled}


def has_hashes(text: str) -> bool:
    """Whether the text of a record holds hashes."""
    return '":{"h":"' in text


def hashed(last: Applied) -> Applied:
    """Return the record of a principal as a hash."""
    return last if "h" in last else {"h": sha256_of(last)[:16]}


def _size(annotations: Mapping[str, str]) -> int:
    return sum(len(part.encode()) for pair in annotations.items() for part in pair)
