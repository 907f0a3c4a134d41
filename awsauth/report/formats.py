"""An access report as CSV and Markdown."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from awsauth.core.text.display import code, visible

if TYPE_CHECKING:
    from awsauth.core.report.rows import AccessReport

# The beginning of a formula, for a spreadsheet that skips blanks and quotes. Some also know the wide signs.
_FORMULA: Final = "[\\s'\"]*[=+@\uff1d\uff0b\uff0d\uff20-]"


def report_as_csv(report: AccessReport) -> str:
    """Return a line with the names of the columns, and one for each principal.

    A cell that a spreadsheet could take for a formula begins with ``'``.
    """
    import csv

    from awsauth.core.report.rows import COLUMNS  # `awsauth get` needs the tables alone

    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in report.principals:
        writer.writerow([f"'{cell}" if re.match(_FORMULA, cell) else cell for cell in map(visible, row.cells)])
    return text.getvalue().rstrip("\n")


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of Markdown, with all cells as code."""
    cells = [[code(cell).replace("|", r"\|") if cell else "" for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, ["---"] * len(header), *cells])
