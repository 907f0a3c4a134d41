"""The entries of one key during a merge."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from awsauth.core.document.index import SEARCHES, kept_under, positions
from awsauth.core.document.model import MappingEntry, ParsedList, PrincipalKey, principal_key


class EntryTable:
    """The entries of one key during a merge, each with its final mapping.

    The position names an entry: the entries of the reading come first, then the added ones.

    Attributes:
        reading: The reading of the old text.
        changed: By position, the new mapping of a changed or added entry; None for a removed one.
    """

    def __init__(self, reading: ParsedList) -> None:
        self.reading = reading
        self.changed: dict[int, MappingEntry | None] = {}
        self._end = len(reading.entries)
        self._noted: defaultdict[PrincipalKey, list[int]] = defaultdict(list)
        self._searches = 0

    def get(self, position: int) -> MappingEntry | None:
        """Return the present mapping of an entry; None if it is removed or maps nothing."""
        return self.changed[position] if position in self.changed else self.reading.entries[position].mapped

    def put(self, position: int, mapped: MappingEntry | None) -> None:
        """Set the mapping of an entry; None removes it."""
        self.changed[position] = mapped
        if mapped is not None:
            self._noted[mapped.identity].append(position)

    def add(self, mapped: MappingEntry) -> None:
        """Add an entry at the end."""
        self.put(self._end, mapped)
        self._end += 1

    def find(self, *principals: str) -> list[int]:
        """Return the positions of the entries that map one of `principals`, in any case."""
        lowered = {principal.lower() for principal in principals}
        found: set[int] = set()
        if self._searches < SEARCHES:
            self._searches += len(lowered)
            found.update(positions(self.reading, lowered))
            for position, mapped in self.reading.positioned if self._searches >= SEARCHES else ():
                self._noted[mapped.identity].append(position)  # from now on, an index is faster
        wanted = {principal_key(principal) for principal in lowered}
        found.update(position for principal in wanted for position in self._noted.get(principal, ()))
        return [position for position in sorted(found) if (now := self.get(position)) and now.identity in wanted]

    def effective_positions(self, positions: Sequence[int]) -> list[int]:
        """Return the positions that count: the last of entries of equal `identity`."""
        return sorted({self.identity(position): position for position in positions if self.get(position)}.values())

    def identity(self, position: int) -> object:
        """Return a value that is equal for entries that replace each other.

        Users compare by exact spelling.
        """
        now = self.get(position)
        return now and (kept_under(self.reading.key, now.principal), now.sso)

    def everything(self) -> list[int]:
        """Return the positions of all entries that map something, or did."""
        return sorted({position for position, _ in self.reading.positioned}.union(self.changed))
