"""The pages in docs/ are true: their blocks run, their commands exist, their links lead somewhere."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from awsauth.cli.command import AwsAuthCommand
from tests.support.command_line import run
from tests.support.pages import TRY_OUT, Block, blocks, run_page
from tests.support.paths import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCS: Final = PROJECT / "docs"
OUTSIDE: Final = [PROJECT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY", "CHANGELOG")]
"""Pages outside the site."""
TEXTS: Final = {page: page.read_text(encoding="utf-8") for page in sorted(DOCS.rglob("*.md"))}
RUN: Final = ("python", "console")
READ: Final = ("groovy", "json", "sh", "text", "yaml")
LOCAL: Final = [
    page
    for page, text in TEXTS.items()
    if TRY_OUT not in text and any(block.language in RUN and not block.includes for block in blocks(text))
]
COMMAND: Final = re.compile(r"(?<![\w./'-])awsauth (?P<words>(?:[a-z]|--)[^\n`|;&>#']*)")
GENERATED: Final = re.compile(r"^<!-- (.+): made .+ -->$.*?^<!-- end of \1 -->$", re.MULTILINE | re.DOTALL)
EXTERNAL: Final = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=["']?(?:https?:)?//[^>]*>""")


def name_of(page: Path) -> str:
    return str(page.relative_to(PROJECT))


@pytest.mark.parametrize("page", LOCAL, ids=name_of)
def test_every_block_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_page(page, tmp_path)


@pytest.mark.parametrize("page", TEXTS, ids=name_of)
def test_every_fence_is_a_block_that_runs_or_is_read(page: Path) -> None:
    found = blocks(TEXTS[page])
    assert 2 * len(found) == len(re.findall(r"^\s*```", TEXTS[page], re.MULTILINE))
    for block in found:
        assert block.language in RUN + READ, f"{name_of(page)}:{block.line}"
        assert block.includes is None or block.includes.is_relative_to(PROJECT / "examples")
        if block.language == "json":
            json.loads(block.text)
        elif block.language == "yaml":
            assert list(yaml.safe_load_all(block.text))


def shown_commands(page: Path) -> Iterator[str]:
    """Yield the commands of awsauth in blocks that do not run, and in the text."""
    text = GENERATED.sub("", page.read_text(encoding="utf-8"))
    for block in blocks(text):
        if block.language not in (*RUN, "text"):
            yield from (match["words"] for match in COMMAND.finditer(block.body))
    prose = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)
    for span in re.findall(r"`([^`\n]+)`", prose):
        yield from (match["words"] for match in COMMAND.finditer(span))


@pytest.mark.parametrize("page", [*TEXTS, *OUTSIDE], ids=name_of)
def test_every_command_that_is_shown_exists_with_its_options(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(AwsAuthCommand, "invoke", lambda *_: 0)
    for name in ("changes.yaml", "plan.json", "buffer.yaml", "aws-auth.yaml", "cluster.yaml"):
        (tmp_path / name).touch()
    (tmp_path / "access").mkdir()
    for words in shown_commands(page):
        done = run(*shlex.split(words))
        assert done.code == 0 or "Missing" in done.err, (words, done)


def test_the_commands_of_a_page_are_found_in_blocks_and_in_the_text() -> None:
    text = "See `awsauth get` and `x/awsauth get`.\n\n```sh\nawsauth diff 1 || exit # awsauth\nkubectl awsauth show 2\n```\n"
    found = [match["words"].strip() for match in COMMAND.finditer(text)]
    assert found == ["get", "diff 1", "show 2"]


def test_the_site_builds_strictly_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    config: Any = load_config(str(PROJECT / "mkdocs.yml"), site_dir=str(tmp_path / "site"))
    build(config)
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) >= len(TEXTS)
    assert [(page.name, found) for page in pages for found in EXTERNAL.findall(page.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("page", OUTSIDE, ids=name_of)
def test_the_links_of_a_page_outside_the_site_lead_somewhere(page: Path) -> None:
    """The build checks those of docs/."""
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}, target


SHOWN: Final = re.compile(r"^<!-- (?P<path>examples/\S+) -->\n```\w+\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", ["teams", "git", "pipeline"])
def test_a_page_shows_an_example_to_a_reader_of_its_source(name: str) -> None:
    shown = list(SHOWN.finditer(TEXTS[DOCS / "how-to" / f"{name}.md"]))
    assert shown
    for example in shown:
        assert example["body"] == (PROJECT / example["path"]).read_text(encoding="utf-8")


def test_a_block_that_includes_a_file_is_that_file() -> None:
    block = Block("yaml", '--8<-- "examples/policy.yaml"\n', 1)
    assert block.text == (PROJECT / "examples" / "policy.yaml").read_text(encoding="utf-8")
