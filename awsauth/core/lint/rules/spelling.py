"""Rules about names that look like others."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from awsauth.core.access.node_mappings import WELL_KNOWN
from awsauth.core.document.index import grouped
from awsauth.core.document.repairs import in_ascii, typography
from awsauth.core.findings import Severity
from awsauth.core.goyaml.scalars import write_scalar
from awsauth.core.lint.context import LintContext, Match, NameKind, has_invisible
from awsauth.core.lint.rule import rule
from awsauth.core.lint.rules.groups import is_unclear, meant
from awsauth.core.text.display import quoted

# Escaped, because a reviewer cannot tell the letters themselves from Latin ones.
_CYRILLIC: Final = (
    "\u0410\u0412\u0415\u0405\u0406\u0408\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425"
    "\u0430\u0435\u043e\u0455\u0456\u0458\u0440\u0441\u0443\u0445\u04bb\u0501\u051b\u051d"
)
_GREEK: Final = (
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
    "\u03b1\u03b9\u03ba\u03bf\u03bd\u03c1\u03c5\u03c7"
)
_LOOKS_LIKE: Final = str.maketrans(_CYRILLIC + _GREEK, "abesijkmhopctyxaeosijpcyxhdqw" + "abezhikmnoptyxaikovpux")
_KNOWN: Final[dict[NameKind, tuple[str, ...]]] = {"username": (), "group": WELL_KNOWN}


@rule(Severity.WARNING, "white space around, or invisible characters in, a username or group")
def invisible_character(context: LintContext) -> Iterator[Match]:
    """Copied text often brings such characters.

    A blank between two words is not reported.

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
    for kind, name, item in context.names(has_invisible):
        message = f"{quoted(name)} has {typography(name) or 'white space around it, or an invisible character'}."
        impact = "The character is part of the name: RBAC has to spell it the same way."
        hint = f"Write {quoted(write_scalar(in_ascii(name).strip()))}." if typography(name) else "Remove the character."
        yield item.match(message, impact, hint, at=item.name_location(kind, name))


@rule(Severity.WARNING, "usernames or groups that look the same but differ")
def look_alike(context: LintContext) -> Iterator[Match]:
    """The names differ in case only, or by look-alikes of Latin letters.

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
    for kind, known in _KNOWN.items():
        for name, other in _pairs(context.by_name(kind), known):
            item = context.by_name(kind)[name][0]
            message = f"{quoted(name)} looks like {quoted(other)}{_code_points(name, other)}, but is another name."
            hint = "Write both the same if you mean one name, or choose names that differ more."
            yield item.match(message, "RBAC treats them as different names.", hint, at=item.name_location(kind, name))


def _pairs(names: Iterable[str], known: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each name that looks like an earlier one, with that one.

    Names that another rule reports are left out.
    """
    first: dict[str, str] = {name: name for name in known}
    for seen, found in grouped((_as_seen(name), name) for name in names).items():
        for name in found if len(found) > 1 or seen in first else ():
            if not is_unclear(name) and not meant(name) and (other := first.setdefault(seen, name)) != name:
                yield name, other


def _as_seen(name: str) -> str:
    """Return a form that is equal for names that look the same."""
    return name.lower() if name.isascii() else unicodedata.normalize("NFKC", name).translate(_LOOKS_LIKE).lower()


def _code_points(name: str, other: str) -> str:
    """Return the code points of letters of another alphabet."""
    strange = [c for c in name if not c.isascii() and c not in other]
    return f" except for {', '.join(f'U+{ord(c):04X}' for c in dict.fromkeys(strange))}" if strange else ""
