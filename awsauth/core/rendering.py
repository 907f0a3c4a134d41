"""What the authenticator makes of the templates in a username or group, for one caller.

Source of the rules: ``aws-iam-authenticator`` ``pkg/server/server.go`` (``renderTemplate``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from awsauth.core.matching import INSTANCES_ONLY

if TYPE_CHECKING:
    from awsauth.core.caller import Caller

TAKES: Final = {
    INSTANCES_ONLY: "the private DNS name of the EC2 instance, which the authenticator asks EC2 for",
    "{{AccountID}}": "the account of the caller",
    "{{SessionName}}": "the name of the caller's session, with `-` for every `@`",
    "{{SessionNameRaw}}": "the name of the caller's session, as it is",
    "{{AccessKeyID}}": "the access key that the caller's token is signed with",
}
"""The templates, in the order in which they are filled in, and what each takes."""


class Rendered(NamedTuple):
    """A username or group for one caller; `unresolved` are the templates left in it because their value is unknown."""

    text: str
    unresolved: tuple[str, ...] = ()


def render(template: str, caller: Caller) -> Rendered:
    """Fill in what is known of a caller."""
    if "{{" not in template:
        return Rendered(template)
    values = _values(caller)
    unresolved = []
    for marker in TAKES:
        if marker not in template:
            continue
        value = values.get(marker)
        if value is None:
            unresolved.append(marker)
        else:
            template = template.replace(marker, value)
    return Rendered(template, tuple(unresolved))


def _values(caller: Caller) -> dict[str, str | None]:
    session = caller.session_name
    return {
        "{{AccountID}}": caller.account,
        "{{SessionName}}": None if session is None else session.replace("@", "-"),
        "{{SessionNameRaw}}": session,
        "{{AccessKeyID}}": caller.access_key_id,
    }
