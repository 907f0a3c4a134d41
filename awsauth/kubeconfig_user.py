"""Where the credentials of a kubeconfig's user come from: a program, a file, or the tokens that are signed here."""

from __future__ import annotations

import os
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from awsauth.kube.credentials import TokenFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.aws.token import TokenSource
    from awsauth.kube.credentials import BearerTokens
    from awsauth.kube.kubeconfig import Destination


def tokens_of(destination: Destination) -> BearerTokens | None:
    """Return where the user's tokens come from, for those that are renewed."""
    if isinstance(destination.user.get("tokenFile"), str):
        return TokenFile(destination.user["tokenFile"])
    stanza = _exec(destination)
    if stanza is None:
        return None
    from awsauth.kube.exec_plugin import ExecPlugin

    return ExecPlugin(stanza, destination.folder, destination.cluster)


def _exec(destination: Destination) -> Mapping[str, Any] | None:
    """Return what says which program gives the user's credentials; None where nothing does, or something else wins."""
    user = destination.user
    stanza = user.get("exec")
    is_used = isinstance(stanza, dict) and not user.get("token") and not isinstance(user.get("tokenFile"), str)
    return stanza if is_used else None


def signed_here(destination: Destination) -> TokenSource | None:
    """Return the tokens that the AWS CLI, or the authenticator, would be started for; None for any other program."""
    stanza = _exec(destination)
    if stanza is None:
        return None
    from awsauth.aws.kubeconfig_exec import recognised

    identity = recognised(stanza, os.environ)
    if identity is None:
        return None
    from awsauth.aws.session import AwsSession
    from awsauth.aws.token import TokenSource

    session = AwsSession(profile=identity.profile, region=identity.region)
    return TokenSource(
        session,
        identity.cluster_id,
        region=session.region,
        role_arn=identity.role_arn,
        session_name=identity.session_name,
    )


def without_exec(destination: Destination, tokens: BearerTokens | None) -> Mapping[str, Any]:
    """Return the user with the credentials themselves in place of the program or the file that they come from.

    The kubernetes client's own loader goes on without any when the program fails: as nobody, and to no avail.
    """
    if tokens is None:
        return destination.user
    kept = {key: value for key, value in destination.user.items() if key not in {"exec", "tokenFile", "token"}}
    token = tokens.token()
    if token.value:
        return {**kept, "token": token.value}
    from awsauth.kube.exec_plugin import ExecCredential

    assert isinstance(token, ExecCredential)  # noqa: S101 - nothing else has a certificate in place of a token
    pair = {"client-certificate-data": token.certificate, "client-key-data": token.key}
    return {**kept, **{key: b64encode(text.encode()).decode() for key, text in pair.items()}}
