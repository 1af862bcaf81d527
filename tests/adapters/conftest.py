"""An S3 store behind a proxy that spoils requests: moto for every change, Ceph where whole systems are started."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from fakes.fault_proxy import FaultProxy, fault_proxy
from fakes.radosgw import radosgw
from fakes.s3_server import new_bucket, s3_settings
from titlebout.adapters.s3.s3_access import S3Settings
from titlebout.adapters.s3.s3_bucket import S3Bucket

STORES = {"moto": s3_settings, "Ceph": lambda: radosgw().settings}


@pytest.fixture(scope="session", params=["moto", pytest.param("Ceph", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest) -> S3Settings:
    """How to reach the store itself."""
    return STORES[request.param]()


@pytest.fixture(scope="session")
def proxied(store: S3Settings) -> Iterator[tuple[FaultProxy, S3Bucket]]:
    """One proxy and one impatient client for all tests: to make a client takes longer than most of them."""
    with fault_proxy(store.endpoint_url or "") as proxy:
        quick = replace(
            store,
            endpoint_url=proxy.url,
            connect_timeout_seconds=0.5,
            read_timeout_seconds=0.5,
            attempts=3,
            pause_seconds=0.001,
        )
        yield proxy, S3Bucket("shared", quick)


@pytest.fixture
def proxy(proxied: tuple[FaultProxy, S3Bucket]) -> FaultProxy:
    proxied[0].heal()
    return proxied[0]


@pytest.fixture
def behind(store: S3Settings) -> S3Bucket:
    """An empty bucket, asked directly."""
    return new_bucket(store)


@pytest.fixture
def bucket(behind: S3Bucket, proxy: FaultProxy, proxied: tuple[FaultProxy, S3Bucket]) -> S3Bucket:
    """The same bucket behind the proxy."""
    return S3Bucket(behind.name, proxied[1]._settings, proxied[1]._client)
