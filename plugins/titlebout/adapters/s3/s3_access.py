"""How to reach one S3 store: its address, the keys, and how long to wait for an answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import NoCredentialsError, PartialCredentialsError

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.config import Config
    from mypy_boto3_s3 import S3Client

_ROLE_SESSION = "titlebout"


@dataclass(frozen=True)
class S3Settings:
    """Where the store is, with which keys, and how long to wait for it.

    A store that is silent is given up after `attempts` times both timeouts and the pauses between them: with
    these defaults after 3 x (4 + 10) + 1.5 = 43.5 seconds.

    Attributes:
        endpoint_url: Address of the store; None: Amazon's in the region.
        region_name: Region of the bucket.
        access_key: Together with `secret_key`; None: whatever the machine offers (environment, instance role, ...).
        secret_key: See `access_key`.
        session_token: Third part of temporary keys.
        profile_name: Section of the shared AWS configuration file to take keys and region from.
        role_arn: Role that is assumed with these keys; its own keys are renewed by themselves.
        external_id: What the role's owner demands besides.
        sts_endpoint_url: Where roles are assumed; None: at Amazon.
        connect_timeout_seconds: Longest wait for a connection.
        read_timeout_seconds: Longest silence of the store.
        attempts: How often a request is made that was not answered or answered with "busy".
        pause_seconds: Longest pause before the second attempt; doubled before each further one.
    """

    endpoint_url: str | None = None
    region_name: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    profile_name: str | None = None
    role_arn: str | None = None
    external_id: str | None = field(default=None, repr=False)
    sts_endpoint_url: str | None = None
    connect_timeout_seconds: float = 4
    read_timeout_seconds: float = 10
    attempts: int = 3
    pause_seconds: float = 0.5


def open_client(settings: S3Settings) -> "S3Client":
    """Return a client that tries once: attempts are counted by `S3Bucket`, bodies included."""
    import boto3
    from botocore.config import Config

    config = Config(
        retries={"mode": "standard", "total_max_attempts": 1},
        connect_timeout=settings.connect_timeout_seconds,
        read_timeout=settings.read_timeout_seconds,
        # Stores other than Amazon's stumble over checksum trailers. Without them every body is signed
        # with its SHA-256, which the store checks; on the way back the lake checks it.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    if bool(settings.access_key) != bool(settings.secret_key):
        raise PartialCredentialsError(provider="the connection", cred_var="login or password")
    session = boto3.session.Session(
        aws_access_key_id=settings.access_key,
        aws_secret_access_key=settings.secret_key,
        aws_session_token=settings.session_token,
        profile_name=settings.profile_name,
        region_name=settings.region_name,
    )
    if settings.role_arn:
        session = _in_role(settings.role_arn, session, settings, config)
    return session.client("s3", endpoint_url=settings.endpoint_url, config=config)


def _in_role(role_arn: str, session: "Session", settings: S3Settings, config: "Config") -> "Session":
    """Return a session with the keys of a role, which are asked for at first use and before they expire."""
    import boto3
    import botocore.session
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

    own_keys = session.get_credentials()
    if own_keys is None:
        raise NoCredentialsError
    demands = {"RoleSessionName": _ROLE_SESSION}
    if settings.external_id:
        demands["ExternalId"] = settings.external_id
    make_client: Callable[..., Any] = session.client
    open_sts = partial(make_client, endpoint_url=settings.sts_endpoint_url, config=config)
    fetcher = AssumeRoleCredentialFetcher(open_sts, own_keys, role_arn, extra_args=demands)
    inner = botocore.session.Session()
    keys = DeferredRefreshableCredentials(method="assume-role", refresh_using=fetcher.fetch_credentials)
    inner._credentials = keys  # type: ignore[attr-defined]  # no public way to hand a session keys that renew themselves
    return boto3.session.Session(botocore_session=inner, region_name=session.region_name)
