"""Rules about what is filled in: the authenticator's templates, and what a file is generated from."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from awsauth.core.document.authenticator import TEMPLATES
from awsauth.core.findings import Severity
from awsauth.core.lint.rule import Match, rule
from awsauth.core.text.display import quoted
from awsauth.core.text.lines import close_matches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.findings import Location
    from awsauth.core.lint.subject import LintContext, LintEntry

_KNOWN: Final = {name.lower(): name for name in TEMPLATES}
# Bounded, or a name of nothing but braces would be tried from each of them to its end.
_IN_BRACES: Final = re.compile(r"(?<!\{)(\{{1,9})(\s{0,9})(\w+)(\s*)(\}+)", re.ASCII)
_CAMEL: Final = re.compile(r"[A-Z][a-z]\w*", re.ASCII)
_UNFILLED: Final = re.compile(
    r"\{\{\s{0,9}(?:\"[^\"]{0,99}\"\s{0,9}|[^{}\s][^{}]{0,199})\}\}"  # Helm, Jinja
    r"|\{%[^%]{1,200}%\}|\$\{[^{}]{1,200}\}|\$\w+|<[^<>]{1,200}>"
)
_UNFILLED_IN_ARN: Final = re.compile(rf"{_UNFILLED.pattern}|\{{[^{{}}]{{0,200}}\}}|[<>${{}}]+")


@lru_cache(maxsize=1024)
def misspelt(text: str) -> tuple[tuple[str, str], ...]:
    """Return what looks like a template of the authenticator's and is none, each with the one it resembles, if any."""
    found = []
    for match in _IN_BRACES.finditer(text):
        opening, before, name, after, closing = match.groups()
        is_double = (opening, closing) == ("{{", "}}")
        if is_double and not before and not after and name in TEMPLATES:
            continue
        close = [] if "_" in name else close_matches(name.lower(), _KNOWN, 1, 0.75)
        # A name like `{{UserName}}`, with nothing around it, is meant for the authenticator too.
        if close or (is_double and not before and not after and _CAMEL.fullmatch(name)):
            found.append((match[0], _KNOWN[close[0]] if close else ""))
    return tuple(found)


@lru_cache(maxsize=1024)
def unfilled(text: str) -> tuple[str, ...]:
    """Return what is still to be filled in, in a username or group."""
    if not any(sign in text for sign in ("{", "$", "<")):
        return ()
    others = {*(f"{{{{{name}}}}}" for name in TEMPLATES), *(one for one, _ in misspelt(text))}
    return tuple(found for found in _UNFILLED.findall(text) if found not in others)


@rule(Severity.ERROR, "a template that the authenticator does not know, such as `{{AccountId}}`")
def unknown_template(subject: LintContext) -> Iterator[Match]:
    """Find templates that are misspelt, have other capitals, blanks inside the braces or single braces.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci:{{SessionNme}}

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci:{{AccountID}}:{{SessionName}}
    """
    known = ", ".join(f"{{{{{name}}}}}" for name in TEMPLATES)
    for _, text, item, location in _names(subject):
        for wrong, right in misspelt(text):
            meant = f"Write {quoted(f'{{{{{right}}}}}')}." if right else f"The templates are {known}."
            yield Match(
                f"{quoted(wrong)} is no template of the authenticator's.",
                "It fills in nothing: the braces and all become part of the name.",
                meant,
                location,
                item.mapped.principal,
            )


@rule(Severity.WARNING, "a placeholder that nobody has filled in, such as `<ACCOUNT>` or `${ROLE}`")
def placeholder(subject: LintContext) -> Iterator[Match]:
    """Find what was meant to be replaced before it came here: each placeholder once.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::<ACCOUNT>:role/ci
            username: ci

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci:{{SessionName}}
    """
    first: dict[str, tuple[LintEntry, Location]] = {}
    count: dict[str, int] = {}
    principals = ((item, item.location()) for item in subject.with_arn_problem("placeholder"))
    for item, location in principals:
        for token in dict.fromkeys(_UNFILLED_IN_ARN.findall(item.mapped.principal)):
            first.setdefault(token, (item, location))
            count[token] = count.get(token, 0) + 1
    for _, text, item, location in _names(subject):
        for token in unfilled(text):
            first.setdefault(token, (item, location))
            count[token] = count.get(token, 0) + 1
    for token, (item, location) in first.items():
        places = f", in {count[token]} places" if count[token] > 1 else ""
        yield Match(
            f"{quoted(token)} looks like something to be filled in{places}.",
            "The authenticator takes it as it stands: an ARN with it matches nobody.",
            "Fill it in before this comes to a cluster.",
            location,
            item.mapped.principal,
        )


def _names(subject: LintContext) -> Iterator[tuple[str, str, LintEntry, Location]]:
    """Yield every username and group with something in braces or brackets, each once, where it first stands."""
    for kind, by_name in (("username", subject.usernames), ("group", subject.groups)):
        for text, items in by_name.items():
            if misspelt(text) or unfilled(text):
                location = items[0].location("username") if kind == "username" else items[0].group_location(text)
                yield kind, text, items[0], location
