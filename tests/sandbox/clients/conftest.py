"""The vendor's own clients, pointed at the sandbox and otherwise as they come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hubspot import HubSpot as ApiClient
from hubspot_sdk import HubSpot as Sdk

from tests.support.hubspot_process import Sandbox


@pytest.fixture
def api(sandbox: Sandbox) -> Any:  # the client has no types
    """`hubspot-api-client` 12: the numbered paths."""
    return ApiClient(access_token=sandbox.token, host=sandbox.url)


@pytest.fixture
def sdk(sandbox: Sandbox) -> Iterator[Sdk]:
    """`hubspot_sdk`: the dated paths."""
    with Sdk(access_token=sandbox.token, base_url=sandbox.url, max_retries=0) as client:
        yield client


@pytest.fixture
def strict_sdk(sandbox: Sandbox) -> Iterator[Sdk]:
    """The same, checking each answer against the vendor's OpenAPI document.

    Not for records and associations: there the document leaves out the null of an empty
    property and says string where the vendor sends a number.
    """
    with Sdk(
        access_token=sandbox.token,
        base_url=sandbox.url,
        max_retries=0,
        _strict_response_validation=True,
    ) as client:
        yield client
