"""The report as a page, in a real Chromium: what it shows, how it answers, and what it never does."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import expect

from awsauth.core.document.document import Document
from awsauth.errors import UsageError
from awsauth.report import html
from awsauth.report.html import report_as_html
from tests.support.access_entries import ROLE
from tests.support.browser import browser
from tests.support.command_line import manifest_in, run
from tests.support.fictional_cluster import DOCUMENT, report
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.browser import Browser, Tab

HOSTILE: Final = (
    "<script>document.title='taken'</script>",
    '"><img src=x onerror="document.title=\'taken\'">',
    "' onmouseover='alert(1)",
    "</style><script>alert(1)</script>",
    "{{ 7*7 }}{% raw %}&lt;b&gt;",
    "javascript:alert(1)",
    "a\u202eb\u0000c",
    "]]><!--",
)
SHOWN: Final = "#table tbody tr:not([hidden])"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Tab]:
    opened = chromium.open(report_as_html(report()))
    yield opened
    opened.page.close()


def names(tab: Tab) -> list[str]:
    return [name.rpartition("/")[2] for name in tab.page.locator(f"{SHOWN} th a").all_text_contents()]


def test_each_principal_has_a_row_and_nothing_is_asked_for(tab: Tab) -> None:
    found = report().principals
    assert names(tab) == [row.access.principal.rpartition("/")[2] for row in found]
    assert tab.page.locator("#count").text_content() == f"{len(found)} of {len(found)} principals"
    assert len(tab.requests) == 1  # the page itself
    assert tab.complaints == []


def test_search_and_filters_narrow_the_rows_and_the_graph(tab: Tab) -> None:
    page = tab.page
    page.get_by_label("Search").fill("DEPLOYERS edit")
    assert names(tab) == ["deployer", "web"]
    expect(page.locator("#graph .principal")).to_have_count(2, timeout=PATIENCE * 1000)
    page.get_by_label("Search").fill("")
    page.get_by_label("Right").select_option("cluster-admin")
    assert names(tab) == ["AWSReservedSSO_Admins_0123456789abcdef", "platform"]
    page.get_by_label("Right").select_option("")
    page.get_by_label("Decided by").select_option("nothing")
    assert names(tab) == ["batch"]
    page.get_by_label("Decided by").select_option("")
    page.get_by_label("with findings").check()
    assert set(names(tab)) == {row.access.principal.rpartition("/")[2] for row in report().principals if row.findings}


def test_a_column_sorts_both_ways_and_empty_cells_come_last(tab: Tab) -> None:
    header = tab.page.get_by_role("columnheader", name="Owner")
    owners = tab.page.locator(f"{SHOWN} td:nth-child(7)")
    for order, first in (("ascending", "platform"), ("descending", "shop")):
        header.get_by_role("button").click()
        assert header.get_attribute("aria-sort") == order
        shown = owners.all_text_contents()
        assert shown[0] == first
        assert set(shown[2:]) == {""}


def test_a_link_to_a_row_shows_it_also_when_a_filter_hides_it(chromium: Browser) -> None:
    html = report_as_html(report())
    found = re.search(r'<tr role="row" id="(p-\w+)"[^>]*>\n?<th[^>]*><a[^>]*>[^\n]*contractor</a>', html)
    assert found
    tab = chromium.open(html, anchor=f"#{found[1]}")
    assert tab.page.evaluate("document.querySelector(':target').textContent.includes('contractor')")
    tab.page.get_by_label("Search").fill("deployer")
    tab.page.evaluate("location.hash = ''")
    tab.page.evaluate("anchor => { location.hash = anchor }", found[1])
    tab.page.locator(f"#{found[1]}").wait_for(state="visible")
    tab.page.close()


def test_the_graph_leads_from_principals_to_roles(tab: Tab) -> None:
    graph = tab.page.locator("#graph")
    group = graph.locator("a.group", has_text="deployers")
    group.focus()
    lit = graph.locator("a.on text").all_text_contents()
    assert {"role/deployer", "role/web", "deployers", "ClusterRole edit"} <= set(lit)
    assert "ClusterRole view" not in lit
    assert (group.get_attribute("href") or "").startswith("#s-")


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (390, False), (390, True)])
def test_the_page_is_accessible_and_not_wider_than_the_screen(chromium: Browser, width: int, *, dark: bool) -> None:
    tab = chromium.open(report_as_html(report()), width=width, dark=dark)
    found = Axe().run(tab.page)
    assert found.violations_count == 0, found.generate_report()
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= width
    tab.page.close()


def test_the_keyboard_reaches_the_filters_the_headers_and_the_rows(tab: Tab) -> None:
    reached = []
    for _ in range(24):
        tab.page.keyboard.press("Tab")
        reached.append(tab.page.evaluate("document.activeElement.id || document.activeElement.textContent"))
    assert reached[0] == "Skip to the principals"
    assert {"search", "right", "source", "found", "Principal", "Findings"} <= set(reached)
    assert any("prod-nodes" in one for one in reached)


def test_the_print_has_pages_of_a4(tab: Tab) -> None:
    pdf = tab.page.pdf(prefer_css_page_size=True)
    sizes = set(re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf))
    assert {(round(float(x)), round(float(y))) for x, y in sizes} == {(842, 595)}


def test_a_long_table_is_printed_whole(chromium: Browser) -> None:
    """On the screen it scrolls. A button in the header would keep it from the other pages."""
    roles = [{"rolearn": f"{ROLE}/team-{number}", "username": "x"} for number in range(201)]
    tab = chromium.open(report_as_html(report(Document({"mapRoles": json.dumps(roles)}), ())))
    region = tab.page.get_by_role("region", name="Table of principals")
    inner = "region => region.scrollHeight - region.clientHeight"
    assert region.evaluate(inner) > 1000
    tab.page.emulate_media(media="print")
    assert region.evaluate(inner) <= 1
    assert tab.page.locator("thead button:visible").count() == 0
    tab.page.close()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_text(chromium: Browser, name: str) -> None:
    roles = [
        {"rolearn": f"{ROLE}/a", "username": name, "groups": [name]},
        {"rolearn": f"{ROLE}/{name}", "username": "x"},
    ]
    tab = chromium.open(report_as_html(report(Document({"mapRoles": json.dumps(roles)}), ())))
    title: str = tab.page.title()
    assert title.startswith("Access to EKS cluster prod")
    assert tab.page.locator("img, script, style").count() == 2  # our own style and script
    assert tab.complaints == []
    assert len(tab.requests) == 1
    shown = tab.page.locator("#table tbody tr").first.locator("td").nth(1).text_content()
    assert shown == name.replace("\u202e", "\\u202e").replace("\u0000", "\\x00")
    tab.page.close()


def test_the_policy_of_the_page_lets_no_other_script_run(tab: Tab) -> None:
    """Even if a text of others became a script, it would not run."""
    tab.page.evaluate(
        "() => { const made = document.createElement('script'); made.textContent = 'document.title = \"taken\"';"
        " document.body.append(made) }"
    )
    assert tab.page.title() != "taken"
    assert "Content Security Policy" in "".join(tab.complaints)


def test_a_report_without_principals_is_a_page(chromium: Browser) -> None:
    tab = chromium.open(report_as_html(report(Document({"mapRoles": "- rolearn: {"}), ())))
    assert tab.page.locator("#count").text_content() == "0 of 0 principals"
    assert "mapRoles" in (tab.page.locator(".gaps").text_content() or "")
    assert tab.complaints == []
    tab.page.close()


def test_what_was_not_checked_looks_like_it(chromium: Browser, tmp_path: Path) -> None:
    done = run("report", "--file", str(manifest_in(tmp_path, **DOCUMENT.data)), "-o", "html")
    tab = chromium.open(done.out)
    assert tab.page.locator(f"{SHOWN} td:nth-child(5) .unchecked").count() == 8
    assert "RBAC" in (tab.page.locator(".gaps").text_content() or "")
    tab.page.close()


def test_the_page_does_not_depend_on_an_encoding() -> None:
    assert report_as_html(report()).isascii()


def test_without_jinja2_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    missing: Any = None
    monkeypatch.setitem(sys.modules, "jinja2", missing)
    monkeypatch.setattr(html, "_template", html._template.__wrapped__)  # as in a process that has made no page
    with pytest.raises(UsageError, match="jinja2") as caught:
        report_as_html(report())
    assert "eks-aws-auth[report]" in caught.value.hint


@pytest.mark.parametrize(
    ("variable", "outcome"), [("AWSAUTH_REQUIRE_ORACLE", "Failed"), ("CI", "Failed"), ("", "Skipped")]
)
def test_without_a_browser_ci_fails_and_others_learn_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, outcome: str
) -> None:
    for name in ("CI", "AWSAUTH_REQUIRE_ORACLE"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, "1")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BaseException, match="apt-get install chromium") as caught, browser():
        raise AssertionError
    assert caught.type.__name__ == outcome
