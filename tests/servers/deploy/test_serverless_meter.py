"""What a host meters adds up: areas under numbers."""

from servers.deploy.serverless.meter import TimeIntegral
from tests.support.clock import FakeClock


def test_an_integral_includes_what_has_not_ended() -> None:
    clock = FakeClock()
    integral = TimeIntegral(clock.monotonic_s)
    for change, lasts_s in ((1, 2), (1, 3), (-2, 100), (1, 1)):
        integral.change(change)
        clock.advance(lasts_s)
    assert integral.seconds == 2 + 3 * 2 + 1
