"""The instances of a function: how they fail to start, and how they end."""

import pytest

from servers.deploy.child_process import ChildFailed
from servers.deploy.serverless.instance import Instance

pytestmark = pytest.mark.process


async def test_an_instance_that_does_not_start_is_reported_without_its_stores_password() -> None:
    instance = Instance(["servers.missing", "--store", "redis://chat:secret@host/0"], {})
    for reason in ("expected a ready line, got b''", "did not start"):
        with pytest.raises(ChildFailed, match=f"redis://host/0: {reason}") as failed:
            await instance.ready()
        assert "secret" not in str(failed.value)
