"""Clients that own data keys of an object, as its ``managedFields`` have them."""

from __future__ import annotations

from awsauth.core.revisions.info import FieldManager


def owned_by(*clients: str) -> tuple[FieldManager, ...]:
    return tuple(map(FieldManager, clients))
