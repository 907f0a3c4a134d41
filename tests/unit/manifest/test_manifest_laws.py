"""Laws of manifest files, over generated texts in every form that is edited."""

from __future__ import annotations

import json
from dataclasses import dataclass

from hypothesis import assume, given, strategies as st

from awsauth.core.goyaml.plain_nodes import parse_json
from awsauth.core.manifest.manifest import Manifest
from awsauth.core.text.unified_diff import changed_lines
from awsauth.errors import ManifestError
from tests.support.documents.strategies import examples

LINES = st.sampled_from(
    [
        "- rolearn: a",
        "- rolearn: b",
        "  groups:",
        "    - system:masters",
        "",
        "  ",
        " x",
        "\ty",
        "# é",
        "---",
        "...",
        "a: 'b'",
        '"q" \\n',
        "{{SessionName}}",
        "- \U0001f600",
        "|",
        "trailing  ",
        "[]",
        "%YAML 1.2",
        "key: &a *b",
    ]
)
TEXTS = st.builds(
    lambda lines, end: "\n".join(lines) + end, st.lists(LINES, max_size=8), st.sampled_from(["", "\n", "\n", "\n\n\n"])
)
EDGES = st.sampled_from(["", "# a comment\n", "\n", "---\n"])


@dataclass(frozen=True)
class Outer:
    """A manifest with one value between two others."""

    before: str
    value: str
    after: str

    @property
    def text(self) -> str:
        return self.before + self.value + self.after


def literal(value: str, indent: int, comment: str) -> str:
    """Write a literal block by the rules of the YAML specification, always with both indicators."""
    chomp = "+" if value.endswith("\n") else "-"
    lines = value.removesuffix("\n").split("\n") if value else []
    return f"|{indent}{chomp}{comment}\n" + "".join(" " * (2 + indent) + line + "\n" for line in lines)


@st.composite
def block_manifests(draw: st.DrawFn) -> tuple[Outer, str]:
    """Draw a manifest in YAML's block style, and the text of its `mapRoles`."""
    value = draw(TEXTS)
    forms = [
        literal(value, draw(st.integers(1, 9)), draw(st.sampled_from(["", "  # why"]))),
        json.dumps(value, ensure_ascii=False) + "\n",
    ]
    if "\n" not in value:
        forms.append("'" + value.replace("'", "''") + "' # why\n")
    before = draw(EDGES) + "kind: ConfigMap\nmetadata: {name: aws-auth}\ndata:\n  mapUsers: '[]'\n  mapRoles: "
    after = draw(st.sampled_from(["", "  other: x\n", "# last\n", "  other: |\n    text\n\n---\nkind: Secret\n"]))
    outer = Outer(before, draw(st.sampled_from(forms)), after)
    if draw(st.booleans()):
        outer = Outer(*(part.replace("\n", "\r\n") for part in (outer.before, outer.value, outer.after)))
    return outer, value


@st.composite
def flow_manifests(draw: st.DrawFn) -> tuple[Outer, str]:
    """Draw a manifest as JSON, and the text of its `mapRoles`."""
    value = draw(TEXTS)
    config_map = {"kind": "ConfigMap", "metadata": {"name": "aws-auth"}, "data": {"mapUsers": "[]", "mapRoles": "\0"}}
    document = draw(st.sampled_from([config_map, {"kind": "List", "items": [{"kind": "Secret"}, config_map]}]))
    whole = json.dumps(document, indent=draw(st.sampled_from([None, 2, 4])))
    before, after = whole.split(json.dumps("\0"))
    return Outer(before, json.dumps(value, ensure_ascii=draw(st.booleans())), after), value


manifests = st.one_of(block_manifests(), flow_manifests())


@given(manifests)
def test_what_was_written_is_read(drawn: tuple[Outer, str]) -> None:
    outer, value = drawn
    assert Manifest.parse(outer.text).data["mapRoles"] == value


@given(manifests)
def test_no_change_changes_no_byte(drawn: tuple[Outer, str]) -> None:
    manifest = Manifest.parse(drawn[0].text)
    assert manifest.with_data(manifest.data) is manifest.text


@examples(400)
@given(manifests, TEXTS)
def test_the_new_text_is_read_back_and_all_around_it_stays(drawn: tuple[Outer, str], wanted: str) -> None:
    outer, _ = drawn
    manifest = Manifest.parse(outer.text)
    data = {**manifest.data, "mapRoles": wanted}
    changed = manifest.with_data(data)
    assert Manifest.parse(changed).data == data
    assert changed.startswith(outer.before)
    assert changed.endswith(outer.after)


@given(manifests, st.sampled_from(["mapAccounts", "other-key", "yes", "12"]), TEXTS)
def test_a_new_key_is_added_and_taken_out_again(drawn: tuple[Outer, str], key: str, wanted: str) -> None:
    manifest = Manifest.parse(drawn[0].text)
    data = {**manifest.data, key: wanted}
    changed = Manifest.parse(manifest.with_data(data))
    assert changed.data == data
    assert all(line in changed.text.split("\n") for line in manifest.text.split("\n") if "mapRoles" not in line) or (
        manifest.found.is_json
    )
    assert changed.with_data(manifest.data) == manifest.text


@given(block_manifests(), st.lists(LINES, min_size=1, max_size=3), st.integers(0, 8))
def test_inserted_lines_leave_every_old_line_of_a_block(drawn: tuple[Outer, str], added: list[str], at: int) -> None:
    outer, value = drawn
    assume(outer.value.startswith("|") and value.endswith("\n"))
    lines = value.removesuffix("\n").split("\n")
    wanted = "\n".join([*lines[:at], *added, *lines[at:]]) + "\n"
    manifest = Manifest.parse(outer.text)
    changed = manifest.with_data({**manifest.data, "mapRoles": wanted}).split("\n")
    old = outer.text.split("\n")
    remaining = iter(changed)
    assert all(any(line == new for new in remaining) for line in old)
    assert len(changed) == len(old) + len(added)


@given(st.lists(LINES, max_size=20), st.lists(LINES, max_size=20))
def test_changed_lines_make_the_new_text_of_the_old(old: list[str], new: list[str]) -> None:
    made = old
    for change in reversed(changed_lines(old, new)):
        made = made[: change.old_start] + new[change.new_start : change.new_end] + made[change.old_end :]
    assert made == new


@given(st.text(alphabet='{}[]",:\\nu0aA1.-+eE tf\n', max_size=30))
def test_the_json_reader_takes_what_json_takes(text: str) -> None:
    text = "{" + text
    try:
        json.loads(text, parse_constant=lambda word: json.loads(word + "?"))
    except ValueError:
        roots = parse_json(text)
        assert roots is None or len(roots) > 1
    else:
        assert parse_json(text) is not None


@given(st.text(alphabet="mapRoles: |\n-[]{}&*!'\"#>x\t\r", max_size=60), st.text(alphabet="ab\n -'\"", max_size=12))
def test_any_text_is_edited_exactly_or_refused(noise: str, wanted: str) -> None:
    text = f"data:\n  mapUsers: ''\n{noise}\n"
    try:
        manifest = Manifest.parse(text)
        data = {**manifest.data, "mapRoles": wanted}
        changed = manifest.with_data(data)
    except ManifestError as error:
        assert error.changed is False
    else:
        assert Manifest.parse(changed).data == data
