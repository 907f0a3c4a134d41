"""The example of a report is the page of the tests' fictional cluster.

``AWSAUTH_REGENERATE=1 pytest tests/docs/test_example_report.py`` writes it anew.
"""

from __future__ import annotations

import os

from awsauth.report.html import report_as_html
from tests.support.fictional_cluster import report
from tests.support.paths import PROJECT


def test_the_example_is_as_the_code_makes_it() -> None:
    path = PROJECT / "docs" / "how-to" / "example-report.html"
    made = report_as_html(report()) + "\n"
    if os.environ.get("AWSAUTH_REGENERATE"):
        path.write_text(made, encoding="ascii")
    assert path.read_text(encoding="ascii") == made, "AWSAUTH_REGENERATE=1 pytest writes it anew"
