"""Going back to an earlier state, without losing what others have added since."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from awsauth.boundary import public
from awsauth.core.document.document import Document, Mappings, mappings_of
from awsauth.core.document.model import KEYS, Key, MappingEntry, PrincipalKey
from awsauth.core.edit.rewrite import rewrite
from awsauth.core.revisions.info import OBSERVED, UNKNOWN_WRITER, NumberOrNone, RevisionKind, Writer
from awsauth.core.serialization import FLAT, LEFT_OUT, JsonValue, renamed
from awsauth.core.text.display import quoted, visible
from awsauth.errors import EditError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Author(JsonValue):
    """Who made a state.

    Attributes:
        kind: How it came about; ``outside`` when not through this library.
        writer: Who made the change, if it was made through this library.
        number: The number of the revision; 0 for a present state that is in none.
    """

    kind: RevisionKind
    writer: Writer = field(metadata=FLAT)
    number: NumberOrNone = field(metadata=renamed("revision"))

    def is_other_than(self, writer: Writer) -> bool:
        """Whether this is another one than `writer`."""
        return self.kind in OBSERVED or self.writer.is_other_than(writer)


EMPTY: Final = Document({})
OUTSIDE: Final = Author("outside", UNKNOWN_WRITER, 0)


@dataclass(frozen=True, slots=True)
class HistoryState:
    """A state on the way from the revision that is restored to the present, and who made it."""

    document: Document
    by: Author


@dataclass(frozen=True, slots=True)
@public
class PrincipalEffect(JsonValue):
    """What a rollback does to one principal, or to one data key that holds no mappings.

    Attributes:
        key: The data key.
        principal: The ARN or account; empty for a whole data key.
        before: Its entries at present; none where it has none or the text cannot be read.
        after: Its entries after the rollback.
        by: Who made it what it is at present.
        touched_by: Who changed it last in a state that can be read; `by`, unless the present text is broken.
        known: Its entries in the latest state that can be read; `before`, unless the present text is broken.
    """

    key: str
    principal: str
    before: tuple[MappingEntry, ...] = field(metadata=LEFT_OUT)
    after: tuple[MappingEntry, ...] = field(metadata=LEFT_OUT)
    by: Author
    touched_by: Author = field(metadata=LEFT_OUT)
    known: tuple[MappingEntry, ...] = field(default=(), metadata=LEFT_OUT)

    def __str__(self) -> str:
        by = f"revision {self.by.number}" if self.by.number else "not recorded"
        whose = quoted(str(self.by.writer), 200) if str(self.by.writer) else "another tool"
        return f"{self.key} {visible(self.principal)}".rstrip() + f" (of {whose}, {by})"

    @property
    def regranted(self) -> tuple[str, ...] | None:
        """The groups that it gives back; empty for a whole mapping or a username; None where it gives nothing back."""
        if not self.after or not self.known:
            return () if self.after else None
        if self.after[-1].username != self.known[-1].username:
            return ()
        had = self.known[-1].groups
        return tuple(group for group in self.after[-1].groups if group not in had) or None


@dataclass(frozen=True, slots=True)
@public
class Restoration(JsonValue):
    """What a rollback leads to.

    Attributes:
        to: The number of the revision that is restored.
        document: The result.
        kept: What others have added since, and keep.
        reverted: What does not stay as it is, and whose it was.
        uid: The uid of the object that the revision is of; empty where it has none.
        readable: The latest state that can be read, on the way from the revision to the present.
    """

    to: int
    document: Document = field(metadata=LEFT_OUT)
    kept: tuple[PrincipalEffect, ...] = ()
    reverted: tuple[PrincipalEffect, ...] = ()
    uid: str = field(default="", metadata=LEFT_OUT)
    readable: Document = field(default=EMPTY, metadata=LEFT_OUT)

    def __str__(self) -> str:
        """Return what is kept and what goes, with whose it was: a line for each."""
        said = [("kept", effect) for effect in self.kept] + [("reverted", effect) for effect in self.reverted]
        return "\n".join([f"Back to revision {self.to}", *(f"  {done}: {effect}" for done, effect in said)])


def restore(
    to: int,
    target: Document,
    steps: Sequence[HistoryState],
    present: Document,
    *,
    writer: Writer,
    undone: Document = EMPTY,
    exact: bool = False,
) -> Restoration:
    """Return the restoration of an earlier document.

    Its text comes back. Kept are the mappings of principals that it does not map and that others than `writer` have
    added since, as they left them, not as `writer` changed them later; except those of the state that is undone. What others removed, changed or broke is reverted. If others added nothing, the result is the earlier text, byte
    for byte.

    Args:
        to: The number of the revision that `target` comes from.
        target: The document to go back to.
        steps: The states since, oldest first, up to the present one.
        present: The present document.
        writer: Who goes back.
        undone: The state to go back on: nothing that it has is kept, whoever added it.
        exact: Keep nothing.

    Raises:
        EditError: what is to be kept cannot be written into the earlier text.
    """
    data = dict(target.data)
    kept: list[PrincipalEffect] = []
    reverted: list[PrincipalEffect] = []
    for key in KEYS:
        record = _Record(key, target, steps)
        keep = {} if exact else record.added_by_others(writer, but=mappings_of(undone, key) or {})
        if keep:
            data[key] = _with_kept(target, present, key, keep)
        for effect in record.effects(mappings_of(present, key) or {}, keep):
            (kept if (effect.before or effect.after)[0].identity in keep else reverted).append(effect)
    for effect in _other_keys(target, steps, present):
        is_kept = (
            not exact
            and effect.key not in target.data
            and effect.key not in undone.data
            and effect.by.is_other_than(writer)
        )
        (kept if is_kept else reverted).append(effect)
        if is_kept:
            data[effect.key] = present.data[effect.key]
    readable = (
        step.document for step in reversed(steps) if all(mappings_of(step.document, key) is not None for key in KEYS)
    )
    return Restoration(to, Document(data), tuple(kept), tuple(reverted), readable=next(readable, target))


@dataclass(slots=True)
class _Record:
    """What became of the principals of one key since the state that is restored."""

    key: Key
    target: Document
    steps: Sequence[HistoryState]
    base: Mappings = field(init=False)
    last: Mappings = field(init=False)
    added_by: dict[PrincipalKey, Author] = field(default_factory=dict)
    touched_by: dict[PrincipalKey, Author] = field(default_factory=dict)
    as_left: dict[PrincipalKey, list[tuple[Author, tuple[MappingEntry, ...]]]] = field(default_factory=dict)
    broken_by: Author | None = None

    def __post_init__(self) -> None:
        self.base = self.last = mappings_of(self.target, self.key) or {}
        for step in self.steps:
            now = mappings_of(step.document, self.key)
            if now is None:  # What cannot be read says nothing about who is wanted: the state before it still counts.
                self.broken_by = self.broken_by or step.by
                continue
            self.broken_by = None
            self._follow(now, step.by)
            self.last = now

    def _follow(self, now: Mappings, by: Author) -> None:
        for identity in [*self.last, *(identity for identity in now if identity not in self.last)]:
            if self.last.get(identity) == now.get(identity):
                continue
            self.touched_by[identity] = by
            if identity not in self.last:
                self.added_by[identity] = by
            if identity in now and identity not in self.base:
                self.as_left.setdefault(identity, []).append((by, now[identity]))

    def added_by_others(self, writer: Writer, but: Mappings) -> Mappings:
        """Return what others than `writer` have added and is still there, as others left it last."""
        found = {}
        for identity in self.last:
            if identity in self.base or identity in but:
                continue
            if self.added_by[identity].is_other_than(writer):
                found[identity] = [now for by, now in self.as_left[identity] if by.is_other_than(writer)][-1]
        return found

    def effects(self, present: Mappings, keep: Mappings) -> Iterator[PrincipalEffect]:
        """Yield what the rollback does to each principal that it changes, or that it keeps for others."""
        for identity in dict.fromkeys([*present, *self.base, *keep]):
            before = present.get(identity, ())
            after = keep.get(identity) or self.base.get(identity, ())
            if before != after or identity in keep:
                touched_by = self.touched_by.get(identity, self.broken_by or OUTSIDE)
                principal, known = (before or after)[0].principal, self.last.get(identity, ())
                yield PrincipalEffect(
                    self.key, principal, before, after, self.broken_by or touched_by, touched_by, known
                )


def _with_kept(
    target: Document, present: Document, key: Key, keep: Mapping[PrincipalKey, tuple[MappingEntry, ...]]
) -> str:
    """Return the earlier text of a key with what is kept behind it."""
    reading = target.reading(key)
    entries = [mapped for mappings in keep.values() for mapped in mappings]
    now = present.reading(key)
    if now.text.startswith(reading.text) and not now.findings and now.mapped == [*reading.mapped, *entries]:
        return now.text  # The same, in the words of those who added it.
    try:
        return rewrite(reading, {}, entries, sibling=target.sibling(key)).reading.text
    except EditError as error:
        raise EditError(
            f"{len(entries)} of the entries that others have added to {key} since cannot be written "
            f"into its earlier text; nothing was changed. {error.message}",
            location=error.location,
            hint="Roll back with exact=True to keep nothing, and add what is needed again.",
        ) from error


def _other_keys(target: Document, steps: Sequence[HistoryState], present: Document) -> Iterator[PrincipalEffect]:
    """Yield the data keys without mappings that differ from the earlier state, and who made them so."""
    names = dict.fromkeys(name for data in (present.data, target.data) for name in data if name not in KEYS)
    for name in names:
        last = target.data.get(name)
        by = OUTSIDE
        for step in steps:
            if step.document.data.get(name) != last:
                last, by = step.document.data.get(name), step.by
        if present.data.get(name) != target.data.get(name):
            yield PrincipalEffect(name, "", (), (), by, by)
