"""Bugs that the simulation must catch: a slip each, where to look for it, and what it breaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.faults import slips, slips_of_staging
from tests.faults.shapes import HELD


@dataclass(frozen=True)
class Bug:
    """A slip, the family of schedules that brings it to light, and the laws that may be the first to be broken."""

    name: str
    seed_it: Callable[[pytest.MonkeyPatch], None]
    family: str
    laws: tuple[str, ...]


ONE_PAID = "one accepted submit a run"
KNOWN = "a submit is made under the attempt that the ledger knows"
BALANCE = "the books balance"
COMMITTED = "committed is reserved and spent, none below 0"
LIMIT = "no grant over the limit"
TAKEOVER = "nobody takes over from a worker that lives"
OVER = "what is over never changes"
NEWER = "no older version's result over a newer one's"
WHOLE = "a result is whole or not there"
DELIVERED = "every completed job has its result"
TOLD = "every end is told"
RUN = "a run grows by an operator's rerun only"
CHARGED = "spent is what the vendor charged"
ENDS = "every job comes to an end"
LOST = "no upload is lost"
RETRY = "functions fail for reasons that a retry mends"
REST = "everything comes to rest"
OWN = "a job is bound to a process of its own run"
ITS_OWN = "a result is its own process'"
PUBLISHED = "what is staged is published, or withdrawn"
STAYS = "what is staged stays until its result stands"
GONE = "what is published is no longer staged"
NO_WAIT = "nobody waits for what is staged"

IN_GENERAL = (
    Bug("SAME_ATTEMPT left out", slips.no_same_attempt, "people", (ONE_PAID, KNOWN, OVER, BALANCE, COMMITTED, CHARGED)),
    Bug("FROM_STATUS left out", slips.no_from_status, "people", (OVER, BALANCE, COMMITTED)),
    Bug("LEASE_OVER left out", slips.no_lease_over, "mixed", (TAKEOVER,)),
    Bug(
        "lease shorter than the invocation", slips.lease_too_short, "doubts", (TAKEOVER, KNOWN, ONE_PAID, REST, CHARGED)
    ),
    Bug("ROOM_LEFT left out", slips.no_room_left, "money", (LIMIT,)),
    Bug("room off by the price", slips.room_off_by_the_price, "money", (LIMIT,)),
    Bug("budget read, then written", slips.budget_read_then_written, "money", (LIMIT,)),
    Bug("released twice", slips.released_twice, "mixed", (BALANCE, COMMITTED)),
    Bug("reserved beside the job", slips.reserved_beside_the_job, "money", (BALANCE, COMMITTED)),
    Bug("sent before reserved", slips.sent_before_reserved, "mixed", (KNOWN, RETRY)),
    Bug("doubt taken for not sent", slips.doubt_taken_for_not_sent, "doubts", (ONE_PAID, CHARGED)),
    Bug("doubt released at once", slips.doubt_released_at_once, "doubts", (ONE_PAID, CHARGED)),
    Bug("no grace", slips.no_grace, "doubts", (ONE_PAID, CHARGED)),
    Bug("no wait for the dead", slips.no_wait_for_the_dead, "doubts", (ONE_PAID, KNOWN, TAKEOVER, CHARGED)),
    Bug("another key's list believed", slips.another_keys_list_believed, "doubts", (ONE_PAID, CHARGED)),
    Bug("nothing released when it fails", slips.nothing_released_when_it_fails, "mixed", (BALANCE,)),
    Bug("settled twice", slips.settled_twice, "mixed", (BALANCE, COMMITTED)),
    Bug("marked before sent", slips.marked_before_sent, "mixed", (TOLD,)),
    Bug("takeover raises the run", slips.sweep_raises_the_run, "doubts", (RUN,)),
    Bug("rerun forgets the run before", slips.rerun_forgets_the_run, "people", (BALANCE, OVER)),
    Bug("NOT_OLDER left out", slips.no_not_older, "versions", (NEWER,)),
    Bug("OUTPUT_FREE left out", slips.no_output_free, "versions", (NEWER, DELIVERED)),
    Bug("broken result believed", slips.broken_result_believed, "mixed", (WHOLE,)),
    Bug("cancelled by word", slips.cancelled_by_word, "people", (CHARGED,)),
    Bug("dead submits not swept", slips.died_after_wake, "doubts", (ENDS, REST)),
    Bug("waiting counts as failing", slips.waiting_counts_as_failing, "doubts", (RETRY,)),
)
OF_STAGING = (
    Bug("staged not looked for", slips_of_staging.staged_not_looked_for, HELD, (PUBLISHED, GONE)),
    Bug("another run's result adopted", slips_of_staging.another_runs_result_adopted, HELD, (OWN,)),
    Bug("kept under the attempt", slips_of_staging.kept_under_the_attempt, HELD, (PUBLISHED, GONE, REST)),
    Bug("dropped before the copy", slips_of_staging.dropped_before_the_copy, HELD, (STAYS,)),
    Bug("never dropped", slips_of_staging.never_dropped, HELD, (GONE,)),
    Bug("whatever is staged published", slips_of_staging.whatever_is_staged_published, HELD, (ITS_OWN,)),
    Bug("lost answer sent again", slips_of_staging.lost_answer_sent_again, HELD, (ONE_PAID, CHARGED)),
    Bug("lost answer released", slips_of_staging.lost_answer_released, HELD, (CHARGED,)),
    Bug("failed call sent again", slips_of_staging.failed_call_sent_again, HELD, (ONE_PAID,)),
    Bug("failed call charged", slips_of_staging.failed_call_charged, HELD, (CHARGED,)),
    Bug("polled though staged", slips_of_staging.polled_though_staged, HELD, (NO_WAIT,)),
)
BUGS = (*IN_GENERAL, *OF_STAGING)
