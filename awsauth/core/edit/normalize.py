"""Write texts so that every entry can be edited in place.

They become a plain list with one field on a line, and keep their comments.
"""

from __future__ import annotations

import io
from typing import Any, Final

from awsauth.core.document.document import Document, check_document, parse_list
from awsauth.core.document.model import KEYS, Groups, ParsedList
from awsauth.core.edit.changes import Change, ReplaceText

_MOST_ROUNDS: Final = 4


def normalize(document: Document) -> tuple[Change, ...]:
    """Return the changes that make every entry editable.

    Apply them: ``client.apply(awsauth.normalize(client.read()))``. The mappings stay the same.     White space at the
    end of lines is removed, because it makes kubectl show the text in quotes. A text with anchors, folded values or
    entries that cannot be edited becomes a plain list. Comments stay. A text that cannot be read stays as it is, and so
    does one whose meaning would change. A second time there are no changes.

    Args:
        document: The document.

    Raises:
        UsageError: `document` is not a document.
    """
    check_document(document)
    texts = {key: normalized(document.reading(key)) for key in KEYS if key in document.data}
    return tuple(ReplaceText(key=key, text=text) for key, text in texts.items() if text != document.data[key])


def normalized(reading: ParsedList) -> str:
    """Return a text as `normalize` writes it.

    A second round may simplify the result of the first.
    """
    for _ in range(_MOST_ROUNDS):
        text = _normalized_once(reading)
        if text == reading.text:
            break
        reading = parse_list(reading.key, text)
    return reading.text


def _normalized_once(reading: ParsedList) -> str:
    text = reading.text
    if not reading.trusted or not reading.entries:
        return text
    tidy = "".join(f"{line.rstrip()}\n" for line in text.rstrip().split("\n"))
    if not _means_the_same(reading, tidy):
        tidy = text
    if _is_editable(parse_list(reading.key, tidy)):
        return tidy
    plain = _as_plain_list(tidy)
    return plain if plain and _means_the_same(reading, plain) and _is_editable(parse_list(reading.key, plain)) else tidy


def _means_the_same(reading: ParsedList, text: str) -> bool:
    after = parse_list(reading.key, text)
    return after.trusted and _meaning(after) == _meaning(reading)


def _meaning(reading: ParsedList) -> object:
    return [entry.mapped for entry in reading.entries], [finding.code for finding in reading.findings]


def _is_editable(reading: ParsedList) -> bool:
    """Whether every part of a text has a form that can be edited."""
    shapes = [entry.shape for entry in reading.entries]
    values = [field.value for shape in shapes for field in shape.fields]
    items = [item for value in values if isinstance(value, Groups) for item in value.items]
    return all(part.style != "other" for part in (reading.layout, *shapes, *values, *items))


def _as_plain_list(text: str) -> str:
    """Return a text in block style, without anchors; empty where that fails.

    Each value is on one line.
    """
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = max(len(text), 80)
    yaml.representer.ignore_aliases = lambda _: True
    written = io.StringIO()
    try:
        root: Any = yaml.load(text)
        _to_block_style(root)
        yaml.dump(root, written)
    except Exception:  # noqa: BLE001 - the other parser may fail; then the text stays as it is
        return ""
    return written.getvalue()


def _to_block_style(node: Any) -> None:
    """Change the nodes of ruamel.yaml in place."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString, FoldedScalarString, LiteralScalarString, ScalarString

    if isinstance(node, (CommentedMap, CommentedSeq)):
        node.fa.set_block_style()
        if node.yaml_anchor() is not None:
            node.anchor.value = None
    places = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, value in list(places):
        is_block = isinstance(value, (FoldedScalarString, LiteralScalarString))
        if is_block or (isinstance(value, ScalarString) and value.anchor.value):
            node[name] = DoubleQuotedScalarString(str(value))  # a plain text would take the style of this one
        else:
            _to_block_style(value)
