"""Manifest files: the data is read as kubectl would send it, and edited where it stands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from awsauth.core.manifest.locate import fields
from awsauth.core.manifest.manifest import Manifest
from awsauth.core.manifest.source import Encoding, decode_manifest
from awsauth.errors import ManifestError

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "kind: ConfigMap\nmetadata:\n  name: aws-auth\n"
ROLE = "- rolearn: a\n  groups:\n    - x\n"

# Files of the corpus that the recorder could not read: it took UTF-16 for UTF-8, so those three are readable.
UTF_16 = {"011.yaml", "026.yaml", "060.yaml"}
# The forms that are not edited, by the keys that have them.
NOT_EDITED = {
    ("086.yaml", "mapRoles"): "several lines",
    ("109.yaml", "mapUsers"): "several lines",
    ("110.yaml", "mapRoles"): "folded block",
    ("120.yaml", "mapUsers"): "several lines",
    ("121.yaml", "mapRoles"): "several lines",
}


def changed(text: str, **data: str) -> str:
    manifest = Manifest.parse(text)
    return manifest.with_data({**manifest.data, **data})


def test_the_corpus_is_read_as_recorded(corpus: Path) -> None:
    compared = 0
    for line in (corpus / "expected.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if "document" not in record:
            continue
        raw = (corpus / record["file"]).read_bytes()
        text, encoding = decode_manifest(raw)
        assert encoding.encode(text) == raw
        if "data" in record:
            assert Manifest.parse(text).data == record["data"], record["file"]
            compared += 1
        elif record["file"] in UTF_16:
            assert "mapRoles" in Manifest.parse(text).data, record["file"]
        else:
            with pytest.raises(
                ManifestError, match=r"is not YAML|is a list, and the API server accepts only text"
            ) as caught:
                Manifest.parse(text)
            assert caught.value.location.startswith("line ")
            assert caught.value.message.endswith(".")
    assert compared == 120


@pytest.mark.parametrize("key", ["mapRoles", "mapUsers", "mapAccounts"])
def test_one_entry_more_adds_lines_to_corpus_files_and_touches_none(corpus: Path, key: str) -> None:
    edited = 0
    for path in sorted(corpus.glob("*.yaml")):
        text, _ = decode_manifest(path.read_bytes())
        try:
            manifest = Manifest.parse(text)
        except ManifestError:
            continue
        old = manifest.data.get(key, "")
        wanted = {**manifest.data, key: f"{old}\n{ROLE}"[:-1] if old and not old.endswith("\n") else old + ROLE}
        if (path.name, key) in NOT_EDITED:
            with pytest.raises(ManifestError, match=NOT_EDITED[path.name, key]):
                manifest.with_data(wanted)
        elif not manifest.found.is_json and (
            key not in manifest.data or fields(manifest.found.data)[key][1].style == "|"
        ):
            new = manifest.with_data(wanted)
            remaining = iter(new.splitlines())
            gone = [line for line in text.splitlines() if not any(line == other for other in remaining)]
            assert not gone, path.name
            assert Manifest.parse(new).data == wanted
            edited += 1
    assert edited > 110


FORMS = {
    "literal": ("mapRoles: |\n    - a\n", "- a\n- b\n", "mapRoles: |\n    - a\n    - b\n"),
    "comment behind the indicator": ("mapRoles: | # c\n    - a\n", "- b\n", "mapRoles: | # c\n    - b\n"),
    "blank lines below": ("mapRoles: |\n    - a\n\n\n", "- a\n- b\n", "mapRoles: |\n    - a\n    - b\n\n\n"),
    "trailing spaces": (
        "mapRoles: |\n    - a  \n   \n    - b\n",
        "- a  \n\n- c\n",
        "mapRoles: |\n    - a  \n   \n    - c\n",
    ),
    "strip": ("mapRoles: |-\n    - a\n", "- a\n- b", "mapRoles: |-\n    - a\n    - b\n"),
    "strip no more": ("mapRoles: |-\n    - a\n", "- a\n", "mapRoles: |\n    - a\n"),
    "strip from now on": ("mapRoles: |\n    - a\n", "- a", "mapRoles: |-\n    - a\n"),
    "keep": ("mapRoles: |+\n    - a\n\n", "- a\n- b\n\n", "mapRoles: |+\n    - a\n    - b\n\n"),
    "keep stays": ("mapRoles: |+\n    - a\n\n", "- a\n", "mapRoles: |+\n    - a\n"),
    "keep from now on": ("mapRoles: |\n    - a\n", "- a\n\n", "mapRoles: |+\n    - a\n\n"),
    "indicator": ("mapRoles: |1-\n    - a\n", " - a\n - b", "mapRoles: |1-\n    - a\n    - b\n"),
    "indicator needed": ("mapRoles: |\n    - a\n", "  - a\n", "mapRoles: |2\n      - a\n"),
    "emptied": ("mapRoles: | # c\n    - a\n", "", 'mapRoles: "" # c\n'),
    "filled": ("mapRoles: |\n", "- a\n", "mapRoles: |\n    - a\n"),
    "single quotes": ("mapRoles: '[''a'']' # c\n", "['a','b']", "mapRoles: '[''a'',''b'']' # c\n"),
    "single quotes to block": ("mapRoles: '[]' # c\n", "- a\n", "mapRoles: | # c\n    - a\n"),
    "double quotes": (
        'mapRoles: "- a\\n- \\x62\\n" # c\n',
        "- a\n- b\n- \u2028\n",
        'mapRoles: "- a\\n- \\x62\\n- \\u2028\\n" # c\n',
    ),
    "double quotes to block": ('mapRoles: ""\n', "- a\n", "mapRoles: |\n    - a\n"),
    "double quotes on one line": ('mapRoles: "[]"\n', '["a"]', 'mapRoles: "[\\"a\\"]"\n'),
    "plain": ("mapRoles: text # c\n", "- a\n", "mapRoles: | # c\n    - a\n"),
    "plain to one line": ("mapRoles: text\n", "[]", "mapRoles: '[]'\n"),
    "nothing": ("mapRoles: # c\n", "- a\n", "mapRoles: | # c\n    - a\n"),
    "null": ("mapRoles: ~\n", "- a", "mapRoles: '- a'\n"),
    "value below its key": ("mapRoles:\n    '[]'\n", "- a\n", "mapRoles:\n    |\n    - a\n"),
    "quoted key": ("'mapRoles': |\n    - a\n", "- b\n", "'mapRoles': |\n    - b\n"),
    "repeated key": (
        "mapRoles: |\n    - a\n  mapRoles: |\n    - b\n",
        "- c\n",
        "mapRoles: |\n    - a\n  mapRoles: |\n    - c\n",
    ),
}


@pytest.mark.parametrize("after", ["", "  other: x\n", "# end\n", "...\n---\nkind: Secret\n"])
@pytest.mark.parametrize("form", FORMS)
def test_each_form_keeps_its_form_where_it_can(form: str, after: str) -> None:
    before, wanted, expected = FORMS[form]
    assert changed(f"{HEAD}data:\n  {before}{after}", mapRoles=wanted) == f"{HEAD}data:\n  {expected}{after}"


NEW_KEYS = {
    "behind the last": ("data:\n  mapUsers: '[]' # c\n", "data:\n  mapUsers: '[]' # c\n  mapRoles: |\n    - a\n"),
    "above blank lines": (
        "data:\n  x: |\n    b\n\nkind: ConfigMap\n",
        "data:\n  x: |\n    b\n  mapRoles: |\n    - a\n\nkind: ConfigMap\n",
    ),
    "as deep as others": ("data:\n  x: |\n      b\n", "data:\n  x: |\n      b\n  mapRoles: |\n      - a\n"),
    "data is null": ("data: # c\nkind: ConfigMap\n", "data: # c\n  mapRoles: |\n    - a\nkind: ConfigMap\n"),
    "data is tilde": ("data: ~\n", "data:\n  mapRoles: |\n    - a\n"),
    "data is empty": ("data: {} # c\n", "data: # c\n  mapRoles: |\n    - a\n"),
    "no data": ("labels: {a: b}\n", "labels: {a: b}\ndata:\n  mapRoles: |\n    - a\n"),
    "flow": ("data: {mapUsers: '[]'}\n", "data: {mapUsers: '[]', mapRoles: \"- a\\n\"}\n"),
    "flow with quotes": ('data: {"mapUsers":"[]"}\n', 'data: {"mapUsers":"[]","mapRoles":"- a\\n"}\n'),
}


@pytest.mark.parametrize("form", NEW_KEYS)
def test_a_missing_key_becomes_the_last_of_data(form: str) -> None:
    before, expected = NEW_KEYS[form]
    metadata = "metadata:\n  name: aws-auth\n"
    assert changed(metadata + before, mapRoles="- a\n") == metadata + expected


def test_a_new_key_in_one_line_is_quoted_and_a_strange_name_too() -> None:
    assert changed(f"{HEAD}data:\n  a: b\n", yes="[]") == f"{HEAD}data:\n  a: b\n  \"yes\": '[]'\n"


@pytest.mark.parametrize("indent", [None, 1, 2, 4, "\t"])
@pytest.mark.parametrize("data", [None, {}, {"mapUsers": "[]"}, {"mapUsers": "[]", "mapRoles": "[]"}])
def test_json_is_laid_out_as_before(indent: int | str | None, data: dict[str, str] | None) -> None:
    document = {"kind": "ConfigMap", "metadata": {"name": "aws-auth"}, "data": data}
    new = changed(json.dumps(document, indent=indent), mapRoles=ROLE)
    assert new == json.dumps({**document, "data": {**(data or {}), "mapRoles": ROLE}}, indent=indent)


def test_json_without_data_gets_one() -> None:
    text = '{\n  "kind": "ConfigMap",\n  "metadata": {"name": "aws-auth"}\n}\n'
    new = changed(text, mapRoles="- a\n")
    assert new == text.replace('"}\n}', '"},\n  "data": {\n    "mapRoles": "- a\\n"\n  }\n}')


def test_json_escapes_that_yaml_does_not_know_are_read_and_kept() -> None:
    text = '{"metadata":{"name":"aws-auth"},"kind":"ConfigMap","data":{"mapRoles":"# \\ud83d\\ude00 \\/ \\u003c\\n"}}'
    assert Manifest.parse(text).data == {"mapRoles": "# \U0001f600 / <\n"}
    assert changed(text, mapRoles="# \U0001f600 / <\n- a\n") == text.replace('\\n"', '\\n- a\\n"')


def test_half_a_surrogate_pair_in_json_is_read_as_go_reads_it() -> None:
    text = '{"metadata":{"name":"aws-auth"},"kind":"ConfigMap","data":{"mapRoles":"\\ud83d"}}'
    assert Manifest.parse(text).data == {"mapRoles": "\ufffd"}


def test_a_config_map_in_a_list_is_found_and_edited_there() -> None:
    text = "kind: List\nitems:\n- kind: Secret\n- kind: ConfigMap\n  metadata: {name: aws-auth}\n  data:\n    mapRoles: |\n     - a\n"
    assert changed(text, mapRoles="- a\n- b\n") == text + "     - b\n"


def test_the_real_one_is_preferred_to_a_fragment_and_to_another_name() -> None:
    other = "kind: ConfigMap\nmetadata: {name: copy}\ndata: {mapRoles: '[1]'}\n"
    fragment = "data: {mapRoles: '[2]'}\n"
    real = "kind: ConfigMap\nmetadata: {name: aws-auth, namespace: kube-system}\ndata: {mapRoles: '[3]'}\n"
    assert Manifest.parse(f"{other}---\n{fragment}---\n{real}").data == {"mapRoles": "[3]"}
    assert Manifest.parse(f"{other}---\n{fragment}").data == {"mapRoles": "[2]"}
    assert Manifest.parse(other).data == {"mapRoles": "[1]"}


def test_fragments_without_data_are_edited_in_place() -> None:
    assert changed("mapRoles: |\n  - a\n", mapUsers="- b\n") == "mapRoles: |\n  - a\nmapUsers: |\n  - b\n"


def test_of_data_twice_the_last_counts_and_is_edited() -> None:
    text = "data:\n  mapUsers: '[1]'\n" + HEAD + "data:\n  mapUsers: '[2]'\n"
    assert Manifest.parse(text).data == {"mapUsers": "[2]"}
    assert changed(text, mapUsers="[3]") == text.replace("[2]", "[3]")


def test_the_case_of_data_keys_matters() -> None:
    text = HEAD + "data:\n  maproles: |\n    - a\n"
    assert changed(text, mapRoles="- b\n") == text + "  mapRoles: |\n    - b\n"


def test_a_file_without_final_line_break_stays_so_and_is_read_as_if_it_had_one() -> None:
    text = HEAD + "data:\n  mapRoles: |\n    - a"
    assert Manifest.parse(text).data == {"mapRoles": "- a\n"}
    assert changed(text, mapRoles="- a\n- b\n") == text + "\n    - b"
    assert changed(text, mapUsers="- b\n") == text + "\n  mapUsers: |\n    - b"


def test_crlf_is_used_for_new_lines_too() -> None:
    text = (HEAD + "data:\n  mapRoles: |\n    - a\n").replace("\n", "\r\n")
    assert changed(text, mapRoles="- a\n- b\n") == text + "    - b\r\n"
    assert changed(text[:-2], mapRoles="- a\n- b\n") == text + "    - b"


@pytest.mark.parametrize("above", ["\n", "\r\n"])
@pytest.mark.parametrize("inside", ["\n", "\r\n"])
@pytest.mark.parametrize("below", ["\n", "\r\n"])
def test_a_line_keeps_its_end_whatever_those_of_others(above: str, inside: str, below: str) -> None:
    text = (HEAD + "data:\n  mapRoles: |\n").replace("\n", above) + f"    - a{inside}    - b{inside}  x: v{below}"
    assert changed(text, mapRoles="- a\n- c\n") == text.replace("- b", "- c")
    assert changed(text, mapRoles="- a\n- b\n- c\n") == text.replace(f"- b{inside}", f"- b{inside}    - c{inside}")


def test_lines_between_two_edits_keep_their_bytes() -> None:
    lines = [f"    - {number}  " for number in range(9)]
    text = HEAD + "data:\n  mapRoles: |\n" + "\n".join([*lines[:4], "   ", *lines[4:]]) + "\n"
    value = Manifest.parse(text).data["mapRoles"]
    new = changed(text, mapRoles="- first\n" + value.replace("- 8  ", "- last"))
    assert new == text.replace("    - 0  ", "    - first\n    - 0  ").replace("    - 8  ", "    - last")


def test_a_key_that_is_not_wanted_is_taken_out_with_its_lines() -> None:
    text = HEAD + "data:\n  mapUsers: |\n    - a\n  # about roles\n  mapRoles: '[]'\n"
    assert Manifest.parse(text).with_data({"mapRoles": "[]"}) == text.replace("  mapUsers: |\n    - a\n", "")
    assert Manifest.parse(text).with_data({}) == HEAD + "data:\n  # about roles\n"
    flow = HEAD + "data: {a: b, mapUsers: c, d: e}\n"
    assert Manifest.parse(flow).with_data({"a": "b", "d": "e"}) == flow.replace(", mapUsers: c", "")
    assert Manifest.parse(flow).with_data({"mapUsers": "c", "d": "e"}) == flow.replace("a: b, ", "")


def test_an_alias_as_value_is_read() -> None:
    text = HEAD.replace("aws-auth", "&n aws-auth") + "data:\n  mapRoles: *n\n"
    assert Manifest.parse(text).data == {"mapRoles": "aws-auth"}


@pytest.mark.parametrize("encoding", Encoding)
def test_bytes_of_every_encoding_come_back(encoding: Encoding) -> None:
    text = "data: {mapRoles: \U0001f600}\r\n"
    raw = encoding.encode(text)
    assert decode_manifest(raw) == (text, encoding)
    assert raw.startswith(encoding.mark)


def test_a_byte_order_mark_left_in_the_text_is_not_counted_as_indentation() -> None:
    assert changed("\ufeffmapRoles: |\n  - a\n", mapUsers="- b\n") == "\ufeffmapRoles: |\n  - a\nmapUsers: |\n  - b\n"
