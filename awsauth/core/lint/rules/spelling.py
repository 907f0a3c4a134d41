"""Rules about names that are not what they look like."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from awsauth.core.document.repairs import in_ascii, typography
from awsauth.core.findings import Severity
from awsauth.core.lint.rule import Match, rule
from awsauth.core.lint.rules.groups import WELL_KNOWN, is_unclear, meant
from awsauth.core.lint.subject import has_invisible
from awsauth.core.text.display import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from awsauth.core.lint.subject import LintContext, LintEntry

# Escaped, as nobody could review the letters themselves.
_CYRILLIC: Final = (
    "\u0410\u0412\u0415\u0405\u0406\u0408\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425"
    "\u0430\u0435\u043e\u0455\u0456\u0458\u0440\u0441\u0443\u0445\u04bb\u0501\u051b\u051d"
)
_GREEK: Final = (
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
    "\u03b1\u03b9\u03ba\u03bf\u03bd\u03c1\u03c5\u03c7"
)
_LOOKS_LIKE: Final = str.maketrans(_CYRILLIC + _GREEK, "abesijkmhopctyxaeosijpcyxhdqw" + "abezhikmnoptyxaikovpux")


@rule(Severity.WARNING, "white space around, or invisible characters in, a username or group")
def invisible_character(subject: LintContext) -> Iterator[Match]:
    """Find names that hold a character that people cannot see. A blank between words is fine.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
            groups: ["builders "]

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
            groups: [builders of things]
    """
    for by_name in (subject.usernames, subject.groups):
        for name, items in by_name.items():
            for item in items if has_invisible(name) else ():
                character = typography(name) or "white space, or a character that people cannot see"
                yield Match(
                    f"There is {character}, in {quoted(name)}.",
                    "It is part of the name: RBAC has to spell it just so.",
                    f"Write {quoted(in_ascii(name).strip())}." if typography(name) else "Take it out.",
                    item.group_location(name) if by_name is subject.groups else item.location("username"),
                    item.mapped.principal,
                )


@rule(Severity.WARNING, "usernames, or groups, that only look the same")
def look_alike(subject: LintContext) -> Iterator[Match]:
    """Find names that differ in case only, or by letters of another alphabet that look like Latin ones.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
            groups: [builders]
          - rolearn: arn:aws:iam::111122223333:role/release
            username: release
            groups: [Builders]

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: builders
            groups: [builders]
          - rolearn: arn:aws:iam::111122223333:role/release
            username: release
            groups: [builder]
    """
    for by_name, known in ((subject.usernames, ()), (subject.groups, WELL_KNOWN)):
        for name, other in _pairs(by_name, known):
            item = by_name[name][0]
            yield Match(
                f"{quoted(name)} looks like {quoted(other)}{_code_points(name, other)}, and is another name.",
                "To RBAC they have nothing to do with each other.",
                "If the same is meant, write it the same; otherwise choose names that can be told apart.",
                item.group_location(name) if by_name is subject.groups else item.location("username"),
                item.mapped.principal,
            )


def _pairs(by_name: Mapping[str, Sequence[LintEntry]], known: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each name that looks like one before it, with that one."""
    first: dict[str, str] = {name: name for name in known}
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for name in by_name:
        # What another rule speaks about already is left to it.
        if not is_unclear(name) and not meant(name):
            alike[_as_seen(name)].append(name)
    for seen, names in alike.items():
        for name in names:
            other = first.setdefault(seen, name)
            if other != name:
                yield name, other


def _as_seen(name: str) -> str:
    """Return what a quick look makes of a name."""
    return name.lower() if name.isascii() else unicodedata.normalize("NFKC", name).translate(_LOOKS_LIKE).lower()


def _code_points(name: str, other: str) -> str:
    """Return which letters are of another alphabet, where the names cannot be told apart by eye."""
    strange = [c for c in name if not c.isascii() and c not in other]
    return f" but for {', '.join(f'U+{ord(c):04X}' for c in dict.fromkeys(strange))}" if strange else ""
