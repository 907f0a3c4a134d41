"""How long a report takes of many principals with many bindings, its page, and a filter on the page."""

from __future__ import annotations

import json
import shutil
import statistics
import time
from typing import TYPE_CHECKING, Final

from awsauth.core.cluster.facts import Binding, Bindings
from awsauth.core.document.document import Document
from awsauth.core.entries.model import EntriesState, access_view
from awsauth.core.lint.lint import lint
from awsauth.core.report.rbac import Rbac
from awsauth.core.report.rows import AccessReport, ReportFacts, access_report
from awsauth.report.html import report_as_html
from tests.support.access_entries import ROLE
from tests.support.browser import browser
from tests.support.fictional_cluster import MADE, RBAC

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADS: Final = "principals | bindings | report: ms | page: ms | page: kB | a filter in Chromium: ms"
_FILTERS: Final = ("team-77", "edit", "", "g12", "view", "")
# The time until the filtered page is laid out.
_TIMED: Final = """words => words.map(word => {
  const search = document.getElementById("search");
  search.value = word;
  const began = performance.now();
  search.dispatchEvent(new Event("input", { bubbles: true }));
  document.body.offsetHeight;
  return performance.now() - began;
})"""


def report_rows(principals: int, *, in_browser: bool) -> Iterator[str]:
    """Measure a report of so many principals, with half as many bindings; the best of three."""
    data = _mappings(principals)
    rbac = Rbac(Bindings({}, _bound(principals // 2)), RBAC.rules)
    best, best_page, html = float("inf"), float("inf"), ""
    for _ in range(3):
        began = time.perf_counter()
        made = _report(Document({"mapRoles": data}), rbac)
        between = time.perf_counter()
        html = report_as_html(made)
        best_page = min(best_page, time.perf_counter() - between)
        best = min(best, between - began)
    filtered = f"{_filter_ms(html):.0f}" if in_browser and shutil.which("chromium") else "not measured"
    cells = (f"{best * 1e3:.0f}", f"{best_page * 1e3:.0f}", f"{len(html) / 1e3:.0f}", filtered)
    yield " | ".join([f"{principals:,}", f"{principals // 2:,}", *cells])


def _report(document: Document, rbac: Rbac) -> AccessReport:
    view = access_view(document, EntriesState(), {})
    return access_report("benchmark", MADE, document, view, ReportFacts(lint(document), {}, rbac=rbac))


def _mappings(count: int) -> str:
    """Return roles with two of a quarter as many groups each."""
    teams = max(count // 4, 1)
    return json.dumps(
        [
            {
                "rolearn": f"{ROLE}/team-{number}",
                "username": f"team-{number}:{{{{SessionName}}}}",
                "groups": [f"g{number % teams}", f"g{number * 7 % teams}"],
            }
            for number in range(count)
        ]
    )


def _bound(count: int) -> dict[str, tuple[Binding, ...]]:
    """Return so many bindings, two for each group, in forty namespaces."""
    found: dict[str, tuple[Binding, ...]] = {}
    for number in range(count):
        group, role = f"g{number % max(count // 2, 1)}", ("view", "edit", "image-builder")[number % 3]
        binding = Binding("RoleBinding", f"b{number}", f"namespace-{number % 40}", "ClusterRole", role)
        found[group] = (*found.get(group, ()), binding)
    return found


def _filter_ms(html: str) -> float:
    with browser() as started:
        tab = started.open(html)
        times: list[float] = tab.page.evaluate(_TIMED, _FILTERS)
        return statistics.median(times)
