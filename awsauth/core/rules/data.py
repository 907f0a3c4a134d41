"""Rules about the data as a whole: its keys, its size, and what nobody reads of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from awsauth.core.escaping import quoted
from awsauth.core.finding import Place, Severity
from awsauth.core.reading import KEYS
from awsauth.core.resemblance import close_matches
from awsauth.core.rules.rule import Hit, rule
from awsauth.core.text_guards import LARGEST, bytes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.rules.subject import Subject

_BY_LETTERS: Final = {key.lower(): key for key in KEYS}
_CONTENT: Final = re.compile(
    r"^(?![ \t]*(?:#.*)?$|(?:---|\.\.\.)[ \t]*(?:#.*)?\r?$)[ \t]*(?P<first>\S.*)", re.MULTILINE
)


@rule(Severity.ERROR, "a data key that is almost one of the three, such as `maproles`")
def unknown_data_key(subject: Subject) -> Iterator[Hit]:
    """Find keys that are misspelt, or have other capitals. Keys of other names are somebody's own.

    Fires::

        maproles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci

    Silent::

        mapRoles: |
          []
        notes: by hand, please
    """
    for key in subject.document.data:
        if key in KEYS:
            continue
        close = close_matches(re.sub("[^a-z]", "", key[:50].lower()), _BY_LETTERS, 1, 0.85)
        if close:
            right = _BY_LETTERS[close[0]]
            beside = f" {right} is there too, and is read." if right in subject.document.data else ""
            yield Hit(
                f"The data key {quoted(key)} is not {right}.",
                f"The authenticator does not look at it: whoever is mapped in it does not get in.{beside}",
                f"Move what it holds to {right}.",
                principal=key,
            )


@rule(Severity.WARNING, "data that takes more than three quarters of the 1 MiB there is")
def almost_full(subject: Subject) -> Iterator[Hit]:
    """Find data that will soon not fit any more, or does not, ``binaryData`` included where that is known.

    Fires::

        mapRoles: |
          []
        notes: FILLER

    Silent::

        mapRoles: |
          []
    """
    size = bytes_of(subject.document) + subject.binary_bytes
    if size > LARGEST * 3 // 4:
        yield Hit(
            f"All values together have {size:,} bytes, {size * 100 // LARGEST} % of what a ConfigMap may have.",
            f"The API server takes no more than {LARGEST:,}: one day nobody can be added.",
            "Take out mappings that nobody needs, or use access entries.",
        )


@rule(Severity.WARNING, "text behind the first YAML document, which nobody reads")
def ignored_rest(subject: Subject) -> Iterator[Hit]:
    """Find what stands behind the list, such as a second list: reading stops after the first.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
          ---
          - rolearn: arn:aws:iam::111122223333:role/deployer
            username: deployer

    Silent::

        mapRoles: |
          ---
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
          ...
          # that is all
    """
    for key in KEYS:
        root = subject.tree(key)
        text = subject.document.data.get(key, "")
        found = None if root is None else _CONTENT.search(text, root.end)
        if found is not None and root is not None and _follows(text, root.end, found.start("first")):
            yield Hit(
                "Text stands behind the end of the list.",
                "Reading stops after the first YAML document: nothing of it counts.",
                "Move it into the list, or take it out.",
                Place.of(key, text, found.start("first"), len(found["first"].rstrip()) + found.start("first")),
                principal=key,
            )


def _follows(text: str, end: int, start: int) -> bool:
    """Whether what starts at `start` is no comment on the line that the list ends on."""
    return not re.match(r"[ \t]*#", text[end:]) or "\n" in text[end:start]
