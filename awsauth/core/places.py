"""Where in a document something stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsauth.core.finding import Place
from awsauth.core.reading import ARN_FIELD, Scalar

if TYPE_CHECKING:
    from awsauth.core.reading import Entry, Reading


def principal_place(reading: Reading, entry: Entry) -> Place | None:
    """Return where the ARN of an entry's principal stands; None where it has none, as an ``sso`` entry."""
    field = entry.shape.field(ARN_FIELD.get(reading.key, ""))
    if field is None or not isinstance(field.value, Scalar):
        return None
    return Place.of(reading.key, reading.text, field.value.start)
