"""Scalars: the authenticator reads back what was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsauth.core.goyaml.scalars import WORDS, write_scalar
from tests.support.documents.scalars import PIECES, STYLES, is_writable

if TYPE_CHECKING:
    from tests.support.authenticator.authenticator import Authenticator


def test_the_authenticator_reads_back(authenticator: Authenticator) -> None:
    """Every text of one or two hostile pieces, in every style, in block and flow entries."""
    texts = [text for one in PIECES for two in ("", *PIECES) if is_writable(text := one + two)]
    texts += [word for word in (*WORDS, "0E_0", "1e_5", "0_x1F", "+_1") if is_writable(word)]
    documents = []
    for text in texts:
        block, flow = ([write_scalar(text, style, flow=flow) for style in STYLES] for flow in (False, True))
        groups = "".join(f"  - {written}\n" for written in block)
        entries = f"- rolearn: x\n  username: {block[0]}\n  groups:\n{groups}"
        entries += f"- {{rolearn: x, username: {flow[0]}, groups: [{', '.join(flow)}]}}\n"
        documents.append({"mapRoles": entries})
    for text, answer in zip(texts, authenticator.parse_many(documents), strict=True):
        assert answer["error"] == ""
        assert [role["username"] for role in answer["roles"]] == [text, text]
        assert [role["groups"] for role in answer["roles"]] == [[text] * 3, [text] * 3]
