"""hearing: what a provider's answers are worth. Asks only; nothing is written."""

from __future__ import annotations

from contextlib import suppress

from darkroom.errors import DarkroomError, ProcessUnknown, ResultNotReady, UnsafeLink
from darkroom.model import Job, ProcessState, Progress
from darkroom.ports import Provider


def is_given(provider: Provider, job: Job) -> bool:
    """Whether the process' result can be had, whatever its status says."""
    try:
        with provider.result(job.process_id or ""):
            return True
    except (ProcessUnknown, ResultNotReady, UnsafeLink):
        return False


def asks_with_another_key(provider: Provider, job: Job) -> bool:
    """Whether the key is not the one of the submit: of another account, perhaps, which knows nothing of our processes.
    Raises ResultNotReady when the right one was found only now."""
    if provider.key_fingerprint() == job.key_fingerprint:
        return False
    provider.refresh_key()  # another container may have sent it with a key that this one has not seen yet
    if provider.key_fingerprint() == job.key_fingerprint:
        raise ResultNotReady("the provider was asked with an older API key than the job's: asked again")
    return True


def as_staged(job: Job, provider: Provider) -> Progress:
    """A synchronous call had its answer: it is completed, whatever the provider keeps of it. What it charged is asked for
    where the answer did not say it, or was not read to its end."""
    credits = job.credits_charged
    if credits is None:
        with suppress(DarkroomError):
            credits = provider.progress(job.process_id or "").credits
    return Progress(ProcessState.COMPLETED, credits=credits)
