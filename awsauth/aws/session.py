"""AWS credentials, region and clients, and the metadata of an EC2 instance."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, cast

from awsauth.aws.errors import CREDENTIAL_SOURCES, login_command, translate_errors
from awsauth.core.edit.validation import check_texts
from awsauth.core.text.display import quoted, quoted_value
from awsauth.errors import AwsServiceError, CredentialsError, UsageError
from awsauth.system.debug_log import log_debug

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import boto3
    import botocore.session
    from botocore.configprovider import ConfigValueStore
    from botocore.credentials import CredentialResolver, Credentials
    from typing_extensions import Self

_ADDRESSES: Final = {"ipv4": "http://169.254.169.254", "ipv6": "http://[fd00:ec2::254]"}


class AwsSession:
    """Credentials, region and clients, each made when first needed.

    Threads may share a session.

    Args:
        profile: A profile of the AWS configuration files; credentials in the environment are then ignored.
        region: Overrides the region of the environment or profile.
        session: A boto3 session to use instead.

    Raises:
        UsageError: an argument is empty, contradicts another, or is not a session.
    """

    def __init__(
        self, *, profile: str | None = None, region: str | None = None, session: boto3.Session | None = None
    ) -> None:
        check_texts(profile=profile, region=region)
        if session is not None and profile is not None:
            message = "`session` cannot be combined with `profile`."
            raise UsageError(message, hint="Pass one of them: a session has its profile.")
        self._profile = profile
        self._given = None if session is None else _inside(session)
        self._credentials: Credentials | None = None
        self.is_of_environment = False
        self.given_region: Final = region
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.RLock()

    @classmethod
    def from_environment(cls) -> Self:
        """Return the session for calls without a profile and a region.

        Hints do not name these arguments then.
        """
        made = cls()
        made.is_of_environment = True
        return made

    @cached_property
    def botocore(self) -> botocore.session.Session:
        """The session of botocore, for clients."""
        import botocore.session

        session = self._given or botocore.session.Session(profile=self._profile)
        if not self._given:
            session.register_component("credential_provider", self)
        return session

    def create_client(self, service: str, **options: Any) -> Any:
        """Return a client of botocore's session, for its sources of credentials."""
        return self.botocore.create_client(service, **options)

    @cached_property
    def _settings(self) -> ConfigValueStore:
        from botocore.configprovider import ConfigValueStore, create_botocore_default_config_mapping

        return ConfigValueStore(mapping=create_botocore_default_config_mapping(cast("Any", self)))

    def get_config_variable(self, name: str) -> Any:
        """Return a setting of botocore: of the environment, or else of the profile."""
        return (self._given or self._settings).get_config_variable(name)

    def instance_variables(self) -> dict[str, str]:
        """Return the settings of this session itself."""
        return {"profile": self._profile} if self._profile else {}

    @cached_property
    def full_config(self) -> dict[str, Any]:
        """The configuration file, with the profiles of the credentials file."""
        from botocore import configloader, exceptions

        config: dict[str, Any] = {"profiles": {}}
        with suppress(exceptions.ConfigNotFound):
            config = configloader.load_config(self.get_config_variable("config_file"))
        with suppress(exceptions.ConfigNotFound):
            for name, values in configloader.raw_config_parse(self.get_config_variable("credentials_file")).items():
                config["profiles"].setdefault(name, {}).update(values)
        return config

    def get_scoped_config(self) -> dict[str, Any]:
        """Return the configuration of the profile; raise ProfileNotFound without it."""
        from botocore.exceptions import ProfileNotFound

        name, profiles = self.get_config_variable("profile"), self.full_config["profiles"]
        if name is not None and name not in profiles:
            raise ProfileNotFound(profile=name)
        return cast("dict[str, Any]", profiles.get(name or "default", {}))

    def user_agent(self) -> str:
        """Return the name that services see; proxies of instance metadata let this one in."""
        from botocore import __version__

        return f"Botocore/{__version__}"

    @property
    def profile(self) -> str | None:
        """The profile in use; None for the default one."""
        return cast("str | None", self.get_config_variable("profile"))

    @property
    def known_region(self) -> str | None:
        """The region of the argument, the environment or the profile, in this order.

        The variables are AWS_REGION and AWS_DEFAULT_REGION. The region of a boto3 session that was passed comes before
        AWS_REGION, which boto3 does not know.
        """
        variable = os.environ.get("AWS_REGION")
        if self.given_region or (variable and not self._given):
            return self.given_region or variable
        with translate_errors("The AWS configuration cannot be read", self):
            return cast("str | None", self.get_config_variable("region")) or variable

    @property
    def region(self) -> str:
        """The known region, or that of the EC2 instance that this runs on.

        Raises:
            UsageError: neither is known.
        """
        region = self.known_region or self.metadata.region()
        if not region:
            message = f"The AWS region is not known. Instance metadata {self.metadata.problem or 'does not name it'}."
            by_variable = "Set AWS_REGION, or AWS_PROFILE to a profile with a region."
            by_argument = "Pass region=…, set AWS_REGION, or pass the cluster's ARN instead of its name."
            raise UsageError(message, hint=by_variable if self.is_of_environment else by_argument)
        return region

    @cached_property
    def metadata(self) -> InstanceMetadata:
        """The instance metadata service that the settings name."""
        from botocore.utils import resolve_imds_endpoint_mode

        with translate_errors("The AWS configuration cannot be read", self):
            own = self.get_config_variable("ec2_metadata_service_endpoint")
            endpoint = str(own or _ADDRESSES[resolve_imds_endpoint_mode(cast("Any", self))]).rstrip("/")
            made = InstanceMetadata(endpoint, seconds=float(self.get_config_variable("metadata_service_timeout")))
        if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
            made.problem = "is switched off by AWS_EC2_METADATA_DISABLED"
        return made

    @cached_property
    def _sources(self) -> CredentialResolver:
        from botocore.credentials import create_credential_resolver

        chain: Any = self._given.get_component("credential_provider") if self._given else None
        return chain or create_credential_resolver(cast("Any", self))

    def load_credentials(self) -> Credentials | None:
        """Return the credentials that boto3 would use, or None."""
        if not self._credentials:
            self._credentials = self._given.get_credentials() if self._given else self._sources.load_credentials()
        return self._credentials

    def credentials(self) -> Credentials:
        """Return the credentials that boto3 would use.

        Raises:
            CredentialsError: there are none, or they cannot be loaded; it names the sources that were tried.
        """
        with self._lock, translate_errors("The AWS credentials cannot be loaded", self):
            found = self.load_credentials()
        if not found:
            raise self.no_credentials()
        return found

    def no_credentials(self) -> CredentialsError:
        """Return the error for missing credentials, with the sources that were tried."""
        methods = [one.METHOD for one in self._sources.providers]
        known = [CREDENTIAL_SOURCES[method][1] for method in methods if method in CREDENTIAL_SOURCES]
        tried = "".join(f"\n- {source}" for source in dict.fromkeys(known))
        # Asked once more, because boto3 does not tell why it got nothing.
        role = self.metadata.role_name()
        metadata = self.metadata.problem or (f"names the role {quoted(role)}" if role else "names no role")
        logins = f"{login_command(self, 'sso', 'login')}, {login_command(self, 'login')}"
        message = f"There are no AWS credentials. Tried, in this order:{tried}\nInstance metadata {metadata}."
        return CredentialsError(message, hint=f"Sign in ({logins}), set AWS_PROFILE, or give the machine a role.")

    @contextmanager
    def calling(
        self, service: str, doing: str, *, region: str | None = None, look: str = "", unless: Collection[str] = ()
    ) -> Iterator[Any]:
        """Yield a service's client, and translate its errors (`translate_errors`).

        It gives up connecting after 3 seconds and waiting for an answer after 20, and tries 3 times.

        Args:
            service: As boto3 names it: ``eks``.
            doing: The failure, as a sentence without its full stop.
            region: The region to call; by default the session's.
            look: For a call that changes something, how to see whether it was done.
            unless: Codes of AWS that end the block without an error.

        Raises:
            CredentialsError: there are no credentials to sign with.
            UsageError: the region is not known, or does not exist.
            AwsAuthError: as for `translate_errors`.
        """
        region = region or self.region
        with self._lock:
            if not (client := self._clients.get((service, region))):
                # Without this the first call would say so, after a client was loaded for nothing.
                self.credentials()
                with translate_errors(f"A client for {service} in {quoted(region)} cannot be made", self):
                    # boto3 would take any name for a region, and look for its host.
                    self.botocore.get_partition_for_region(region)
                    client = self._clients[service, region] = self.new_client(service, region_name=region)
        try:
            with translate_errors(doing, self, service=service, look=look):
                yield client
        except AwsServiceError as error:
            if error.code not in unless:
                raise

    def read(self, service: str, path: str, region: str) -> Any:
        """Return the answer to one request, which botocore's parts sign and send.

        That is faster, because a client of botocore takes long to load. Returns None if a session of botocore is loaded
        already, or if the request fails. Then a client has to send it, and translates the errors.

        Args:
            service: A service that answers in JSON: ``eks``.
            path: The path of the request.
            region: The region to call.

        Raises:
            CredentialsError: there are no credentials to sign with.
            Exception: boto3's own, if they cannot be renewed.
        """
        if "botocore.session" in sys.modules:  # as with boto3; then a client has less to load
            return None
        keys, setting = self.credentials().get_frozen_credentials(), self.get_config_variable
        from botocore import auth, awsrequest, configprovider, httpsession, utils

        with suppress(Exception):
            files = self.full_config, self.get_scoped_config()
            url = configprovider.ConfiguredEndpointProvider(*files, service).provide()
            if not url or setting("ignore_configured_endpoint_urls"):
                url = f"https://{self.regional_host(service, region)}"
            request = awsrequest.AWSRequest("GET", f"{url.rstrip('/')}{path}", {"User-Agent": self.user_agent()})
            auth.SigV4Auth(keys, service, region).add_auth(request)
            limits: Any = {"timeout": (3, 20), "proxies": utils.get_environ_proxies(url)}
            limits["verify"] = setting("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE") or True
            answer = httpsession.URLLib3Session(**limits).send(request.prepare())
            log_debug("AWS %s GET %s: %s", service, path, answer.status_code)
            return json.loads(answer.content) if answer.status_code == 200 else None
        return None

    def regional_host(self, service: str, region: str) -> str:
        """Return the host of STS or EKS in a region.

        It is always the regional host, with the settings for FIPS and dual-stack. An ``endpoint_url`` in the settings does
        not apply: the cluster calls the host of STS.

        Raises:
            UsageError: botocore does not know such a region, or the partition has no such variant.
        """
        from botocore.loaders import create_loader

        loader, variants = create_loader(), ("use_fips_endpoint", "use_dualstack_endpoint")
        with translate_errors(f"{service.upper()} is not known in {quoted(region)}", self):
            chosen: Any = {name: bool(self.get_config_variable(name)) for name in variants}
            if not any(chosen.values()):
                # The rule for all regions, in a file that is read 100 times as fast as the endpoints themselves.
                for group in loader.load_data("partitions")["partitions"]:
                    if re.fullmatch(group["regionRegex"].strip("^$"), region):
                        return f"{service}.{region}.{group['outputs']['dnsSuffix']}"
            from botocore.regions import EndpointResolver

            # Not the address of a client: older settings or versions of botocore make that the global one.
            resolver = EndpointResolver(loader.load_data("endpoints"))
            partition = resolver.get_partition_for_region(region)
            endpoint = resolver.construct_endpoint(service, region, **chosen)
        if not endpoint:
            where = f"in the partition {partition} for the FIPS and dual-stack settings in use"
            names = "use_dualstack_endpoint (AWS_USE_DUALSTACK_ENDPOINT) or use_fips_endpoint (AWS_USE_FIPS_ENDPOINT)"
            raise UsageError(f"{service.upper()} has no endpoint {where}.", hint=f"Switch off {names}.")
        return str(endpoint["hostname"])

    def new_client(self, service: str, **options: Any) -> Any:
        """Return a client with the usual limits of time and attempts.

        `options` are further ones of botocore.
        """
        from botocore.config import Config

        limits = Config(connect_timeout=3, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
        client = self.botocore.create_client(service, config=limits, **options)
        client.meta.events.register("after-call", _log_call)
        return client


def _log_call(http_response: Any, model: Any, **_: Any) -> None:
    log_debug("AWS %s %s: %s", model.service_model.service_name, model.name, http_response.status_code)


def _inside(session: object) -> botocore.session.Session:
    """Return the botocore session in a boto3 session.

    Only botocore's has endpoints and settings.
    """
    import botocore.session

    inner = getattr(session, "_session", session)
    if not isinstance(inner, botocore.session.Session):
        raise UsageError(f"session is {quoted_value(session)}.", hint="Pass a boto3.Session, or leave it out.")
    return inner


class InstanceMetadata:
    """The metadata service, contacted when something of it is read.

    After one missing answer it is not contacted again. So a machine off EC2 waits for one answer at most.

    Args:
        endpoint: Its address.
        seconds: The limit for a whole answer. The service is one hop away.

    Attributes:
        problem: Why it could not be read, to end a sentence that starts with instance metadata; empty while it answers.
    """

    def __init__(self, endpoint: str, *, seconds: float = 1.0) -> None:
        self.endpoint: Final = endpoint if "://" in endpoint else f"http://{endpoint}"
        self.problem = ""
        self._seconds = seconds
        self._lock = threading.Lock()

    def role_name(self) -> str:
        """Return the name of the instance's role; empty if it has none or it is not known."""
        return self.read("iam/security-credentials/").partition("\n")[0].strip()

    def instance_id(self) -> str:
        """Return the id of the instance; empty if it is not known."""
        return self.read("instance-id")

    def region(self) -> str:
        """Return the region of the instance; empty if it is not known."""
        return self.read("placement/region").strip()

    def read(self, path: str) -> str:
        """Return the text below ``/latest/meta-data/``.

        It is empty if it does not exist, or if `problem` says why.
        """
        with self._lock:
            status, token = self._ask("PUT", "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "300"})
            if status == 403:
                self.problem = f"is switched off for this instance ({self.endpoint} answers 403)"
            elif status != 200 and not self.problem:
                self.problem = f"gives no token of version 2 ({self.endpoint} answers {status})"
            status, text = self._ask("GET", f"/latest/meta-data/{path}", {"X-aws-ec2-metadata-token": token})
            return text if status == 200 else ""

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
        """Send one request, past any proxy; status 0 without an answer."""
        from urllib3 import PoolManager, exceptions

        from awsauth.kube.request import Deadline, body_of, let_watch

        if self.problem:
            return 0, ""
        url, pool = f"{self.endpoint}{path}", PoolManager(timeout=self._seconds, retries=False)
        with suppress(OSError, exceptions.HTTPError, ValueError), Deadline(self._seconds) as deadline:
            let_watch(pool, url)
            response = pool.request(method, url, headers=headers, redirect=False, preload_content=False)
            text = body_of(response).decode("utf-8", "replace")
            if not deadline.is_over:
                return response.status, text
        why = "this is not an EC2 instance, or a container with a hop limit of 1"
        self.problem = f"does not answer at {self.endpoint} ({why})"
        return 0, ""
