"""The parts of docs/reference that are made from the code."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Final, NamedTuple

import click
import yaml

import awsauth
from awsauth import errors
from awsauth.cli.command import MEANINGS, AwsAuthCommand, code_of
from awsauth.cli.invocation import VARIABLES
from awsauth.core.document.document import Document
from awsauth.core.findings import Severity
from awsauth.core.lint.lint import lint
from awsauth.core.lint.rules import RULES, Rule
from awsauth.core.manifest.manifest import Manifest
from tests.support.command_line import commands, run
from tests.support.rule_examples import examples_of, texts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.findings import Finding


class Reported(NamedTuple):
    """A finding of the parsers: what it finds, and data, or a manifest, in which they find it."""

    title: str
    example: str
    severity: Severity = Severity.ERROR

    def finding(self, code: str) -> Finding:
        document = yaml.safe_load(self.example)
        is_manifest = "kind" in document
        found = Manifest.parse(f"{self.example}\n").findings if is_manifest else Document(document).problems
        return next(finding for finding in found if finding.code == code)


_ENTRY: Final = "- rolearn: arn:aws:iam::111122223333:role/ci"
_MANIFEST: Final = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: aws-auth\n"

READER: Final = {
    "entry-dropped": Reported(
        "an entry that the authenticator drops, such as one without an ARN",
        "mapRoles: |\n  - username: ci\n    groups: [builders]",
    ),
    "no-namespace": Reported(
        "a manifest without a namespace: applied as it is, it may go to another one",
        f"{_MANIFEST}data:\n  mapRoles: |\n    {_ENTRY}",
        Severity.WARNING,
    ),
    "not-a-list": Reported(
        "a data key without a list: the authenticator drops the whole key",
        f"mapRoles: |\n  {_ENTRY[2:]}\n  username: ci",
    ),
    "repeated-data-key": Reported(
        "a key that appears twice in a manifest: the first one does not count",
        f'{_MANIFEST}  namespace: kube-system\ndata:\n  mapRoles: |\n    {_ENTRY}\ndata:\n  mapAccounts: |\n    - "012345678901"',
    ),
    "unread-object": Reported(
        "a manifest of an object that the authenticator does not read: another namespace, name or `apiVersion`",
        f"{_MANIFEST}  namespace: default\ndata:\n  mapRoles: |\n    {_ENTRY}",
    ),
    "unreadable": Reported(
        "YAML that the authenticator cannot parse: it drops the whole data key",
        f"mapRoles: |\n  {_ENTRY}\n    username: {{{{SessionName}}}}",
    ),
    "untrusted": Reported(
        "YAML that awsauth cannot judge: the authenticator may read it in another way",
        f"mapRoles: |\n  {_ENTRY}\n    username: !!timestamp 2026-01-01",
    ),
    "wrong-type": Reported(
        "a value that is not text in YAML 1.1, such as `yes` or `012`: the authenticator drops it",
        f"mapRoles: |\n  {_ENTRY}\n    username: yes",
    ),
}
"""The findings of the parsers, which are in no registry."""
_RANKS: Final = list(Severity)
_PLURALS: Final = {Severity.ERROR: "Errors", Severity.WARNING: "Warnings", Severity.NOTE: "Notes"}


def rules_table() -> str:
    rows = [
        (rule.severity, code, f"{rule.title}{' (has a fix)' if rule.has_fix else ''}") for code, rule in RULES.items()
    ]
    rows += [(reported.severity, code, reported.title) for code, reported in READER.items()]
    rows.sort(key=lambda row: (_RANKS.index(row[0]), row[1]))
    lines = [f"| [`{code}`](#{code}) | {severity.value} | {title} |" for severity, code, title in rows]
    return "\n".join(["| code | severity | finds |", "|---|---|---|", *lines])


def parser_findings() -> str:
    return "\n\n".join(
        f"### {code} {{ #{code} }}\n\n{_sentence(reported.title)}\n\n"
        f"```yaml\n{reported.example}\n```\n\n> {reported.finding(code)}"
        for code, reported in sorted(READER.items())
    )


def rules() -> str:
    parts = []
    for severity in Severity:
        found = sorted((rule for rule in RULES.values() if rule.severity is severity), key=lambda rule: rule.code)
        parts += [f"## {_PLURALS[severity]}", *(_rule(rule) for rule in found)]
    return "\n\n".join(parts)


def _rule(rule: Rule) -> str:
    rationale = " ".join((inspect.getdoc(rule.find) or "").partition("Fires::")[0].split()).replace("``", "`")
    example, _ = examples_of(rule)
    findings = [finding for finding in lint(example.document, example.policy) if finding.code == rule.code]
    fires, silent = texts_of(rule)
    return "\n\n".join(
        [
            f"### {rule.code} {{ #{rule.code} }}",
            f"{_sentence(rule.title)}\n{'`fixes` and `check --fix` correct it.' if rule.has_fix else ''}".strip(),
            rationale,
            f"```yaml\n{fires}\n```",
            "\n".join(f"> {finding}" for finding in findings[:1]),
            "Not reported:",
            f"```yaml\n{silent}\n```",
        ]
    )


def _sentence(title: str) -> str:
    return f"{title[0].upper()}{title[1:]}."


def commands_table() -> str:
    rows = []
    for words, command in commands():
        if not isinstance(command, AwsAuthCommand) or words == ("completion",):
            continue
        positional = [
            parameter.make_metavar(click.Context(command))
            for parameter in command.params
            if isinstance(parameter, click.Argument)
        ]
        name = "remove --username NAME" if words == ("remove", "username") else " ".join([*words, *positional])
        does = (command.help or "").partition("\n")[0]
        cells = [f"[`awsauth {name}`](#{_anchor(words)})", does, f"`{command.library}`"]
        rows.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(["| command | does | in Python |", "|---|---|---|", *rows])


def command_helps() -> str:
    parts = []
    for words, command in commands():
        if isinstance(command, AwsAuthCommand):
            shown = run(*words, "--help", env={"COLUMNS": "100"}).out
            own = shown.partition("\nConnection:")[0].rstrip()
            parts.append(f"### awsauth {' '.join(words)} {{ #{_anchor(words)} }}\n\n```text\n{own}\n```")
    return "\n\n".join(parts)


def _anchor(words: tuple[str, ...]) -> str:
    return "-".join(["awsauth", *words])


def exit_codes() -> str:
    return "\n".join(
        ["| exit code | meaning |", "|---|---|", *(f"| {code} | {text} |" for code, text in MEANINGS.items())]
    )


def variables() -> str:
    rows = [
        f"| `{one.option} {one.metavar}` | `{one.environment}` | `{one.argument}` | {one.help} |" for one in VARIABLES
    ]
    return "\n".join(["| option | variable | in Python | meaning |", "|---|---|---|---|", *rows])


def errors_list() -> str:
    return "\n\n".join(_error(kind, 3) for kind in _tree(errors.AwsAuthError))


def _tree(kind: type[errors.AwsAuthError]) -> Iterator[type[errors.AwsAuthError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__bases__[0] is kind and child.__name__ in awsauth.__all__:
            yield from _tree(child)


def _error(kind: type[errors.AwsAuthError], level: int) -> str:
    bases = [base.__name__ for base in kind.__bases__ if base is not Exception]
    text = (inspect.getdoc(kind) or "").partition("\n\nAttributes:")[0].replace("``", "`")
    facts = [
        f"Derived from {' and '.join(f'`{base}`' for base in bases)}." if bases else "",
        f"Exit code {code_of(kind('It failed.'))}.",
    ]
    return f"{'#' * level} {kind.__name__} {{ #{kind.__name__} }}\n\n{text}\n\n{' '.join(filter(None, facts))}"
