"""Where the credentials of a kubeconfig's user come from: a program, a file, or the tokens that are signed here."""

from __future__ import annotations

import os
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final

from awsauth.kube.credentials import TokenFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.aws.token import TokenSource
    from awsauth.kube.credentials import BearerTokens
    from awsauth.kube.kubeconfig import Destination

_WINS: Final = frozenset(("token", "tokenFile", "client-certificate", "client-certificate-data", "username"))
"""What of a user wins over a program: ``k8s.io/client-go`` ``plugin/pkg/client/auth/exec`` (``UpdateTransportConfig``)."""


def tokens_of(destination: Destination, seconds: float) -> BearerTokens | None:
    """Return where the user's tokens come from, for those that are renewed; a program for them may run so long."""
    user = destination.user
    if isinstance(user.get("tokenFile"), str):
        return TokenFile(user["tokenFile"], user["token"] if isinstance(user.get("token"), str) else "")
    stanza = _exec(destination)
    if stanza is None:
        return None
    from awsauth.kube.exec_plugin import ExecPlugin

    return ExecPlugin(stanza, destination.folder, destination.cluster, seconds)


def _exec(destination: Destination) -> Mapping[str, Any] | None:
    """Return what says which program gives the user's credentials; None where nothing does, or something else wins."""
    stanza = destination.user.get("exec")
    return stanza if isinstance(stanza, dict) and _WINS.isdisjoint(destination.user) else None


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

    When the program fails, the kubernetes client's own loader goes on without credentials, and the server refuses that.
    """
    if tokens is None:
        # The kubernetes client's loader would run a program over which something else wins.
        loses = not _WINS.isdisjoint(destination.user)
        return {key: value for key, value in destination.user.items() if key != "exec" or not loses}
    user = {key: value for key, value in destination.user.items() if key not in {"exec", "tokenFile", "token"}}
    token = tokens.token()
    if token.value:
        user["token"] = token.value
    for name in ("certificate", "key"):  # which a program may hand out, too
        if pem := getattr(token, name, ""):
            user[f"client-{name}-data"] = b64encode(pem.encode()).decode()
    return user
