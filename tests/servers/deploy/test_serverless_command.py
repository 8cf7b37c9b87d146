"""`python -m servers.deploy.serverless`: what it refuses, and its ready line."""

import re
from functools import partial
from typing import Any

import httpx
import pytest

from servers.deploy.child_process import started
from servers.deploy.serverless.profiles import PROFILES, Profile
from tests.servers.test_command import refused as refused_by
from tests.support.serverless_host import DEADLINE_S

pytestmark = pytest.mark.process
refused = partial(refused_by, module="servers.deploy.serverless")


def joined(client: httpx.Client, address: str) -> dict[str, Any]:
    """Join a room; return the snapshot."""
    token = client.post(f"{address}/login", json={"name": "Ada"}).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    snapshot: dict[str, Any] = client.post(
        f"{address}/rooms/room/join", json={"connection": "1"}, headers=headers
    ).json()
    return snapshot


def test_an_unknown_profile_is_answered_with_the_known_ones() -> None:
    output = refused("short_polling", "--profile", "azure", "--instances", "1")
    assert all(profile.name in output for profile in PROFILES)


def test_instances_cannot_share_an_embedded_store() -> None:
    assert "--instances 1" in refused("short_polling", "--store", "sqlite:///chat.db")


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_a_profile_states_its_date_and_its_source(profile: Profile) -> None:
    assert re.search(r"20\d\d", profile.as_of)
    assert profile.sources
    assert all(source.startswith("https://") for source in profile.sources)


def test_the_ready_line_has_the_addresses_of_host_and_push_service_and_the_limits() -> None:
    arguments = ["pusher_adapter", "--profile", "fluid-2026", "--max-duration", "7", "--instances", "1", "--port", "0"]
    arguments += ["--server-options", "--lease 8"]
    with started(["servers.deploy.serverless", *arguments]) as host:
        assert host.facts["settings"]["max_duration_s"] == 7
        assert set(host.facts["pids"]) == {"api", "push_service"}
        with httpx.Client(trust_env=False, timeout=DEADLINE_S) as client:
            assert client.get(f"{host.facts['push_service']}/health").status_code == 200
            assert client.get(f"{host.address}/health").json()["transport"] == "pusher_adapter"
            snapshot = client.get(f"{host.address}/stats").json()
            assert joined(client, host.address)["lease_s"] == 8
    assert (snapshot["transport"], snapshot["push_service"]) == ("pusher_adapter", host.facts["push_service"])
