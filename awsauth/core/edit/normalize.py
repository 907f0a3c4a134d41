"""Texts written so that every entry can be edited in place: a plain list, one field on a line, comments kept."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

from awsauth.boundary import public
from awsauth.core.document.document import check_document, parse_list
from awsauth.core.document.model import KEYS, Groups
from awsauth.core.edit.changes import Change, ReplaceText

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.document.document import Document
    from awsauth.core.document.model import ParsedList, Scalar


_MOST_ROUNDS: Final = 4


@public
def normalize(document: Document) -> tuple[Change, ...]:
    """Return the changes after which a text means the same and can be edited: ``client.apply(awsauth.normalize(client.read()))``.

    White space at the end of lines is removed, because it makes kubectl show the text in quotes. A text with anchors,
    folded values or entries that cannot be edited becomes a plain list. Comments stay. A text that cannot be read stays
    as it is, and so does one whose meaning would change. A second time there are no changes.

    Args:
        document: The document.

    Raises:
        UsageError: `document` is not a document.
    """
    check_document(document)
    texts = {key: normalized(document.reading(key)) for key in KEYS if key in document.data}
    return tuple(ReplaceText(key=key, text=text) for key, text in texts.items() if text != document.data[key])


def normalized(reading: ParsedList) -> str:
    """Return a text as `normalize` writes it: what a first time makes readable, a second may make plainer."""
    for _ in range(_MOST_ROUNDS):
        text = _normalized_once(reading)
        if text == reading.text:
            break
        reading = parse_list(reading.key, text)
    return reading.text


def _normalized_once(reading: ParsedList) -> str:
    text = reading.text
    if not reading.trusted or (reading.findings and not reading.entries) or not reading.entries:
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
    told = [finding.code for finding in reading.findings]
    mapped = [entry.mapped for entry in reading.entries]
    return (
        after.trusted
        and [entry.mapped for entry in after.entries] == mapped
        and [finding.code for finding in after.findings] == told
    )


def _is_editable(reading: ParsedList) -> bool:
    """Whether no part of a text is written in a way that an edit refuses."""
    shapes = [entry.shape for entry in reading.entries]
    values = [field.value for shape in shapes for field in shape.fields]
    styles = [reading.layout.style, *(shape.style for shape in shapes), *(value.style for value in _scalars(values))]
    return "other" not in styles


def _scalars(values: list[Scalar | Groups]) -> Iterator[Scalar | Groups]:
    for value in values:
        yield value
        if isinstance(value, Groups):
            yield from value.items


def _as_plain_list(text: str) -> str:
    """Return a text in block style, without anchors and with each value on one line; empty where that fails."""
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
    except Exception:  # noqa: BLE001 - another parser may stumble over what ours reads; then the text stays as it is
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
        if isinstance(value, ScalarString) and (
            value.anchor.value or isinstance(value, (FoldedScalarString, LiteralScalarString))
        ):
            node[name] = DoubleQuotedScalarString(str(value))  # a plain text would take the style of this one
        else:
            _to_block_style(value)
