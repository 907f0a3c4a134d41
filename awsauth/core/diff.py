"""The diff of two documents: by mapping, by principal, and as text."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from awsauth.core.access.matching import account_of, can_match, casefold_arn
from awsauth.core.arn import is_user
from awsauth.core.document.document import Document, check_document
from awsauth.core.document.index import differing, grouped, kept_under, mapped_of
from awsauth.core.document.model import KEYS, KIND, Key, MappingEntry, collecting_later
from awsauth.core.serialization import LEFT_OUT, JsonValue, in_json
from awsauth.core.text.display import code, fenced, groups_in_words, listed, name_in_words, quoted, visible
from awsauth.core.text.unified_diff import unified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from awsauth.core.access.caller import AccessChange
    from awsauth.core.entries.merge import EntryDiff


@dataclass(frozen=True, slots=True)
class MappingDiff(JsonValue):
    """The change of one principal under one key.

    `before` and `after` hold all its entries, in order. The last one wins; for a user, the last one of each spelling.
    """

    key: Key
    principal: str
    before: tuple[MappingEntry, ...]
    after: tuple[MappingEntry, ...]

    @property
    @in_json()
    def kind(self) -> str:
        """The kind: ``added``, ``removed``, ``changed`` or ``shadowed``.

        ``shadowed`` means that only entries change that never counted.
        """
        if not self.before or not self.after:
            return "removed" if self.before else "added"
        if len(self.before) == len(self.after) == 1:
            return "changed" if self.before != self.after else "shadowed"
        before, after = self._winners
        return "changed" if before != after else "shadowed"

    @property
    def _winners(self) -> list[dict[str, MappingEntry]]:
        """The entries that count before and after.

        There is one, or for a user one of each spelling.
        """
        sides = (self.before, self.after)
        return [{kept_under(self.key, mapped.principal): mapped for mapped in entries} for entries in sides]


@dataclass(frozen=True, slots=True)
class Diff(JsonValue):
    """The diff of two documents; false if they are equal. `str` gives the text.

    Attributes:
        mappings: The change of each principal, by key and in the order of the text.
        texts: By data key, the difference of the text in unified form.
        entries: For a change of access entries, the change of each entry.
    """

    mappings: tuple[MappingDiff, ...]
    texts: Mapping[str, str] = field(compare=False)
    _effects: tuple[AccessChange, ...] | Callable[[], tuple[AccessChange, ...]] = field(
        default=(), repr=False, compare=False, metadata=LEFT_OUT
    )
    _decides_alone: Callable[[], bool] | None = field(default=None, repr=False, compare=False, metadata=LEFT_OUT)
    entries: tuple[EntryDiff, ...] = ()

    @property
    @in_json()
    def effects(self) -> tuple[AccessChange, ...]:
        """The username and groups of each principal, before and after.

        They come from all entries of the documents, for the principals of `mappings`. Computed on first use.
        """
        found = self._effects
        if callable(found):
            found = found()
            object.__setattr__(self, "_effects", found)
        return found

    def __bool__(self) -> bool:
        return bool(self.mappings or self.texts or self.entries)

    @property
    def summary(self) -> str:
        """The principals on one line: ``+role deployer, ~user alice and 3 more``."""
        if not self.mappings and not self.entries:
            return "other text, same mappings" if self.texts else "no change"
        brief = [_brief(one.kind, KIND[one.key], one.principal) for one in self.mappings]
        brief += [_brief(one.kind, "entry", one.principal_arn) for one in self.entries]
        return listed(brief, 3)

    @collecting_later
    def __str__(self) -> str:
        lines = []
        for kind, name, (first, *more) in self._in_words("entry", visible):
            lines.append(f"{_SIGNS[kind]} {name}: {first}" if first else f"{_SIGNS[kind]} {name}")
            lines += [f"    {told}" for told in more]
        lines += [f"! {visible(effect.principal)} {effect.told()}" for effect in self._other_effects()]
        return "\n".join([*lines, *(text.removesuffix("\n") for text in self.texts.values())])

    def markdown(self) -> str:
        """Return the difference as Markdown, for a pull request or a release's page."""
        if not self:
            return "No change.\n"
        changes = ((f"- {_SIGN_WORDS[kind]} {name}", told) for kind, name, told in self._in_words("access entry", code))
        rows = [": ".join(filter(None, [change, "; ".join(told)])) for change, told in changes]
        rows += [f"- {code(effect.principal)} {effect.told(code)}" for effect in self._other_effects()]
        blocks = [fenced(text, "diff") for text in self.texts.values()]
        return "\n\n".join(["\n".join(rows), *blocks] if rows else blocks) + "\n"

    def _in_words(self, source: str, show: Callable[[str], str]) -> Iterator[tuple[str, str, list[str]]]:
        """Yield the kind, the principal and the sentences of each change.

        There is at least one sentence, which may be empty. `show` escapes values, and `source` names access entries.
        """
        for mapping in self.mappings:
            kind, name = mapping.kind, f"{KIND[mapping.key]} {show(mapping.principal)}"
            yield kind, name, list(_sentences(mapping, kind, show)) or [""]
        for entry in self.entries:
            yield entry.kind, f"{source} {show(entry.principal_arn)}", [_told(entry, show)]

    def _other_effects(self) -> Iterator[AccessChange]:
        """Yield effects that differ from the changed mapping: another entry wins."""
        if self._decides_alone and self._decides_alone():
            return
        from awsauth.core.access.caller import infos

        by_principal = grouped((casefold_arn(mapping.principal), mapping) for mapping in self.mappings)
        for effect in self.effects:
            first, *others = by_principal[casefold_arn(effect.principal)]
            # A mapping always gives something, so no mapping alone explains an effect without access.
            sides = (first.before, first.after) if effect.before or effect.after else ()
            told = [infos(effect.principal, side[-1:]) for side in sides]
            if others or told != [effect.before, effect.after]:
                yield effect


_SIGNS: Final = {"added": "+", "removed": "-", "changed": "~", "shadowed": "="}
_SIGN_WORDS: Final = {"added": "Added", "removed": "Removed", "changed": "Changed", "shadowed": "Same as before, for"}


def diff(before: Document, after: Document) -> Diff:
    """Return the difference from one document to another.

    Raises:
        UsageError: one of them is not a document.
    """
    for document in (before, after):
        check_document(document)
    return _difference(before, after)


@collecting_later  # not on `diff`: a call with wrong arguments would look like an internal error
def _difference(before: Document, after: Document) -> Diff:
    old, new = before.data, after.data
    changed = [name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name)]
    mappings = tuple([found for key in KEYS if key in changed for found in _mappings(key, before, after)])
    texts = {name: _text(name, before, after) for name in changed}
    alone = partial(_decides_alone, mappings[0], before, after) if len(mappings) == 1 else None
    return Diff(mappings, texts, partial(_effects, before, after, mappings) if mappings else (), alone)


def _effects(before: Document, after: Document, mappings: Sequence[MappingDiff]) -> tuple[AccessChange, ...]:
    from awsauth.core.access.caller import access_changes  # only if the effects are used

    known = (one.principal for one in mappings if one.key != "mapAccounts" and not (one.after or one.before)[-1].sso)
    return access_changes(before, after, known)


def _decides_alone(mapping: MappingDiff, before: Document, after: Document) -> bool:
    """Whether only the last entry of a mapping can match its principal.

    In most documents, that is so.
    """
    principal = mapping.principal
    if mapping.key != "mapRoles" or is_user(principal) or not can_match(principal):
        return False
    others = [one for one in (before, after) if "mapUsers" in one.data or "mapAccounts" in one.data]
    users = (mapped_of(document.reading("mapUsers"), {casefold_arn(principal)}) for document in others)
    return not any(account_of(principal) in document.accounts for document in others) and not any(users)


def _text(name: str, before: Document, after: Document) -> str:
    shown = visible(name)
    if name not in after.data:
        return unified(shown, before.data[name], "") or f"--- {shown}\n+++ (taken out)\n"
    old, new = before.data.get(name, ""), after.data[name]
    compared = after.reading(name).remembered.compared if name in KEYS else None
    unchanged = compared.unchanged if compared and compared.text is old else None
    return unified(shown, old, new, unchanged) or f"+++ {shown} (empty)\n"


def _mappings(key: Key, before: Document, after: Document) -> Iterator[MappingDiff]:
    readings = before.reading(key), after.reading(key)
    concerned = {mapped.identity for mapped in differing(*readings).mappings}
    principals = {principal for principal, _ in concerned}
    was, now = (grouped((one.identity, one) for _, one in mapped_of(reading, principals)) for reading in readings)
    for identity in dict.fromkeys([*was, *now]):
        if identity in concerned and was[identity] != now[identity]:
            shown = (now[identity] or was[identity])[-1]
            principal = shown.principal or f"sso {shown.sso.permission_set if shown.sso else ''}"
            yield MappingDiff(key, principal, tuple(was[identity]), tuple(now[identity]))


def _brief(kind: str, source: str, principal: str) -> str:
    # Only the name: the summary is one line, and the diff has the whole ARN.
    name = principal.rpartition("/")[2] or principal
    return f"{_SIGNS[kind]}{source} {quoted(name, 64)[1:-1]}"


def _told(entry: EntryDiff, show: Callable[[str], str]) -> str:
    """Return the change of an access entry in words."""
    sides = [side for side in (entry.before, entry.after) if side]
    old, new = sides[0], sides[-1]
    if len(sides) == 1:
        named = f"username {name_in_words(new.username, show)}, {groups_in_words(new.groups, show)}"
        policies = [show(str(policy)) for policy in new.policies]
        return ", ".join([f"type {new.type}" if new.lets_nodes_in else named, *policies])
    mappings = [MappingEntry(entry.principal_arn, side.username, side.groups) for side in sides]
    told = [] if new.lets_nodes_in else list(_differences(mappings[0], mappings[1], show))
    told += [f"gets {show(str(policy))}" for policy in new.policies if policy not in old.policies]
    told += [f"loses {show(str(policy))}" for policy in old.policies if policy not in new.policies]
    told += [f"owner {show(new.owner) or '(none)'}"] if old.owned != new.owned else []
    return "; ".join(told)


def _sentences(mapping: MappingDiff, kind: str, show: Callable[[str], str]) -> Iterator[str]:
    """Yield a principal's changes in words; `show` escapes values."""
    before, after = len(mapping.before), len(mapping.after)
    if before > 1 or after > 1:
        before, after = map(len, mapping._winners)  # noqa: SLF001 - of this module
    if before > 1 or after > 1:
        yield f"mapped in {after} spelling{'' if after == 1 else 's'}, before {before}; with several, the winner is undefined"
    elif kind in ("added", "removed"):
        if mapping.key != "mapAccounts":
            now = (mapping.after or mapping.before)[-1]
            yield f"username {name_in_words(now.username, show)}, {groups_in_words(now.groups, show)}"
    else:
        yield from _differences(mapping.before[-1], mapping.after[-1], show)
    before, after = len(mapping.before) - before, len(mapping.after) - after
    if before != after or kind == "shadowed":
        yield f"entries that do not count because a later one does: {after}, before {before}"


def _differences(old: MappingEntry, new: MappingEntry, show: Callable[[str], str]) -> Iterator[str]:
    if old.principal != new.principal:
        yield f"written {name_in_words(new.principal, show)}, before {name_in_words(old.principal, show)}"
    if old.username != new.username:
        yield f"username {name_in_words(new.username, show)}, before {name_in_words(old.username, show)}"
    old_groups, new_groups = set(old.groups), set(new.groups)
    added = [group for group in new.groups if group not in old_groups]
    taken = [group for group in old.groups if group not in new_groups]
    if added:
        yield f"into {groups_in_words(added, show)}"
    if taken:
        yield f"out of {groups_in_words(taken, show)}"
    if old.groups != new.groups and not added and not taken:
        yield "the same groups, in another order or number"
