"""Going back to a state, or behind a change, keeping what others did since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from awsauth.core.document.document import Document, Mappings, mappings_of
from awsauth.core.document.index import grouped
from awsauth.core.document.model import KEYS, Key, MappingEntry, PrincipalKey
from awsauth.core.edit.rewrite import rewrite
from awsauth.core.revisions.info import OBSERVED, UNKNOWN_WRITER, NumberOrNone, RevisionKind, Writer
from awsauth.core.serialization import FLAT, LEFT_OUT, JsonValue, renamed
from awsauth.core.text.display import quoted, visible
from awsauth.errors import EditError


@dataclass(frozen=True, slots=True)
class Author(JsonValue):
    """Who made a state.

    Attributes:
        kind: The kind of its revision; ``outside`` if another tool made it.
        writer: Who made it, if it was made through this library.
        number: The number of its revision; 0 for a present state that no revision holds.
    """

    kind: RevisionKind
    writer: Writer = field(metadata=FLAT)
    number: NumberOrNone = field(metadata=renamed("revision"))

    def is_other_than(self, writer: Writer) -> bool:
        """Whether this is another writer or tool than `writer`."""
        return self.kind in OBSERVED or self.writer.is_other_than(writer)


EMPTY_DOCUMENT: Final = Document({})
OUTSIDE: Final = Author("outside", UNKNOWN_WRITER, 0)


class HistoryState(NamedTuple):
    """A state between the restored revision and the present, and who made it."""

    document: Document
    by: Author


@dataclass(frozen=True, slots=True)
class PrincipalEffect(JsonValue):
    """The effect of a rollback on a principal, or on a key without mappings.

    Attributes:
        key: The data key.
        principal: The ARN or account; empty for a whole data key.
        before: Its entries at present; empty if the text cannot be read.
        after: Its entries after the rollback.
        by: Who made its present state.
        touched_by: Who changed it last in a readable state; `by`, unless the present text is broken.
        known: Its entries in the latest readable state; `before`, unless the present text is broken.
    """

    key: str
    principal: str
    before: tuple[MappingEntry, ...] = field(metadata=LEFT_OUT)
    after: tuple[MappingEntry, ...] = field(metadata=LEFT_OUT)
    by: Author
    touched_by: Author = field(metadata=LEFT_OUT)
    known: tuple[MappingEntry, ...] = field(default=(), metadata=LEFT_OUT)

    def __str__(self) -> str:
        ours = self.by.kind not in OBSERVED and str(self.by.writer)
        who = quoted(ours, 200) if ours else "another tool"
        where = f" in revision {self.by.number}" if self.by.number else ""
        deed = "written" if self.before else "broken" if self.known else "removed" if self.principal else "changed"
        return f"{self.key} {visible(self.principal)}".rstrip() + f" ({deed} by {who}{where})"

    @property
    def regranted(self) -> tuple[str, ...] | None:
        """The groups that it gives back; None if it gives nothing back.

        They are empty for a whole mapping or a username.
        """
        if not self.after or not self.known:
            return () if self.after else None
        if self.after[-1].username != self.known[-1].username:
            return ()
        had = self.known[-1].groups
        return tuple(group for group in self.after[-1].groups if group not in had) or None


@dataclass(frozen=True, slots=True)
class Restoration(JsonValue):
    """The result of a rollback, and its effects.

    Attributes:
        to: The number of the restored revision.
        document: The result.
        kept: The additions of others that stay.
        reverted: The other changes since, which do not stay.
        uid: The uid of the object that the revision is of; empty if it has none.
        readable: The latest readable state between the revision and the present.
    """

    to: int
    document: Document = field(metadata=LEFT_OUT)
    kept: tuple[PrincipalEffect, ...] = ()
    reverted: tuple[PrincipalEffect, ...] = ()
    uid: str = field(default="", metadata=LEFT_OUT)
    readable: Document = field(default=EMPTY_DOCUMENT, metadata=LEFT_OUT)

    def __str__(self) -> str:
        """Return a line for each effect, with the author of the present state."""
        kept = [f"  kept: {effect}" for effect in self.kept]
        return "\n".join([f"Back to revision {self.to}", *kept, *(f"  reverted: {effect}" for effect in self.reverted)])


def restore(
    to: int,
    target: Document,
    steps: Sequence[HistoryState],
    present: Document,
    *,
    writer: Writer,
    undone: Document = EMPTY_DOCUMENT,
    exact: bool = False,
) -> Restoration:
    """Return the restoration of an earlier document.

    The result is its text, with the mappings that others added since: of principals that it does not map, as others left
    them last. Mappings of the state that is undone are not kept. Other changes are reverted. If others added nothing,
    the result is the earlier text, byte for byte.

    Args:
        to: The number of the revision that `target` comes from.
        target: The document to restore.
        steps: The states since, oldest first, up to the present one.
        present: The present document.
        writer: Who rolls back.
        undone: The state to undo; nothing of it is kept.
        exact: Keep nothing.

    Raises:
        EditError: a mapping that is kept cannot be written into the earlier text.
    """
    data = dict(target.data)
    kept: list[PrincipalEffect] = []
    reverted: list[PrincipalEffect] = []
    for key in KEYS:
        history = _KeyHistory(key, target, steps, writer)
        keep = {} if exact else history.kept(mappings_of(undone, key) or {})
        if keep:
            data[key] = _with_kept(target, present, key, keep)
        for effect in history.effects(mappings_of(present, key) or {}, keep):
            (kept if (effect.before or effect.after)[0].identity in keep else reverted).append(effect)
    for effect in _other_keys(target, steps, present):
        is_added = effect.key not in target.data and effect.key not in undone.data
        is_kept = not exact and is_added and effect.by.is_other_than(writer)
        (kept if is_kept else reverted).append(effect)
        if is_kept:
            data[effect.key] = present.data[effect.key]
    documents = (step.document for step in reversed(steps))
    readable = (one for one in documents if all(mappings_of(one, key) is not None for key in KEYS))
    return Restoration(to, Document(data), tuple(kept), tuple(reverted), readable=next(readable, target))


class _KeyHistory:
    """The changes of one key's principals since the restored state.

    Attributes:
        base: The mappings of the restored state.
        last: Those of the latest readable state.
        added: The mappings that others than `writer` added, as others left them last.
        touched_by: Who changed a principal last in a readable state.
        broken_by: Who made the present text unreadable; None if it can be read.
    """

    def __init__(self, key: Key, target: Document, steps: Sequence[HistoryState], writer: Writer) -> None:
        self.key = key
        self.base = self.last = mappings_of(target, key) or {}
        self.added: Mappings = {}
        self.touched_by: dict[PrincipalKey, Author] = {}
        self.broken_by: Author | None = None
        for step in steps:
            now = mappings_of(step.document, key)
            if now is None:  # An unreadable state says nothing about mappings, so the state before it counts.
                self.broken_by = self.broken_by or step.by
                continue
            self.broken_by = None
            self._follow(now, step.by, is_other=step.by.is_other_than(writer))
            self.last = now

    def _follow(self, now: Mappings, by: Author, *, is_other: bool) -> None:
        for identity in dict.fromkeys([*self.last, *now]):
            if self.last.get(identity) == now.get(identity):
                continue
            self.touched_by[identity] = by
            if identity not in now:
                self.added.pop(identity, None)
            elif is_other and identity not in self.base and (identity not in self.last or identity in self.added):
                self.added[identity] = now[identity]

    def kept(self, undone: Mappings) -> Mappings:
        """Return the additions of others, without those of the undone state.

        They are in the order of the latest state.
        """
        kept = (identity for identity in self.last if identity in self.added and identity not in undone)
        return {identity: self.added[identity] for identity in kept}

    def effects(self, present: Mappings, keep: Mappings) -> Iterator[PrincipalEffect]:
        """Yield the effect on each principal that changes or is kept for others."""
        for identity in dict.fromkeys([*present, *self.base, *keep]):
            before = present.get(identity, ())
            after = keep.get(identity) or self.base.get(identity, ())
            if before != after or identity in keep:
                touched_by = self.touched_by.get(identity, self.broken_by or OUTSIDE)
                principal, known = (before or after)[0].principal, self.last.get(identity, ())
                by = self.broken_by or touched_by
                yield PrincipalEffect(self.key, principal, before, after, by, touched_by, known)


def _with_kept(target: Document, present: Document, key: Key, keep: Mappings) -> str:
    """Return the earlier text of a key with the kept mappings appended."""
    reading = target.reading(key)
    entries = [mapped for mappings in keep.values() for mapped in mappings]
    now = present.reading(key)
    if now.text.startswith(reading.text) and not now.findings and now.mapped == [*reading.mapped, *entries]:
        return now.text  # The same mappings, in the style of those who added them.
    try:
        return rewrite(reading, {}, entries, sibling=target.sibling(key)).reading.text
    except EditError as error:
        added = f"{len(entries)} of the entries that others added to {key} since"
        message = f"{added} cannot be written into its earlier text. {error.message}"
        hint = "Roll back with exact=True to keep nothing, and add the entries again."
        raise EditError(message, location=error.location, hint=hint) from error


def _other_keys(target: Document, steps: Sequence[HistoryState], present: Document) -> Iterator[PrincipalEffect]:
    """Yield the keys without mappings that differ, and who changed them."""
    for name in dict.fromkeys(name for data in (present.data, target.data) for name in data if name not in KEYS):
        last = target.data.get(name)
        by = OUTSIDE
        for step in steps:
            if step.document.data.get(name) != last:
                last, by = step.document.data.get(name), step.by
        if present.data.get(name) != target.data.get(name):
            yield PrincipalEffect(name, "", (), (), by, by)


def reverted(before: Document, made: Document, present: Document) -> Document:
    """Return the present document without the change from `before` to `made`.

    Later changes by others stay; a principal that others have changed since keeps their mapping. A text that is still
    that of `made`, or that cannot be read, becomes that of `before`, byte for byte. A text that cannot be edited
    becomes that of `before` with the later changes.

    Raises:
        EditError: neither text can be edited.
    """
    data: dict[str, str | None] = dict(present.data)
    for name in {**before.data, **made.data}:
        if before.data.get(name) == made.data.get(name):
            continue
        if present.data.get(name) == made.data.get(name):
            data[name] = before.data.get(name)
        elif name in KEYS:
            data[name] = _undone(name, before, made, present)
    return Document({name: text for name, text in data.items() if text is not None})


def _undone(key: Key, before: Document, made: Document, present: Document) -> str | None:
    was, became, now = (mappings_of(document, key) for document in (before, made, present))
    if now is None:
        return before.data.get(key)
    was, became = was or {}, became or {}
    sources = {one: was if now.get(one) == became.get(one) else now for one in {**was, **became, **now}}
    wanted = {identity: source.get(identity, ()) for identity, source in sources.items()}
    try:
        return _with(wanted, present, key)
    except EditError:
        return _with(wanted, before, key)  # this text was edited before


def _with(wanted: Mappings, document: Document, key: Key) -> str:
    """Return the text of a key with the wanted mappings."""
    reading = document.reading(key)
    positions = grouped((mapped.identity, position) for position, mapped in reading.positioned)
    changed: dict[int, MappingEntry | None] = {}
    added: list[MappingEntry] = []
    for identity, mappings in wanted.items():
        here = positions[identity]
        changed.update(dict.fromkeys(here[len(mappings) :]))
        changed.update(zip(here, mappings, strict=False))
        added += mappings[len(here) :]
    return rewrite(reading, changed, added, sibling=document.sibling(key)).reading.text
