"""An S3 store behind a proxy that spoils requests: moto for every change, Ceph where whole systems are started."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from fakes.fault_proxy import Fault, FaultProxy, fault_proxy
from fakes.radosgw import radosgw
from fakes.s3_server import new_bucket, s3_settings
from titlebout.adapters.s3.s3_access import S3Settings
from titlebout.adapters.s3.s3_bucket import S3Bucket

HANGS = {Fault.HANG, Fault.HANG_IN_BODY}
STORES = {"moto": s3_settings, "Ceph": lambda: radosgw().settings}


@pytest.fixture(scope="session", params=["moto", pytest.param("Ceph", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest) -> S3Settings:
    """How to reach the store itself."""
    return STORES[request.param]()


@pytest.fixture(scope="session")
def proxied(store: S3Settings) -> Iterator[tuple[FaultProxy, dict[bool, S3Bucket]]]:
    """One proxy and two clients for all tests: to make a client takes longer than most of them.

    The impatient one is for a store that hangs. It would take a busy machine for such a store, too.
    """
    with fault_proxy(store.endpoint_url or "") as proxy:
        quick = replace(store, endpoint_url=proxy.url, attempts=3, pause_seconds=0.001)
        waits = {True: 1.0, False: 60.0}
        yield (
            proxy,
            {
                is_impatient: S3Bucket(
                    "shared", replace(quick, connect_timeout_seconds=seconds, read_timeout_seconds=seconds)
                )
                for is_impatient, seconds in waits.items()
            },
        )


@pytest.fixture
def proxy(proxied: tuple[FaultProxy, dict[bool, S3Bucket]]) -> FaultProxy:
    proxied[0].heal()
    return proxied[0]


@pytest.fixture
def behind(store: S3Settings) -> S3Bucket:
    """An empty bucket, asked directly."""
    return new_bucket(store)


@pytest.fixture
def bucket(
    request: pytest.FixtureRequest,
    behind: S3Bucket,
    proxy: FaultProxy,
    proxied: tuple[FaultProxy, dict[bool, S3Bucket]],
) -> S3Bucket:
    """The same bucket behind the proxy."""
    client = proxied[1][request.node.callspec.params.get("fault") in HANGS]
    return S3Bucket(behind.name, client._settings, client._client)
