"""Rules about the authenticator's templates, and tools' placeholders."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from awsauth.core.document.authenticator import TEMPLATES
from awsauth.core.findings import Severity
from awsauth.core.lint.rule import Match, rule
from awsauth.core.text.display import quoted
from awsauth.core.text.lines import close_matches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.lint.context import LintContext, LintEntry, NameKind

_KNOWN: Final = {name.lower(): name for name in TEMPLATES}
# Bounded, so that a name of nothing but braces takes linear time.
_IN_BRACES: Final = re.compile(r"(?<!\{)(\{{1,9})(\s{0,9})(\w+)(\s*)(\}+)", re.ASCII)
_CAMEL: Final = re.compile(r"[A-Z][a-z]\w*", re.ASCII)
_UNFILLED: Final = re.compile(
    r"\{\{\s{0,9}(?:\"[^\"]{0,99}\"\s{0,9}|[^{}\s][^{}]{0,199})\}\}"  # Helm, Jinja
    r"|\{%[^%]{1,200}%\}|\$\{[^{}]{1,200}\}|\$\w+|<[^<>]{1,200}>"
)
_UNFILLED_IN_ARN: Final = re.compile(rf"{_UNFILLED.pattern}|\{{[^{{}}]{{0,200}}\}}|[<>${{}}]+")


@lru_cache(maxsize=1024)
def misspelt(text: str) -> tuple[tuple[str, str], ...]:
    """Return the misspelt templates in a name, each with the right one, or ""."""
    found = []
    for match in _IN_BRACES.finditer(text) if "{" in text else ():
        opening, before, name, after, closing = match.groups()
        is_exact = (opening, before, after, closing) == ("{{", "", "", "}}")
        if is_exact and name in TEMPLATES:
            continue
        close = [] if "_" in name else close_matches(name.lower(), _KNOWN, 1, 0.75)
        # A name such as `{{UserName}}`, without blanks, is meant for the authenticator too.
        if close or (is_exact and _CAMEL.fullmatch(name)):
            found.append((match[0], _KNOWN[close[0]] if close else ""))
    return tuple(found)


@lru_cache(maxsize=1024)
def unfilled(text: str) -> tuple[str, ...]:
    """Return the placeholders in a username or group."""
    if not any(sign in text for sign in ("{", "$", "<")):
        return ()
    others = {*(f"{{{{{name}}}}}" for name in TEMPLATES), *(one for one, _ in misspelt(text))}
    return tuple(found for found in _UNFILLED.findall(text) if found not in others)


@rule(Severity.ERROR, "a template that the authenticator does not know, such as `{{AccountId}}`")
def unknown_template(context: LintContext) -> Iterator[Match]:
    """Templates are case-sensitive, with two braces and no blanks.

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
    for kind, text, item in _first_of_each(context):
        for wrong, right in misspelt(text):
            yield item.match(
                f"{quoted(wrong)} is not a template of the authenticator.",
                "The authenticator fills in nothing: the braces become part of the name.",
                f"Write {quoted(f'{{{{{right}}}}}')}." if right else f"Write one of the templates {known}.",
                at=item.name_location(kind, text),
            )


@rule(Severity.WARNING, "a placeholder that was not filled in, such as `<ACCOUNT>` or `${ROLE}`")
def placeholder(context: LintContext) -> Iterator[Match]:
    """A tool or a person should have replaced it. Each placeholder is reported once.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::<ACCOUNT>:role/ci
            username: ci

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci:{{SessionName}}
    """
    found = [
        (token, item, None)
        for item in context.items
        if item.fault == "placeholder"
        for token in dict.fromkeys(_UNFILLED_IN_ARN.findall(item.mapped.principal))
    ] + [(token, item, (kind, text)) for kind, text, item in _first_of_each(context) for token in unfilled(text)]
    first = {token: (item, name) for token, item, name in reversed(found)}
    count = Counter(token for token, _, _ in found)
    for token in count:
        item, name = first[token]
        places = f", in {count[token]} places" if count[token] > 1 else ""
        yield item.match(
            f"{quoted(token)} looks like a placeholder{places}.",
            "The authenticator takes it as it is: an ARN with it matches no caller.",
            "Fill it in before you apply this to a cluster.",
            at=item.name_location(*name) if name else None,
        )


def _first_of_each(context: LintContext) -> Iterator[tuple[NameKind, str, LintEntry]]:
    """Yield each name with a placeholder or misspelt template, and its item.

    The item is the first with that username or group.
    """
    kinds: tuple[NameKind, ...] = ("username", "group")
    for kind in kinds:
        for text, items in (context.usernames if kind == "username" else context.groups).items():
            if misspelt(text) or unfilled(text):
                yield kind, text, items[0]
