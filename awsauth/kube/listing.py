"""Lists that are read in pages."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from awsauth.core.escaping import visible
from awsauth.errors import UnreachableError
from awsauth.kube.fields import Fields
from awsauth.kube.transport import JSON

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from awsauth.kube.transport import Transport

PAGE: Final = "500"
"""Objects in one answer: as many as kubectl asks for, so that none grows without bound."""

MOST_PAGES: Final = 200
"""Pages of a list: 100,000 objects, 20 times the nodes that a cluster may have, and 200 times the revisions that are kept."""

LIST_TIMEOUTS: Final = 10
"""How many times as long as one request a whole list may take; 5,000 nodes are 10 pages."""

METADATA: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Asks for objects without what is in them."""


def objects(transport: Transport, path: str, *, accept: str = JSON, **query: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list.

    Raises:
        ApiError: what is there is no list of objects.
        AwsAuthError: what else the transport raises.
    """
    for page, _date in pages(transport, path, accept=accept, **query):
        yield from page


def pages(
    transport: Transport, path: str, *, accept: str = JSON, **query: str
) -> Iterator[tuple[list[dict[str, Any]], datetime | None]]:
    """Yield the pages of a list, each with the server's time; raises what `objects` does."""
    asked = {**query, "limit": PAGE}
    seen: set[str] = set()
    end = time.monotonic() + LIST_TIMEOUTS * transport.timeout
    for _ in range(MOST_PAGES):
        answer = transport.request("GET", path, asked, accept=accept)
        page, following = _page_of(answer.value, path)
        if following in seen:
            raise Fields(answer.value, "list of objects", path).refusal("It goes on where it has been before.")
        if following and time.monotonic() > end:
            raise UnreachableError(
                f"The list was not complete within {LIST_TIMEOUTS} times the time-out of one request.",
                where=visible(f"GET {path} at {transport.host}"),
                cure="Nothing was changed. Try again, or with a longer time-out.",
            )
        seen.add(following)
        yield page, answer.date
        if not following:
            return
        asked["continue"] = following
    raise Fields({}, "list of objects", path).refusal(f"It goes on after {MOST_PAGES} pages.")


def _page_of(listed: dict[str, Any], path: str) -> tuple[list[dict[str, Any]], str]:
    """Return the objects on one page of a list, and where the next page begins; empty after the last one."""
    page = Fields(listed, "list of objects", path)
    if "items" not in page:
        raise page.refusal("It has no `items`.")
    page.objects("items")
    # An empty list is null there.
    return listed["items"] or [], page.object("metadata").text("continue")
