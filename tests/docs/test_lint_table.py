"""The table of rules in README.md is made from the code.

``AWSAUTH_REGENERATE=1 pytest tests/test_lint_table.py`` writes it anew.
"""

from __future__ import annotations

import os
import re
from typing import Final

from awsauth.core.findings import Severity
from awsauth.core.lint.rules import RULES
from tests.support.paths import PROJECT

README: Final = PROJECT / "README.md"
TABLE: Final = re.compile(
    r"(?P<start>^<!-- rules:.*-->\n)(?P<table>.*?)(?P<end>^<!-- end of rules -->\n)", re.MULTILINE | re.DOTALL
)
READER: Final = (
    ("no-namespace", "a manifest without a namespace: applied as it is, it may go to another one"),
    (
        "repeated-data-key",
        "a key of a manifest that stands twice: the first one does not count (cured where none is in both)",
    ),
    ("unread-object", "a manifest of an object that the authenticator does not read: another namespace, name or kind"),
    ("unreadable", "YAML that the authenticator cannot read: it drops the whole data key"),
    ("not-a-list", "a data key that holds no list: it is dropped as a whole"),
    ("untrusted", "YAML of which it cannot be said what the authenticator makes of it"),
    ("entry-dropped", "an entry that the authenticator drops, such as one without an ARN"),
    ("wrong-type", "a value that is no text in YAML 1.1, such as `yes` or `012`: it is dropped"),
)
"""What the reader, and the reader of manifests, find. Their findings are in no registry, and errors but for `WARNINGS`."""
WARNINGS: Final = ("no-namespace",)


def table() -> str:
    """Return the table: errors first, and of one severity in the order of their codes."""
    ranks = list(Severity)
    rows = [(ranks.index(rule.severity), code, rule.title, rule.cures) for code, rule in RULES.items()]
    rows += [(int(code in WARNINGS), code, title, False) for code, title in READER]
    lines = [
        f"| `{code}` | {ranks[rank].value} | {title}{' (cured)' if cures else ''} |"
        for rank, code, title, cures in sorted(rows)
    ]
    return "\n".join(["| code | severity | what it is |", "|---|---|---|", *lines, ""])


def test_the_readme_has_the_rules_of_the_code() -> None:
    text = README.read_text(encoding="utf-8")
    match = TABLE.search(text)
    assert match, "README.md has no place for the table"
    if os.environ.get("AWSAUTH_REGENERATE"):
        text = f"{text[: match.end('start')]}{table()}{text[match.start('end') :]}"
        README.write_text(text, encoding="utf-8")
        match = TABLE.search(text)
        assert match
    assert match["table"] == table()


def test_titles_fit_a_table() -> None:
    assert [
        rule.code for rule in RULES.values() if "|" in rule.title or "\n" in rule.title or rule.title.endswith(".")
    ] == []


def test_the_reader_finds_no_other_codes() -> None:
    """They are the literals in the modules that make the reader's findings."""
    source = "".join(
        (PROJECT / "awsauth" / "core" / name).read_text(encoding="utf-8")
        for name in ("full.py", "authenticator.py", "manifest_findings.py")
    )
    codes = set(re.findall(r'_add\(\s*"([a-z-]+)"', source)) | set(
        re.findall(r'_lost\(\s*key, text, "([a-z-]+)"', source)
    )
    codes |= set(re.findall(r'Finding\(\s*"([a-z-]+)"', source))
    codes |= set(re.findall(r'Final = "([a-z]+-[a-z-]+)"\n', source)) - {"aws-auth", "kube-system"}
    assert codes == {code for code, _ in READER}
