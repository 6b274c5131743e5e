"""Lists the series of schedules, one for each kind of world, and what must happen in each so that it tests something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.faults.world_shapes import CALLED, FAMILIES, HELD, LINKED, STORED, UNREAD

# The list of a vendor of the kind `lists` shows every submit, `blind` shows none, and `rotates` shows only those that the current
# API key sent.
_BY_VENDOR = {
    "lists: schedules": 300, "lists: adopted": 80, "lists: sent again after a lookup": 100, "lists: orphan": 3,
    "blind: schedules": 200, "blind: SUBMITTING → IN_DOUBT": 100, "blind: adopted by a person": 100,
    "blind: resubmitted by a person": 90, "rotates: schedules": 150, "rotates: adopted": 30,
    "rotates: sent again after a lookup": 30, "rotates: SUBMITTING → IN_DOUBT": 25, "rotates: adopted by a person": 10,
}  # fmt: skip
# How often workers must die before or after each effect of submit and finalize.
_DEADLY = {
    "after dynamo.put_item": 3, "before dynamo.transact_write_items": 20, "after dynamo.transact_write_items": 10,
    "before provider.submit": 15, "at provider.request": 15, "after provider.submit": 8, "before dynamo.update_item": 30,
    "after dynamo.update_item": 20, "before sfn.start_execution": 8, "after sfn.start_execution": 5,
    "after sqs.send_message": 8, "before outputs.write": 2, "after outputs.write": 1, "before bus.put_events": 10,
    "after bus.put_events": 8,
}  # fmt: skip
_USUAL = {
    "accepted": 800, "bound by its own worker": 600, "PROCESSING → COMPLETED": 600, "PROCESSING → FAILED": 100,
    "adopted": 100, "sent again after a lookup": 100, "SUBMITTING → IN_DOUBT": 80, "PROCESSING → IN_DOUBT": 4,
    "adopted by a person": 30, "resubmitted by a person": 30, "abandoned by a person": 20, "accepted after death": 15,
    "orphan": 3, "circuit opened": 80, "circuit probed": 80, "circuit closed": 80, "paused": 80,
    "REJECTED BudgetExceeded": 100, "limit raised": 60, "month turned": 30, "superseded": 30, "result replaced": 50,
    "REJECTED OutputCollision": 8, "CANCELLED SourceGone": 50, "REJECTED ProviderRejected": 15, "FAILED TimedOut": 30,
    "FAILED ResultLost": 2, "CLAIMED → SKIPPED": 15, "REJECTED InvalidSetting": 20, "FAILED OutOfCredits": 5,
    "lost event found by the sweep": 100, "vanished before it became a job": 30, "execution aborted": 20,
    "execution restarted": 20, "multipart upload aborted": 3, "poison in the dead-letter queue": 30,
    "rerun paid again": 50, "cancelled from CLAIMED": 60, "cancelled from PROCESSING": 30, "cancelled from IN_DOUBT": 15,
    "cancel asked in CLAIMED": 60, "cancel asked in SUBMITTING": 20, "cancel asked in PROCESSING": 30,
    "cancel asked in IN_DOUBT": 3, "COMPLETED → CLAIMED": 30, "FAILED → CLAIMED": 10, "REJECTED → CLAIMED": 15,
    "CANCELLED → CLAIMED": 50,
}  # fmt: skip
_SYNCHRONOUS = {
    "staged": 200, "staged, and adopted": 20, "FAILED ResultLost": 20, "FAILED ProviderFailed": 45, "superseded": 5,
    "sent again after a lookup": 50, "SUBMITTING → IN_DOUBT": 60, "rerun paid again": 40, "accepted after death": 1,
    "died before staging.stage": 9, "died after staging.stage": 7, "died before staging.drop": 1,
    "died after staging.drop": 1, "cancelled from PROCESSING": 15,
    "lists: staged": 100, "lists: staged, and adopted": 12, "lists: FAILED ResultLost": 10,
    "lists: sent again after a lookup": 40, "blind: staged": 50, "blind: staged, and adopted": 4,
    "blind: SUBMITTING → IN_DOUBT": 45, "rotates: staged": 40, "rotates: staged, and adopted": 6,
    "rotates: SUBMITTING → IN_DOUBT": 15, "rotates: sent again after a lookup": 12,
}  # fmt: skip
_BY_LINK = {
    "adopted": 75, "exchanged": 4, "SUBMITTING → IN_DOUBT": 90, "adopted by a person": 20, "resubmitted by a person": 80,
    "PROCESSING → COMPLETED": 150, "rerun paid again": 10,
}  # fmt: skip
_REFUSING = {
    "PROCESSING → COMPLETED": 75, "REJECTED OutputCollision": 70, "superseded": 5, "refused for storage": 190,
    "foreign object": 110, "FAILED TimedOut": 65, "result refused": 16, "headers refused": 13, "tagged later": 16,
}  # fmt: skip
_UNREADABLE = {
    "REJECTED SourceUnreadable": 60, "PROCESSING → COMPLETED": 80, "FAILED TimedOut": 70, "FAILED SourceUnreadable": 12,
    "outage until the deadline": 6, "deadly until the deadline": 4,
}  # fmt: skip
_CALLING = {
    "waited to be told": 900, "timed out untold": 800, "told while PROCESSING": 120, "told while SUBMITTING": 10,
    "told while IN_DOUBT": 1, "lost submit made due": 6, "forged": 120, "started late": 6, "PROCESSING → COMPLETED": 90,
    "PROCESSING → FAILED": 25, "adopted": 30, "SUBMITTING → IN_DOUBT": 20, "rerun paid again": 12,
    "cleared by others": 5, "listed too late": 30, "not sent again after a callback": 1, "told while CLAIMED": 1,
    "accepted, as told while SUBMITTING": 2, "accepted, as told while CLAIMED": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Series:
    """The schedules of one family. `None` means that the seed chooses among the usual families.

    `needed` maps an event to the least number of times that it must happen in `whole` schedules, which is about a third of how
    often it does. The events of `never` must not happen. `make test` plays the first `quick` schedules.
    """

    family: str | None
    quick: int
    whole: int
    needed: Mapping[str, int]
    never: tuple[str, ...] = ()

    def too_rare(self, happened: Mapping[str, int]) -> dict[str, tuple[int, int]]:
        """Return each event that happened too rarely, with how often it did and how often it should have. `happened` counts the
        events and the schedules."""
        share = happened["schedules"] / self.whole
        least = {what: int(times * share) for what, times in self.needed.items()}
        return {what: (happened[what], times) for what, times in least.items() if happened[what] < times}


USUAL = Series(
    None,
    quick=300,
    whole=1000,
    needed=_USUAL | _BY_VENDOR | {f"died {point}": times for point, times in _DEADLY.items()},
    # A blind vendor has no list that could cause the first two, and only synchronous calls stage a result.
    never=("blind: sent again after a lookup", "blind: orphan", "staged"),
)
# Synchronous calls: a worker's death or a lost answer may destroy the only copy of the result.
SYNCHRONOUS = Series(
    HELD,
    quick=120,
    whole=400,
    needed=_SYNCHRONOUS,
    never=("blind: sent again after a lookup",),
)
# Submits by link to a vendor whose list names nothing but which keeps the images. All images of a format are equal, so that the
# lookup meets many processes that could be a job's own. `exchanged`: a job took the process of another run that had asked for the
# same model and settings.
BY_LINK = Series(
    LINKED,
    quick=80,
    whole=300,
    needed=_BY_LINK,
    never=("sent again after a lookup",),
)
# The output bucket refuses to be written for a while, and other programs write into it. Nothing is paid for while no result can
# be stored, a foreign object stays whole, and every paid result is published all the same.
REFUSING = Series(
    STORED,
    quick=60,
    whole=200,
    needed=_REFUSING,
)
# Uploads cannot be read, for good or for a while, from the beginning or only later. Each upload comes to an end and costs a
# bounded number of invocations. If its failure is of an unknown kind, its message reaches the dead-letter queue.
UNREADABLE = Series(
    UNREAD,
    quick=60,
    whole=200,
    needed=_UNREADABLE,
)
# The vendor calls back: late, twice, out of order, too early, wrongly or never, before the bind, before the wait, while finalize
# runs and after the end. Others forge callbacks, and clear the vendor's list, which also lags for longer than it may. No callback
# changes what a job comes to, none that was accepted waits for the clock, and no run about which one was accepted is sent again.
CALLING = Series(
    CALLED,
    quick=40,
    whole=120,
    needed=_CALLING,
)
SERIES = (USUAL, SYNCHRONOUS, BY_LINK, REFUSING, UNREADABLE, CALLING)


def is_played(seed: int, family: str) -> bool:
    """Say whether `make test` plays the schedule of `seed` in `family`. In the usual series, the seed chooses the family."""
    chosen = FAMILIES[seed % len(FAMILIES)]
    return any(seed < series.quick and (series.family or chosen) == family for series in SERIES)
