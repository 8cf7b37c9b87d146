"""A host's bill is an integral over time: so many instances or calls, for so many seconds."""

from servers.deploy.serverless.meter import TimeIntegral
from tests.support.clock import FakeClock


def test_an_integral_includes_the_time_since_the_last_change() -> None:
    clock = FakeClock()
    integral = TimeIntegral(clock.monotonic_s)
    for change, lasts_s in ((1, 2), (1, 3), (-2, 100), (1, 1)):
        integral.change(change)
        clock.advance(lasts_s)
    assert integral.seconds == 2 + 3 * 2 + 1
