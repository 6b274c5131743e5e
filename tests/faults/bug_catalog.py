"""Lists the bugs that the simulation must catch. Each entry names schedules that reveal the bug and invariants it may break."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.faults import seeded_bugs, seeded_callback_bugs, seeded_image_bugs, seeded_staging_bugs, seeded_storage_bugs
from tests.faults.world_shapes import CALLED, HELD, LINKED, STORED, UNREAD


@dataclass(frozen=True)
class Bug:
    """Holds a bug and how to reveal it. The schedule of `seed` in `family` reveals the bug by breaking one of `laws` first.

    A change of the runtime may change what happens in that schedule. Then the test searches for another seed, which takes
    longer, and names the seed in a warning.
    """

    name: str
    seed_it: Callable[[pytest.MonkeyPatch], None]
    family: str
    seed: int
    laws: tuple[str, ...]


ONE_PAID = "a run has at most one accepted submit"
KNOWN = "a submit is made under the attempt that the ledger knows"
BALANCE = "the books balance"
COMMITTED = "committed is the sum of reserved and spent, and none is below 0"
LIMIT = "no reservation passes the limit"
TAKEOVER = "nobody takes over from a worker that lives"
OVER = "a job that has ended never changes"
NEWER = "an older version's result never replaces a newer one's"
WHOLE = "a result is whole or not there"
DELIVERED = "every completed job has its result"
CALLED_FOR = "a charge above the reservation has its alarm"
TOLD = "every end of a job has its event"
RUN = "only an operator's rerun raises the run"
CHARGED = "the ledger spent what the vendor charged"
ENDS = "every job comes to an end"
LOST = "no upload is lost"
RETRY = "a function fails only for reasons that a retry mends"
REST = "everything comes to rest"
OWN = "a job is bound to a process of its own run"
ONE_JOB = "a process has one job"
OWN_ORPHAN = "an orphan is a process of its own job"
ALARMED = "a job in doubt is resolved, or an alarm was raised for it"
ITS_OWN = "a result is that of its own process"
PUBLISHED = "a staged result is published or withdrawn"
STAYS = "a staged result is kept until it is published"
GONE = "a published result is no longer staged"
NO_WAIT = "nobody polls a process whose result is staged"

COST = "a broken upload costs at most 30 invocations a day"
COUNTED = "a lasting failure reaches the dead-letter queue"

FOREIGN = "a foreign object stays whole"
REFUSED = "a forged callback is refused"
FORGED = "a forged callback changes nothing"
OTHERS = "a callback changes only what its own run was told"
ENDED = "a callback changes no run that has ended"
TOKEN = "a task token is written into the row of its own run"
LOOKED = "an accepted callback is looked at before the clock"
NOT_AGAIN = "nothing is sent again for a run about which the vendor has called back"
BOUNDED = "callbacks lead to a bounded number of looks"

BESIDE = "what a source's owner wrote stays on the result"
STORABLE = "nothing is sent unless its result can be stored"

IN_GENERAL = (
    Bug(
        "SAME_ATTEMPT left out",
        seeded_bugs.no_same_attempt,
        "people",
        142,
        (ONE_PAID, KNOWN, OVER, BALANCE, COMMITTED, CHARGED),
    ),
    Bug("FROM_STATUS left out", seeded_bugs.no_from_status, "people", 13, (OVER, BALANCE, COMMITTED)),
    Bug("LEASE_OVER left out", seeded_bugs.no_lease_over, "mixed", 10, (TAKEOVER,)),
    Bug(
        "lease shorter than the invocation",
        seeded_bugs.lease_too_short,
        "doubts",
        2,
        (TAKEOVER, KNOWN, ONE_PAID, REST, CHARGED),
    ),
    Bug("ROOM_LEFT left out", seeded_bugs.no_room_left, "money", 1, (LIMIT,)),
    Bug("room off by the price", seeded_bugs.room_off_by_the_price, "money", 1, (LIMIT,)),
    Bug("budget read, then written", seeded_bugs.budget_read_then_written, "money", 48, (LIMIT,)),
    Bug("released twice", seeded_bugs.released_twice, "mixed", 50, (BALANCE, COMMITTED)),
    Bug("reserved beside the job", seeded_bugs.reserved_beside_the_job, "money", 0, (BALANCE, COMMITTED)),
    Bug("sent before reserved", seeded_bugs.sent_before_reserved, "mixed", 0, (KNOWN, RETRY)),
    Bug("doubt taken for not sent", seeded_bugs.doubt_taken_for_not_sent, "doubts", 3, (ONE_PAID, CHARGED)),
    Bug("doubt released at once", seeded_bugs.doubt_released_at_once, "doubts", 23, (ONE_PAID, CHARGED)),
    Bug("no grace", seeded_bugs.no_grace, "doubts", 2, (ONE_PAID, CHARGED)),
    Bug("no wait for the dead", seeded_bugs.no_wait_for_the_dead, "doubts", 117, (ONE_PAID, KNOWN, TAKEOVER, CHARGED)),
    Bug("another key's list believed", seeded_bugs.another_keys_list_believed, "doubts", 45, (ONE_PAID, CHARGED)),
    Bug("nothing released when it fails", seeded_bugs.nothing_released_when_it_fails, "mixed", 1, (BALANCE,)),
    Bug("settled twice", seeded_bugs.settled_twice, "mixed", 0, (BALANCE, COMMITTED)),
    Bug("overrun told late", seeded_bugs.overrun_told_after_the_settlement, "mixed", 69, (CALLED_FOR,)),
    Bug("marked before sent", seeded_bugs.marked_before_sent, "mixed", 12, (TOLD,)),
    Bug("takeover raises the run", seeded_bugs.sweep_raises_the_run, "doubts", 0, (RUN,)),
    Bug("rerun forgets the run before", seeded_bugs.rerun_forgets_the_run, "people", 2, (BALANCE, OVER)),
    Bug("NOT_OLDER left out", seeded_bugs.no_not_older, "versions", 2, (NEWER,)),
    Bug("OUTPUT_FREE left out", seeded_bugs.no_output_free, "versions", 410, (NEWER, DELIVERED)),
    Bug("broken result believed", seeded_bugs.broken_result_believed, "mixed", 10, (WHOLE,)),
    Bug("cancelled by word", seeded_bugs.cancelled_by_word, "people", 81, (CHARGED,)),
    Bug("dead submits not swept", seeded_bugs.died_after_wake, "doubts", 4, (ENDS, REST)),
    Bug("waiting counts as failing", seeded_bugs.waiting_counts_as_failing, "doubts", 2, (RETRY,)),
)
OF_READING = (
    Bug("a failing job due at once", seeded_bugs.failing_is_due_at_once, UNREAD, 5, (COST,)),
    Bug("a denied read tried for ever", seeded_bugs.denied_for_ever, UNREAD, 14, (COST,)),
    Bug("dead workers not counted", seeded_bugs.dead_workers_are_not_counted, UNREAD, 31, (COST,)),
    Bug("redelivery taken for a duplicate", seeded_bugs.redelivery_taken_for_a_duplicate, UNREAD, 31, (COUNTED,)),
    Bug("deadline looked at after reading", seeded_bugs.deadline_after_reading, UNREAD, 0, (REST,)),
    Bug("failure acknowledged", seeded_bugs.failure_acknowledged, UNREAD, 34, (COUNTED,)),
)
OF_STAGING = (
    Bug("staged not looked for", seeded_staging_bugs.staged_not_looked_for, HELD, 9, (PUBLISHED, GONE)),
    Bug("another run's result adopted", seeded_staging_bugs.another_runs_result_adopted, HELD, 19, (OWN, ONE_JOB)),
    Bug("kept under the attempt", seeded_staging_bugs.kept_under_the_attempt, HELD, 16, (PUBLISHED, GONE, REST)),
    Bug("dropped before the copy", seeded_staging_bugs.dropped_before_the_copy, HELD, 0, (STAYS,)),
    Bug("never dropped", seeded_staging_bugs.never_dropped, HELD, 1, (GONE,)),
    Bug("whatever is staged published", seeded_staging_bugs.whatever_is_staged_published, HELD, 670, (ITS_OWN,)),
    Bug("lost answer sent again", seeded_staging_bugs.lost_answer_sent_again, HELD, 12, (ONE_PAID, CHARGED)),
    Bug("lost answer released", seeded_staging_bugs.lost_answer_released, HELD, 17, (CHARGED,)),
    Bug("failed call sent again", seeded_staging_bugs.failed_call_sent_again, HELD, 1, (ONE_PAID,)),
    Bug("failed call charged", seeded_staging_bugs.failed_call_charged, HELD, 1, (CHARGED,)),
    Bug("polled though staged", seeded_staging_bugs.polled_though_staged, HELD, 2, (NO_WAIT,)),
)
OF_IMAGES = (
    Bug("process not claimed", seeded_image_bugs.process_not_claimed, LINKED, 1, (ONE_JOB,)),
    Bug("OWN_PROCESS left out", seeded_image_bugs.own_process_left_out, LINKED, 1, (ONE_JOB,)),
    Bug("settings not compared", seeded_image_bugs.settings_not_compared, LINKED, 59, (OWN,)),
    Bug(
        "no such image taken for absent",
        seeded_image_bugs.nothing_found_taken_for_absent,
        LINKED,
        37,
        (ONE_PAID, CHARGED),
    ),
    Bug("equal ones taken for doubles", seeded_image_bugs.all_equal_ones_adopted, LINKED, 37, (OWN_ORPHAN, ALARMED)),
)
OF_STORING = (
    Bug("foreign object overwritten", seeded_storage_bugs.foreign_object_overwritten, STORED, 59, (FOREIGN,)),
    Bug("storage not looked at", seeded_storage_bugs.storage_not_looked_at, STORED, 0, (STORABLE,)),
    Bug("a proof counts for ever", seeded_storage_bugs.proof_for_ever, STORED, 5, (STORABLE,)),
    Bug("refused headers not answered", seeded_storage_bugs.refused_headers_not_answered, STORED, 9, (RETRY,)),
    Bug("tags always in the header", seeded_storage_bugs.tags_always_in_the_header, STORED, 168, (BESIDE,)),
)
OF_CALLBACKS = (
    Bug("MAC not compared", seeded_callback_bugs.mac_not_compared, CALLED, 1, (REFUSED, FORGED, OTHERS)),
    Bug("MAC of the job only", seeded_callback_bugs.mac_of_the_job_only, CALLED, 3, (REFUSED, FORGED)),
    Bug("another run's callback noted", seeded_callback_bugs.another_runs_callback_noted, CALLED, 112, (OTHERS,)),
    Bug("token of another run", seeded_callback_bugs.token_of_another_run, CALLED, 94, (TOKEN,)),
    Bug("token written beside a note", seeded_callback_bugs.token_written_beside_a_note, CALLED, 8, (LOOKED,)),
    Bug("callback before the bind lost", seeded_callback_bugs.early_callback_lost, CALLED, 2, (LOOKED,)),
    Bug("process believed", seeded_callback_bugs.process_believed, CALLED, 67, (OWN, ONE_JOB, CHARGED)),
    Bug(
        "list believed against a callback",
        seeded_callback_bugs.list_believed_against_a_callback,
        CALLED,
        10,
        (NOT_AGAIN, ONE_PAID, CHARGED),
    ),
    Bug("NO_CALLBACK left out", seeded_callback_bugs.no_callback_left_out, CALLED, 67, (NOT_AGAIN, ONE_PAID, CHARGED)),
    Bug(
        "word that is not final ignored", seeded_callback_bugs.word_that_is_not_final_ignored, CALLED, 45, (NOT_AGAIN,)
    ),
    Bug(
        "note not read before the resend",
        seeded_callback_bugs.note_not_read_before_the_resend,
        CALLED,
        10,
        (NOT_AGAIN,),
    ),
    Bug(
        "callback before the resend ignored",
        seeded_callback_bugs.callback_before_the_resend_ignored,
        CALLED,
        10,
        (NOT_AGAIN,),
    ),
    Bug("failure believed", seeded_callback_bugs.failure_believed, CALLED, 5, (CHARGED,)),
    Bug("note never ends", seeded_callback_bugs.note_never_ends, CALLED, 14, (BOUNDED,)),
    Bug("note ends after the question", seeded_callback_bugs.note_ends_after_the_question, CALLED, 451, (LOOKED,)),
    Bug("callbacks without end", seeded_callback_bugs.callbacks_without_end, CALLED, 5, (BOUNDED,)),
    Bug("noted and not woken", seeded_callback_bugs.noted_and_not_woken, CALLED, 0, (LOOKED,)),
    Bug("an ended job noted", seeded_callback_bugs.ended_job_noted, CALLED, 0, (ENDED,)),
)
BUGS = (*IN_GENERAL, *OF_READING, *OF_STAGING, *OF_IMAGES, *OF_STORING, *OF_CALLBACKS)
