"""The argument by which commands name one job. `pipeline/job_lookup.py` finds the job."""

from __future__ import annotations

from typing import Annotated

import typer

from darkroom_cli import completion

JOB_HELP = "The job's id or its first 8 digits, the key of its upload, or the s3:// address of its upload or result."
Reference = Annotated[str, typer.Argument(metavar="JOB", help=JOB_HELP, autocompletion=completion.jobs)]
