"""Lists that are read in pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from awsauth.kube.transport import Transport

PAGE: Final = "500"
"""Objects in one answer: as many as kubectl asks for, so that none grows without bound."""

METADATA: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Asks for objects without what is in them."""


def pages(
    transport: Transport, path: str, *, accept: str = "application/json", **query: str
) -> Iterator[Mapping[str, Any]]:
    """Yield the items of a list.

    Raises:
        AwsAuthError: what the transport raises.
    """
    asked = {**query, "limit": PAGE}
    while True:
        answer = transport.get(path, asked, accept=accept)
        yield from answer.get("items") or ()
        following = (answer.get("metadata") or {}).get("continue")
        if not following:
            return
        asked["continue"] = following
