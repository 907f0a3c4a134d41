"""The principals in exports of the authenticator's log and of the audit log.

The lines of other components may be among them. A line is one of these:

- a line of the logs themselves, also after a time and the name of a stream
- events of CloudWatch in JSON, one or several
- the member ``message`` of an event, as the AWS CLI prints it

Sources: ``aws-iam-authenticator`` ``pkg/server/server.go`` (``access granted``), and Kubernetes ``audit.k8s.io/v1``. There
``user.extra`` holds what the authenticator answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from awsauth.core.access.matching import Access, account_of, casefold_arn, is_canonical
from awsauth.core.revisions.info import time_read, time_text
from awsauth.core.serialization import JsonValue
from awsauth.errors import UsageError

if TYPE_CHECKING:
    from awsauth.core.document.document import Document

# In each line of a login, also inside of JSON. Most lines have neither, and need no parser.
_MARKS: Final = ("access granted", "canonicalArn")

# The fields of a line are in this order, so no name of a caller comes first. Identities of EKS have no ARN.
_GRANTED: Final = re.compile(
    r'(?:[^\s"{\[]+\s+){0,3}time="(?P<time>[^"]*)" level=\w+ msg="(?P<msg>access granted)" (?:arn="(?P<arn>[^"]*)" )?'
)

# Before it are a time and a stream. In longer texts it may be a caller's words.
_BEFORE_JSON: Final = re.compile(r'\A(?:[^\s"{\[]+\s+){0,3}(?=[{\[])')
_FRACTION: Final = re.compile(r"\.\d{1,9}")

_Login = tuple[str, datetime]


@dataclass(frozen=True, slots=True)
class LoginLogs(JsonValue):
    """The logins that logs show.

    Attributes:
        last: By ARN as the authenticator sees it, the time of the last login, in UTC.
        since: The time of the first login.
        unread: How many lines and events show a login, but cannot be read.
    """

    last: Mapping[str, datetime]
    since: datetime
    unread: int = 0

    @classmethod
    def of(cls, lines: Iterable[bytes]) -> LoginLogs:
        """Return the logins in lines, such as those of an open file.

        Raises:
            UsageError: there is no login.
        """
        last: dict[str, datetime] = {}
        since, unread = None, 0
        for login in (login for line in lines for login in _logins(line.decode(errors="replace"))):
            if login:
                arn, time = login
                last[arn] = max(time, last.get(arn, time))
                since = min(time, since or time)
            else:
                unread += 1
        if since is None:
            hint = "Export the authenticator's log or the audit log of the control plane."
            raise UsageError(f"The logs show no login. Logins that could not be read: {unread:,}.", hint=hint)
        return cls(last, since, unread)

    def of_accounts(self, document: Document) -> tuple[str, ...]:
        """Return the principals without a mapping that came in by their account."""
        access = Access.of(document)
        found = {casefold_arn(arn): arn for arn in sorted(self.last) if account_of(arn) in access.accounts}
        return tuple(arn for principal, arn in found.items() if principal not in access.by_principal)

    def __str__(self) -> str:
        unread = f" Logins that could not be read: {self.unread:,}." if self.unread else ""
        return f"Logins since {time_text(self.since)}, by principals: {len(self.last):,}.{unread}"


def _logins(value: Any) -> Iterator[_Login | None]:
    """Yield the logins in a line or its JSON; None for one that cannot be read."""
    match value:
        case str() if any(mark in value for mark in _MARKS):
            yield from _in_text(value.strip().rstrip(","))
        case list():
            for one in value:
                yield from _logins(one)
        case {"events": within} | {"logEvents": within} | {"message": within} | {"@message": within}:
            yield from _logins(within)
        case {"msg": "access granted", "arn": str(arn), "time": str(time)} | {
            "user": {"extra": {"canonicalArn": [str(arn)]}},
            "stageTimestamp": str(time),
        }:
            yield _login(arn, time)


def _in_text(text: str) -> Iterator[_Login | None]:
    granted = _GRANTED.match(text)
    text = f"{{{text}}}" if text.startswith(('"message":', '"@message":')) else text
    try:
        yield from [*_logins(granted.groupdict() if granted else json.loads(_BEFORE_JSON.sub("", text)))]
    except (ValueError, RecursionError):
        yield None


def _login(arn: str, time: str) -> _Login | None:
    try:
        return (arn, time_read(_FRACTION.sub("", time))) if is_canonical(arn) else None
    except ValueError:
        return None
