"""Manifest files that are refused: every error says what, where, and what to do."""

from __future__ import annotations

import pytest

from awsauth.core.document.document import MAX_BYTES
from awsauth.core.manifest.manifest import Manifest
from awsauth.core.manifest.source import Encoding, decode_manifest
from awsauth.errors import ManifestError
from tests.support.bounded import bounded

HEAD = "kind: ConfigMap\nmetadata:\n  name: aws-auth\n"


def reading_error(text: str) -> ManifestError:
    with pytest.raises(ManifestError) as caught:
        Manifest.parse(text)
    assert caught.value.message.endswith(".")
    return caught.value


def editing_error(text: str, **data: str) -> ManifestError:
    manifest = Manifest.parse(text)
    with pytest.raises(ManifestError) as caught:
        manifest.with_data({**manifest.data, **data})
    assert caught.value.message.endswith(".")
    assert caught.value.hint
    return caught.value


def test_a_list_in_place_of_a_text_names_its_line_and_the_cure() -> None:
    error = reading_error(HEAD + "data:\n  mapRoles:\n  - rolearn: a\n")
    assert str(error) == (
        "line 6: `mapRoles` is a list, and the API server accepts only text.\n"
        "Put `|` behind the key, and the list indented below it. Then try again."
    )


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("[]", "a list"),
        ("{a: b}", "a mapping"),
        ("12", "a number"),
        ("0o17", "a number"),
        ("yes", "a truth value"),
        (".inf", "a number"),
        ("!!binary aGk=", "a tag of its own"),
    ],
)
@pytest.mark.parametrize("key", ["mapRoles", "anything"])
def test_what_is_no_text_in_yaml_1_1_is_refused_as_the_api_server_does(key: str, value: str, named: str) -> None:
    error = reading_error(f"{HEAD}data:\n  mapUsers: '[]'\n  {key}: {value}\n")
    assert named in error.message
    assert f"`{key}`" in error.message
    assert error.location == "line 6"


def test_null_and_dates_are_text_to_the_api_server() -> None:
    manifest = Manifest.parse(HEAD + "data:\n  a: ~\n  b:\n  c: 2001-01-01\n  d: !text 12\n")
    assert manifest.data == {"a": "", "b": "", "c": "2001-01-01", "d": "12"}


@pytest.mark.parametrize("data", ["text", "[]", "12", "{1.5: a}", "{yes: a}", "{[a]: b}", "{<<: {a: b}}"])
def test_data_that_is_no_mapping_of_texts_is_refused(data: str) -> None:
    assert reading_error(f"{HEAD}data: {data}\n").location == "line 4"


def test_a_merge_key_is_refused_rather_than_read_wrongly() -> None:
    error = reading_error("base: &b {kind: x}\nmetadata: {name: aws-auth}\nkind: ConfigMap\n<<: *b\n")
    assert "`<<`" in error.message
    assert error.location == "line 4"


def test_two_candidates_are_named_by_their_lines() -> None:
    error = reading_error(f"# first\n{HEAD}---\n{HEAD}")
    assert "2 objects" in error.message
    assert "lines 2 and 6" in error.message


def test_without_a_candidate_the_error_says_what_there_is_and_shows_the_smallest_manifest() -> None:
    error = reading_error("kind: Secret\nmetadata: {name: a\u202e, namespace: b}\n---\n[1]\n" + "---\n{}\n" * 9)
    assert "`Secret` `a\\u202e` in `b` (line 1), a sequence without a kind (line 4)" in error.message
    assert "6 more" in error.message
    smallest = error.hint.split("The smallest such file is:")[1]
    assert Manifest.parse(smallest).data == {"mapRoles": "[]\n"}


@pytest.mark.parametrize(
    "text", ["", "\n", "# only a comment\n", "---\n", "null\n", "\ufeff", "kind: List\nitems: []\n"]
)
def test_a_file_with_nothing_in_it_is_refused(text: str) -> None:
    assert "does not hold an aws-auth ConfigMap" in reading_error(text).message


@pytest.mark.parametrize(
    "other",
    [
        "kind: ConfigMap\nmetadata: {name: aws-auth, namespace: default}\n",
        "kind: ConfigMap\nmetadata: {name: other}\n",
        "maproles: a\n",
        "data: {maproles: a}\n",
    ],
)
def test_what_is_not_aws_auth_is_not_taken_for_it(other: str) -> None:
    assert "does not hold an aws-auth ConfigMap" in reading_error(other).message


def test_broken_yaml_names_line_and_column_and_a_known_mistake_its_cure() -> None:
    error = reading_error(HEAD + "data:\n  mapRoles: |\n  - rolearn: a\n    groups: b\n")
    assert "is not YAML" in error.message
    assert error.location == "line 6, column 3"
    assert "further than `mapRoles`" in error.hint


@pytest.mark.parametrize("character", ["\0", "\x1b", "\x85\x9b", "\ud800"])
def test_characters_that_yaml_does_not_allow_are_named_harmlessly(character: str) -> None:
    error = reading_error(f"{HEAD}# {character}\n")
    assert error.location == "line 4"
    assert character not in str(error)


@pytest.mark.parametrize(
    "line",
    [
        "{{- if .Values.create }}",
        "  name: {{ .Release.Name }}-x",
        "{% if create %}",
        "{{ toYaml .Values.auth | indent 2 }}",
    ],
)
def test_a_template_that_is_not_yaml_is_called_one(line: str) -> None:
    error = reading_error(f"{HEAD}{line}\ndata: {{}}\n")
    assert "template" in error.message
    assert error.location == "line 4"


def test_a_template_in_place_of_a_value_is_called_one() -> None:
    assert "is a template" in reading_error(HEAD + "data:\n  mapRoles: {{ .Values.roles }}\n").message


@pytest.mark.parametrize(
    ("raw", "location"),
    [
        (b"a: b\nc: \xff\xfe\n", ("Byte 8", "line 2")),
        (b"\xef\xbb\xbfa\n\xc3(", ("Byte 5", "line 2")),
        (Encoding.UTF16_LE.mark + "a\nb".encode("utf-16-le") + b"\x00", ("Byte 8", "line 2")),
        (Encoding.UTF16_BE.mark + b"\x00\n\xd8\x00\x00a", ("Byte 4", "line 2")),
        ("a\nb".encode("utf-16-le"), ("Byte 1", "line 1")),
    ],
)
def test_bytes_that_are_no_text_are_named_with_their_offset(raw: bytes, location: tuple[str, str]) -> None:
    with pytest.raises(ManifestError) as caught:
        decode_manifest(raw)
    assert location[0] in caught.value.message
    assert caught.value.location == location[1]
    assert caught.value.message.endswith(".")


@pytest.mark.parametrize("encoding", [*Encoding])
def test_line_ends_that_were_converted_twice_are_refused_since_kubectl_reads_one_where_yaml_reads_two(
    encoding: Encoding,
) -> None:
    raw = encoding.encode("data:\r\n  mapRoles: |\r\r\n    - a\r\r\n")
    with pytest.raises(ManifestError, match="The line ends in CR CR LF") as refused:
        decode_manifest(raw)
    assert refused.value.location == "line 2"


def test_half_a_surrogate_pair_cannot_be_written() -> None:
    with pytest.raises(ManifestError, match=r"line 2: The text holds half of a surrogate pair, U\+D800") as caught:
        Encoding.UTF8.encode("a\n\ud800")
    assert caught.value.message.endswith(".")


NOT_EDITED = {
    "folded": (">\n    a\n    b\n", "folded block"),
    "several lines in quotes": ("'a\n    b'\n", "several lines"),
    "several plain lines": ("a\n    b\n", "several lines"),
    "anchor": ("&x |\n    - a\n", "an anchor"),
    "tag": ("!!str |\n    - a\n", "a tag"),
    "alias": ("*n\n", "an alias"),
    "odd line break": ("|\n    - a\u2028    - b\n", "unusual line break"),
}


@pytest.mark.parametrize("form", NOT_EDITED)
def test_forms_that_cannot_be_edited_are_refused_with_their_line(form: str) -> None:
    value, named = NOT_EDITED[form]
    error = editing_error(
        f"# {form}\n{HEAD.replace('aws-auth', '&n aws-auth')}data:\n  mapRoles: {value}", mapRoles="- c\n"
    )
    assert named in error.message
    assert error.location in ("line 6", "line 7")


@pytest.mark.parametrize("form", NOT_EDITED)
def test_other_keys_beside_them_are_edited(form: str) -> None:
    text = f"{HEAD.replace('aws-auth', '&n aws-auth')}data:\n  mapRoles: {NOT_EDITED[form][0]}"
    manifest = Manifest.parse(text)
    assert manifest.with_data({**manifest.data, "mapUsers": "- a\n"}) == f"{text}  mapUsers: |\n    - a\n"


@pytest.mark.parametrize("data", ["&d\n  mapRoles: a\nother: *d\n", "*d\n"])
def test_data_that_is_shared_is_read_but_not_edited(data: str) -> None:
    text = f"x: &d {{mapRoles: a}}\n{HEAD}data: {data}"
    assert Manifest.parse(text).data == {"mapRoles": "a"}
    assert "anchor or an alias" in editing_error(text, mapRoles="b").message


@pytest.mark.parametrize("value", ["a\r\nb\n", "a\x85b\n", "\x1b\n", "\ufeffa\n", "a\n\ud800\n", "\u2028\n"])
def test_characters_that_a_literal_block_cannot_hold_are_refused(value: str) -> None:
    text = HEAD + "data:\n  mapRoles: |\n    - a\n"
    assert "a literal block cannot hold" in editing_error(text, mapRoles=value).message
    assert "a literal block cannot hold" in editing_error(text, mapUsers=value).message


def test_a_leading_space_in_a_block_too_deep_for_an_indicator_is_refused() -> None:
    text = HEAD + "data:\n  mapRoles: |\n" + " " * 12 + "- a\n"
    assert "begins with a space" in editing_error(text, mapRoles=" - a\n").message


TEMPLATED = """\
data:
  mapRoles: |
    - rolearn: ${role_arn}
      username: system:node:{{EC2PrivateDNSName}}
    # {{- if .Values.admins }}
    - rolearn: b
    # {{- end }}
    - rolearn: c
      groups: []
"""


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("- rolearn: ${role_arn}\n", "- rolearn: x\n", 3),
        ("- rolearn: b\n", "- rolearn: x\n", 5),
        ("- rolearn: b\n", "- rolearn: b\n  groups: []\n", 7),
        ("# {{- if", "- rolearn: x\n# {{- if", 5),
        ("{{- end }}\n", "{{- end }}\n- rolearn: x\n", 7),
        ("# {{- end }}\n", "", 7),
    ],
)
def test_an_edit_that_meets_a_template_is_refused_with_its_line(old: str, new: str, line: int) -> None:
    roles = Manifest.parse(TEMPLATED).data["mapRoles"]
    assert editing_error(TEMPLATED, mapRoles=roles.replace(old, new)).location == f"line {line}"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("${role_arn}\n", "${role_arn}\n  # a comment\n"),
        ("{{EC2PrivateDNSName}}\n", "{{SessionName}}\n"),
        ("groups: []\n", "groups: [a]\n- rolearn: d\n"),
    ],
)
def test_an_edit_that_meets_no_template_is_made(old: str, new: str) -> None:
    roles = Manifest.parse(TEMPLATED).data["mapRoles"]
    new_text = Manifest.parse(TEMPLATED).with_data({"mapRoles": roles.replace(old, new)})
    assert new_text == TEMPLATED.replace(old, new.replace("\n  # ", "\n      # ").replace("\n- ", "\n    - "))


@pytest.mark.parametrize(
    "text", ["data: {{mapRoles: {0}}}\n", "data:\n  mapRoles: {0}\n", '{{"data": {{"mapRoles": {0}}}}}']
)
def test_a_template_in_quotes_stays_while_the_rest_is_edited(text: str) -> None:
    text = text.format('"[${one}, ${two}]"')
    manifest = Manifest.parse(text)
    assert manifest.with_data({"mapRoles": "[${one}, x, ${two}]"}) == text.replace(", $", ", x, $")
    for wanted in ("[${one}]", "[${ones}, ${two}]", "[]"):
        assert "the template `${" in editing_error(text, mapRoles=wanted).message


def test_an_unclosed_template_block_reaches_to_the_end() -> None:
    text = "# {% if x %}\ndata:\n  mapRoles: |\n    - a\n"
    assert "in the template block" in editing_error(text, mapRoles="- a\n- b\n").message
    assert "in the template block" in editing_error(text, mapUsers="- b\n").message


def test_a_key_that_shares_its_line_is_not_taken_out() -> None:
    manifest = Manifest.parse("? data\n: mapRoles: a\n  mapUsers: b\n")
    with pytest.raises(ManifestError, match="shares its line"):
        manifest.with_data({"mapUsers": "b"})


def test_a_result_that_would_say_something_else_is_never_given() -> None:
    # What follows an explicit key is indented from another column than what follows a plain one.
    error = editing_error("data:\n  ? mapRoles\n  : a\n", mapRoles="  - a\n")
    assert "would change other text" in error.message
    assert error.location == "line 2"


BIG = 2 * 2**20
LARGEST = MAX_BYTES
HOSTILE = {
    "nested brackets": "data:\n  mapRoles: " + "[" * 10_000 + "]" * 10_000,
    "nested objects": '{"a":' * 10_000 + "1" + "}" * 10_000,
    "unclosed objects": '{"a":' * 10_000,
    "nested lists": "- " * 10_000 + "a",
    "braces": "{" * BIG,
    "template openings": "a: |\n  " + "{{" * (BIG // 2),
    "line breaks": "\n" * BIG,
    "quotes": '{"' * (BIG // 2),
    "backslashes": '{"' + "\\" * BIG,
}


@pytest.mark.parametrize("form", HOSTILE)
def test_hostile_files_are_refused_in_bounded_time(form: str) -> None:
    with bounded():
        reading_error(HOSTILE[form])


def test_an_alias_bomb_around_the_data_costs_nothing() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    text = bomb + HEAD + "data:\n  mapRoles: |\n    - a\n"
    with bounded():
        assert Manifest.parse(text).with_data({"mapRoles": "- a\n- b\n"}) == text + "    - b\n"


@pytest.mark.parametrize(
    "value",
    ["- a\n" * (LARGEST // 4), "x" * LARGEST, " " * LARGEST, "{{SessionName}}\n" * (LARGEST // 16)],
    ids=["entries", "letters", "blanks", "templates"],
)
@pytest.mark.parametrize("form", ["literal", "json", "double"])
def test_the_largest_value_is_edited_in_bounded_time(value: str, form: str) -> None:
    empty = (
        '{"data": {"mapRoles": ""}}' if form == "json" else 'data:\n  mapRoles: "a\\n"\n' if form == "double" else HEAD
    )
    with bounded():
        full = Manifest.parse(empty).with_data({"mapRoles": value})
        edited = Manifest.parse(full).with_data({"mapRoles": "- first\n" + value + "- last\n"})
        assert Manifest.parse(edited).data["mapRoles"] == "- first\n" + value + "- last\n"


@pytest.mark.parametrize(
    "text",
    [
        "&a\nkind: List\nitems:\n- *a\n",
        "kind: List\nitems:\n- &a0 {kind: List, items: []}\n"
        + "".join(f"- &a{n + 1} {{kind: List, items: [{', '.join([f'*a{n}'] * 10)}]}}\n" for n in range(9)),
    ],
)
def test_lists_that_lead_to_themselves_end(text: str) -> None:
    """Each List is opened once, however many aliases lead to it."""
    with pytest.raises(ManifestError, match="does not hold an aws-auth"):
        Manifest.parse(text)


ITEMS = "iamIdentityMappings:\n- arn: arn:aws:iam::111122223333:role/ci\n  username: ci\n"


@pytest.mark.parametrize(("text", "line", "named"), [
    ("apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\nmetadata: {name: dev, region: eu-west-1}\n" + ITEMS,
     1, 'cluster="dev" and region="eu-west-1"'),
    ("---\n# later\n---\napiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\nmetadata:\n  name: dev\n", 4, 'cluster="dev"'),
    ('{"apiVersion": "eksctl.io/v1alpha5", "kind": "ClusterConfig", "metadata": {"name": "a b"}}', 1, "the cluster"),
    ("apiVersion: v1\nkind: Service\n---\n" + ITEMS, 4, "the cluster"),
])  # fmt: skip
def test_a_configuration_of_eksctl_is_called_one_and_its_cluster_is_named(text: str, line: int, named: str) -> None:
    error = reading_error(text)
    assert error.message.startswith("This is a configuration of eksctl, which does not hold aws-auth.")
    assert (error.location, error.hint) == (f"line {line}", f"Pass {named} instead of a file.")


def test_a_manifest_in_one_file_with_a_configuration_of_eksctl_is_found() -> None:
    assert Manifest.parse(f"{ITEMS}---\n{HEAD}data:\n  mapRoles: '[]'\n").data == {"mapRoles": "[]"}
