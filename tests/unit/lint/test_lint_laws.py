"""Laws of lint: it has something to say about any text, and its cures give nobody more than the text says."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import assume, example, given, strategies as st

from awsauth.core.access.matching import Access
from awsauth.core.arn import canonical_role
from awsauth.core.document.document import Document
from awsauth.core.document.model import KEYS
from awsauth.core.edit.changes import Deduplicate, RenamePrincipal, Repair
from awsauth.core.edit.merge import merge
from awsauth.core.findings import Severity
from awsauth.core.lint.lint import fixes, lint
from awsauth.core.lint.policy import Policy
from awsauth.core.lint.rules import RULES
from tests.support.documents import generated, strategies
from tests.support.documents.mutations import mutated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    import pytest

    from awsauth.core.edit.changes import Change

_PRINCIPAL = re.compile(r":(role|user)/")
_SPOILT = (
    ":{}/", ":{}/team/", ":{}/other/team/", ":{}/\u200b", ":assumed-{}/", ":instance-profile/", ":{}/*", ":{}/<x>",
)  # fmt: skip


def spoilt(random: Random) -> dict[str, str]:
    """Make the data of a ConfigMap in which some ARNs are such as people write, and nobody can have."""
    data = generated.data(random)
    return {key: _PRINCIPAL.sub(lambda match: _spoil(random, match[1]), text) for key, text in data.items()}


def _spoil(random: Random, kind: str) -> str:
    return random.choice(_SPOILT if random.random() < 0.5 else _SPOILT[:1]).format(kind)


def broken(random: Random) -> dict[str, str]:
    """Make data in which the texts have had a few things done to them."""
    data = spoilt(random)
    return {key: mutated(random, [text]) for key, text in data.items()}


DOCUMENTS = st.one_of(strategies.randoms.map(spoilt), strategies.randoms.map(broken)).map(Document)
POLICY = Policy(
    accounts=["111122223333"],
    partitions=["aws"],
    forbidden_groups=["v*"],
    required_groups=["view"],
    username_prefixes=["a", "system:"],
    most_administrators=1,
    administrators=["*admin*"],
)


@example(Document({"mapRoles": "- rolearn: ''\n- username: ci\n"}), None)
@example(Document({"mapUsers": "- &base\n- userarn: arn:aws:iam::111122223333:user/ci\n- username: ci\n"}), None)
@given(DOCUMENTS, st.sampled_from([None, POLICY]))
@example(Document({"mapRoles": "- :roleARN: arn:aws:iam::111122223333:role/\u200badmin\n  username: ci\n"}), None)
def test_lint_has_an_answer_to_any_document(document: Document, policy: Policy | None) -> None:
    """Law: it never raises, keeps what the reader says, and every place is in the text."""
    findings = lint(document, policy)
    assert Counter(document.problems) <= Counter(findings)
    assert set(document.problems) == {finding for finding in findings if finding.code not in RULES}
    for finding in findings:
        if finding.location is not None:
            lines = document.data[finding.location.key].split("\n")
            assert lines[finding.location.line - 1][finding.location.column - 1 :].startswith(finding.location.text)
        assert all(c.isprintable() or unicodedata.category(c) == "Zs" for c in str(finding))


@given(DOCUMENTS)
def test_no_finding_comes_twice(document: Document) -> None:
    """Law: nothing is said twice of one place; one entry that counts for several, as by an alias, aside."""
    findings = lint(document)
    if not any("*" in text for text in document.data.values()):
        assert len(set(findings)) == len(findings)


@given(DOCUMENTS)
def test_a_policy_adds_findings_of_its_own_only(document: Document) -> None:
    """Law: but for how many administrators there may be, which only one of the two rules tells."""
    without = [finding for finding in lint(document) if finding.code != "many-masters"]
    held = [finding for finding in lint(document, POLICY) if not finding.code.startswith("policy-")]
    assert held == without


@given(DOCUMENTS)
def test_cures_make_nothing_worse_and_are_done_at_once(document: Document) -> None:
    """Law: no new error, and a second time there is nothing to cure."""
    changes = fixes(document)
    after = merge(document, changes)
    assert fixes(after) == ()
    assert merge(after, changes) == after
    assume(not any(isinstance(change, Repair) for change in changes))  # what was not read has faults of its own
    errors = [_errors(each) for each in (document, after)]
    assert errors[1] <= errors[0]


def _errors(document: Document) -> int:
    return sum(finding.severity is Severity.ERROR for finding in lint(document))


@given(DOCUMENTS)
def test_cures_change_what_is_given_to_the_principals_concerned_only(document: Document) -> None:
    """Law: what the authenticator reads is the same but for ARNs that nobody could have, which are written as they are."""
    document = merge(document, [change for change in fixes(document) if isinstance(change, Repair)])
    changes = [change for change in fixes(document) if not isinstance(change, Repair)]
    after = merge(document, changes)
    renamed = {
        change.principal_arn.lower(): change.new_arn.lower()
        for change in changes
        if isinstance(change, RenamePrincipal)
    }
    assert all(isinstance(change, (RenamePrincipal, Deduplicate)) for change in changes)
    assert _given(after, {}) == _given(document, renamed)
    assert set(after.accounts) == set(document.accounts)
    for new in renamed.values():
        assert ":user/" in new or canonical_role(new) == new


def _given(document: Document, renamed: dict[str, str]) -> dict[str, set[tuple[str, tuple[str, ...]]]]:
    """Return the usernames and groups that each principal gets, under the names they will have."""
    return {
        renamed.get(arn, arn): {(mapped.username, mapped.groups) for mapped in outcomes}
        for arn, outcomes in Access.of(document).by_principal.items()
    }


@given(DOCUMENTS)
def test_cures_touch_no_text_without_a_cure(document: Document) -> None:
    changes = fixes(document)
    after = merge(document, changes)
    cured = {finding.location.key for finding in lint(document) if finding.fix and finding.location}
    assert all(after.data[key] == document.data[key] for key in document.data if key not in cured)
    assert bool(changes) <= bool(cured & set(KEYS))


def test_the_text_is_merged_a_bounded_number_of_times_however_many_fixes_it_does_not_allow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    merged: list[int] = []

    def counted(document: Document, changes: Sequence[Change]) -> Document:
        merged.append(len(changes))
        return merge(document, changes)

    monkeypatch.setattr("awsauth.core.edit.merge.merge", counted)
    entry = "- rolearn: !!str arn:aws:iam::111122223333:role/team/{}\n  username: x\n"
    document = Document({"mapRoles": "".join(map(entry.format, range(500)))})
    assert not any(finding.fix for finding in lint(document))
    assert len(merged) <= 64
