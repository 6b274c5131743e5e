"""What a shell offers when Tab is pressed: providers, models, keys of settings, and open jobs; and the argument that names a job.

Only jobs need a stack. If it cannot be reached, nothing is offered and nothing is said, because a message would spoil the line
that somebody is typing.
"""

from __future__ import annotations

import contextlib
import os
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from darkroom.model import Job

MOST_JOBS = 50
Offers = list[tuple[str, str]]  # the word and what is said beside it


def providers(incomplete: str) -> Offers:
    """Offer the providers."""
    from darkroom import catalog

    return [(name, "a provider") for name in catalog.providers() if name.startswith(incomplete.lower())]


def models(context: typer.Context, incomplete: str) -> Offers:
    """Offer the models, only those of a provider if one is named before."""
    from darkroom import catalog

    named = context.params.get("provider")
    chosen = [named] if named in catalog.providers() else catalog.providers()
    found = ((model, f"a model of {provider}") for provider in chosen for model in catalog.load(provider).models)
    return [offer for offer in found if offer[0].startswith(incomplete)]


def settings(incomplete: str) -> Offers:
    """Offer the keys of settings as `key=`, and for provider, model and preset their values."""
    from darkroom.setting_layers import known_keys

    key, equals, begun = incomplete.partition("=")
    if not equals:
        return [(f"{name}=", "a setting") for name in sorted(known_keys()) if name.startswith(key)]
    values = [name for name in _values(key) if name.lower().startswith(begun.lower())]
    return [(f"{key}={name}", "") for name in dict.fromkeys(values)]


def _values(key: str) -> list[str]:
    """Return the values of a setting whose values are names."""
    from darkroom import catalog

    match key:
        case "provider":
            return list(catalog.providers())
        case "model":
            return [model for provider in catalog.providers() for model in catalog.load(provider).models]
        case "preset":
            return [preset for provider in catalog.providers() for preset in catalog.presets(provider)]
        case _:
            return []


def jobs(context: typer.Context, incomplete: str) -> Offers:
    """Offer open jobs by their short ids, or by their keys once something else than an id is typed."""
    with contextlib.suppress(Exception):  # whatever is wrong with the stack, the shell must only offer nothing
        return [offer for job in _open_jobs(context) if (offer := _offer(job, incomplete)) is not None]
    return []


def _open_jobs(context: typer.Context) -> list[Job]:
    from darkroom_cli.stack import deployment
    from darkroom_cli.stack.job_selection import Selection, open_jobs

    before, behind = context.find_root().params.get("stack"), context.params.get("stack")
    stack = behind or before or os.environ.get(deployment.STACK_VARIABLE) or deployment.DEFAULT_STACK
    return list(islice(open_jobs(deployment.connect(stack), Selection()), MOST_JOBS))


def _offer(job: Job, incomplete: str) -> tuple[str, str] | None:
    from darkroom.pipeline.job_lookup import SHORT_ID_DIGITS

    if job.job_id.startswith(incomplete):
        return job.job_id[: max(SHORT_ID_DIGITS, len(incomplete))], f"{job.status} {job.source_key}"
    return (job.source_key, job.status.value) if job.source_key.startswith(incomplete) else None


JOB_HELP = "The job's id or its first 8 digits, the key of its upload, or the s3:// address of its upload or result."
# The argument by which commands name one job. `pipeline/job_lookup.py` finds the job.
Reference = Annotated[str, typer.Argument(metavar="JOB", help=JOB_HELP, autocompletion=jobs)]
