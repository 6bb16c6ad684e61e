"""The feed of `uptake demo`: a small simulated organisation, live, with the usual troubles.

First its directory, then a short history as fast as it goes, then events at the time they happen.
A few come twice, a few late; a few records that can never be valid are written to Kafka, since the
collector would not let them in.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from math import sin, tau
from pathlib import Path
from random import Random
from threading import Event
from time import time

from uptake.feed.disturbance import BROKEN, Disturbance
from uptake.feed.errors import Stopped, Unavailable
from uptake.feed.files import SOURCES
from uptake.feed.http import HttpSender
from uptake.feed.item import Item, Sender
from uptake.feed.kafka import RecordWriter
from uptake.feed.target import Target, read
from uptake.simulate.engine import Emission, Rate, Simulation
from uptake.simulate.organisation import Organisation, organisation
from uptake.simulate.truth import DAY_SECONDS, DEFAULT

SEED = 3
HISTORY_SECONDS = 8 * 3600
HISTORY_RATE = 0.2
"""Events a second in the history."""
RISE_SECONDS = 120
"""The stories of live events begin this long before the first of them."""
LIVE_RATE = 40.0
LIVE_SWING = 15.0
SWING_SECONDS = 120.0
TICK_SECONDS = 0.5
CHANGE_DAY = HISTORY_SECONDS / 2 / DAY_SECONDS
TRUTH = replace(DEFAULT, rollout_day=CHANGE_DAY, drift_day=CHANGE_DAY)
"""What changes in the simulated organisation changes in the middle of the history."""
BROKEN_SECONDS = 15.0

_log = logging.getLogger(__name__)


def run(run_json: Path, stop: Event) -> None:
    """Feed the Uptake of `run_json` until `stop` is set.

    Raises FeedError when there is nothing to feed or it refuses us for good. While it is only
    away or busy, waits and goes on.
    """
    target = read(run_json)
    people = organisation(SEED)
    try:
        _load_directory(people, target, stop)
        _feed(people, target, stop)
    except Stopped:
        return


def live_rate(live_from: int) -> Rate:
    """Sparse until shortly before `live_from` (ms), then 25 to 55 events a second in waves."""

    def rate(at: int) -> float:
        since = at / 1000 - live_from / 1000
        if since < -RISE_SECONDS:
            return HISTORY_RATE
        return LIVE_RATE + LIVE_SWING * sin(tau * since / SWING_SECONDS)

    return rate


def _load_directory(people: Organisation, target: Target, stop: Event) -> None:
    lines = [Item(number, 0, line) for number, line in enumerate(people.directory(), 1)]
    sender = HttpSender(target, "", stop, path="/directory")
    try:
        _deliver(sender, lines)
    finally:
        sender.close()


def _feed(people: Organisation, target: Target, stop: Event) -> None:
    now = int(time() * 1000)
    begins = now - HISTORY_SECONDS * 1000
    simulation = Simulation(people, SEED, begins, live_rate(now), TRUTH)
    way_in = _WayIn(target, stop)
    disturbance = Disturbance(Random(SEED))
    next_broken = time() + BROKEN_SECONDS
    broken = 0
    try:
        way_in.send(list(simulation.until(now)))
        while not stop.wait(TICK_SECONDS):
            moment = time()
            happened = simulation.until(int(moment * 1000))
            way_in.send(disturbance.pass_on(happened, moment))
            if moment >= next_broken:
                next_broken = moment + BROKEN_SECONDS
                way_in.send_broken(*BROKEN[broken % len(BROKEN)])
                broken += 1
    finally:
        way_in.close()


class _WayIn:
    """A sender for each source, and one for broken records."""

    def __init__(self, target: Target, stop: Event) -> None:
        self._senders = {source: HttpSender(target, source, stop) for source in SOURCES}
        self._records = RecordWriter(target, stop)

    def send(self, emissions: Sequence[Emission]) -> None:
        for source, sender in self._senders.items():
            items = [emission.item for emission in emissions if emission.source == source]
            for start in range(0, len(items), sender.batch):
                _deliver(sender, items[start : start + sender.batch])

    def send_broken(self, source: str, value: bytes) -> None:
        try:
            self._records.write(f"events.{source}", [value])
        except Unavailable as error:
            _log.warning("%s", error)

    def close(self) -> None:
        for sender in self._senders.values():
            sender.close()
        self._records.close()


def _deliver(sender: Sender, items: Sequence[Item]) -> None:
    """Until they are taken or refused. Raises FeedError, Stopped."""
    while True:
        try:
            refused = sender.send(items)
        except Unavailable as error:
            _log.warning("%s; trying on", error)
        else:
            break
    for refusal in refused:
        _log.error("the demo made an event that is refused: %s", refusal.reason)
