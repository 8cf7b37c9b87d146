"""How long a phone's radio is on for each transport: a model, from the moments of packets and one inactivity timer.

Teaches that a radio which has sent or received something stays on until its inactivity timer expires, so that a packet
of a few bytes costs as much as a long one. Leaves out what differs between networks: states of lower power, other
timers, other apps.
"""

from collections.abc import Sequence

from notebooks.analysis.prices import predict
from notebooks.analysis.runs import Run
from notebooks.analysis.wire.captures import Capture, wire_messages
from notebooks.analysis.wire.labels import READER, connections_of
from results import theory
from results.predictions import upkeep_period_s

HOUR_S = 3600.0
INACTIVITY_S = 10.0
"""The value that papers on LTE quote as typical (second hand). That the long tail matters most was measured by Huang et
al., "A Close Examination of Performance and Power Characteristics of 4G LTE Networks", MobiSys 2012."""


def radio_on_s(packets_s: Sequence[float], until_s: float) -> float:
    """Return for how long the radio was on: from each packet until the timer expires, to `until_s` at most."""
    on_s = 0.0
    off_at_s = float("-inf")
    for packet_s in sorted(packets_s):
        expires_s = min(packet_s + INACTIVITY_S, until_s)
        on_s += max(0.0, expires_s - max(packet_s, off_at_s))
        off_at_s = max(off_at_s, expires_s)
    return on_s


def while_talking_s(capture: Capture) -> float:
    """Return for how many seconds of an hour the radio is on, if all of it were like one reader's recorded minutes."""
    messages = wire_messages(capture)
    own = connections_of(READER, messages)
    packets_s = [message.at_s for message in messages if message.connection in own]
    first_s, last_s = min(packets_s), max(packets_s)
    return HOUR_S * radio_on_s(packets_s, last_s) / (last_s - first_s)


def in_silence_s(run: Run, slug: str) -> float:
    """Return for how many seconds of an hour the radio is on if nobody writes."""
    return HOUR_S * theory.radio_on_share(0.0, upkeep_period_s(predict(run, slug)), INACTIVITY_S)
