"""Rules about the authenticator's templates, and tools' placeholders."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from awsauth.core.access.matching import PLACEHOLDER, placeholders
from awsauth.core.arn import ACCOUNT_ID
from awsauth.core.document.authenticator import TEMPLATES
from awsauth.core.findings import Severity
from awsauth.core.lint.context import NAME_KINDS, LintContext, LintEntry, Match, NameKind
from awsauth.core.lint.rule import rule
from awsauth.core.manifest.source import template_tool
from awsauth.core.text.display import quoted
from awsauth.core.text.lines import close_matches

_KNOWN: Final = {name.lower(): name for name in TEMPLATES}
# Bounded, so that a name of nothing but braces takes linear time.
_IN_BRACES: Final = r"(?a)(?<!\{)(\{{1,9})(\s{0,9})(\w+)(\s*)(\}+)"
_IN_BRACKETS: Final = r"<((?:arn|system|eks):.*)>"
_TEMPLATE: Final = ("{{", "{%", "$")


@lru_cache(maxsize=1024)
def misspelt(text: str) -> tuple[tuple[str, str], ...]:
    """Return the misspelt templates in a name, each with the right one, or ""."""
    found = []
    for match in re.finditer(_IN_BRACES, text) if "{" in text else ():
        opening, before, name, after, closing = match.groups()
        is_exact = (opening, before, after, closing) == ("{{", "", "", "}}")
        if is_exact and name in TEMPLATES:
            continue
        close = [] if "_" in name else close_matches(name.lower(), _KNOWN, 1, 0.75)
        # A name such as `{{UserName}}`, without blanks, is meant for the authenticator too.
        if close or (is_exact and re.fullmatch(r"(?a)[A-Z][a-z]\w*", name)):
            found.append((match[0], _KNOWN[close[0]] if close else ""))
    return tuple(found)


@lru_cache(maxsize=1024)
def unfilled(text: str) -> tuple[str, ...]:
    """Return the placeholders in a username or group."""
    if not any(sign in text for sign in ("{", "$", "<")):
        return ()
    others = {*(f"{{{{{name}}}}}" for name in TEMPLATES), *(one for one, _ in misspelt(text))}
    return tuple(found for found in re.findall(PLACEHOLDER, text) if found not in others)


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
            message = f"{quoted(wrong)} is not a template of the authenticator."
            impact = "The authenticator fills in nothing: the braces become part of the name."
            hint = f"Write {quoted(f'{{{{{right}}}}}')}." if right else f"Write one of the templates {known}."
            yield item.match(message, impact, hint, at=item.name_location(kind, text))


@rule(Severity.ERROR, "a placeholder that was not filled in, such as `<ACCOUNT>`; a warning in a username or group")
def placeholder(context: LintContext) -> Iterator[Match]:
    """A person should have replaced it. Each placeholder is reported once.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::<ACCOUNT>:role/ci
            username: ci

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci:{{SessionName}}
    """
    found = [one for one in _unfilled(context) if not one.token.startswith(_TEMPLATE)]
    first = {one.token: one for one in reversed(found)}
    count = Counter(one.token for one in found)
    for token in count:
        _, item, kind, name = first[token]
        places = f", in {count[token]} places" if count[token] > 1 else ""
        message, hint = f"{quoted(token)} looks like a placeholder{places}.", "Write the real value"
        hint += ", without the brackets." if token.startswith("<") else "."
        if enclosed := re.fullmatch(_IN_BRACKETS, token):
            message = f"{quoted(token)} is in brackets{places}."
            hint = f"Write {quoted(name.replace(token, enclosed[1]), 200)}."
        in_arn = "No caller has an ARN with it, so the mapping grants no access."
        impact = f"It is part of the {kind}: RBAC has to spell it the same way." if kind else in_arn
        severity = Severity.WARNING if kind and not enclosed else None
        yield item.match(message, impact, hint, at=item.name_location(kind, name), severity=severity)


@rule(Severity.WARNING, "a template of Helm, Jinja, Terraform or the shell, such as `${ROLE}`")
def template_source(context: LintContext) -> Iterator[Match]:
    """The tool fills in the values, so only the rendered text shows all.

    Notes are left out.

    Fires::

        mapRoles: |
          - rolearn: ${ROLE}
            username: ci

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci:{{ "{{" }}SessionName{{ "}}" }}
    """
    if found := [one for one in _unfilled(context) if one.token.startswith(_TEMPLATE)]:
        token, item, kind, name = found[0]
        more = len({one.token for one in found}) - 1
        others = "" if not more else " and one more value" if more == 1 else f" and {more} more values"
        tool, command = template_tool(" ".join(one.token for one in found))
        message = f"This is a template of {tool}: it fills in {quoted(token)}{others}."
        impact = "The authenticator takes a template as it is: no caller has an ARN with it."
        yield Match(message, impact, f"Check the rendered text with `{command}`.", item.name_location(kind, name))


class _Unfilled(NamedTuple):
    """A placeholder, and the item with it in its ARN, username or group."""

    token: str
    item: LintEntry
    kind: NameKind | None
    name: str


def _unfilled(context: LintContext) -> Iterator[_Unfilled]:
    arns = [(item, item.mapped.principal) for item in context.items if item.fault]
    accounts = (item for item in context.accounts if not ACCOUNT_ID.fullmatch(item.mapped.principal))
    arns += [(item, f"arn:aws:iam::{item.mapped.principal}:root") for item in accounts]
    for item, arn in arns:
        yield from (_Unfilled(token, item, None, item.mapped.principal) for token in placeholders(arn))
    for kind, text, item in _first_of_each(context):
        yield from (_Unfilled(token, item, kind, text) for token in unfilled(text))


def _first_of_each(context: LintContext) -> Iterator[tuple[NameKind, str, LintEntry]]:
    """Yield each name with a placeholder or misspelt template, and its item.

    The item is the first with that username or group.
    """
    for kind in NAME_KINDS:
        for text in context.odd_names[kind]:
            if misspelt(text) or unfilled(text):
                yield kind, text, context.by_name(kind)[text][0]
