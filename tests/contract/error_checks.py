"""The one check that every raised error passes: exactly the promised kind, and nothing secret in or behind it."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest
from tests.contract.stages.base import Stage

from darkroom.errors import DarkroomError

E = TypeVar("E", bound=DarkroomError)


@contextmanager
def promised(kind: type[E], stage: Stage) -> Iterator[pytest.ExceptionInfo[E]]:
    """Expects exactly this error, shown without a key, a link or a vendor's exception."""
    with pytest.raises(kind) as caught:
        yield caught
    error = caught.value
    assert type(error) is kind
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__
    shown = "".join(traceback.format_exception_only(error)) + repr(error.args)
    assert not [secret for secret in stage.secrets if secret in shown]
    assert stage.secrets[0] not in "".join(traceback.format_exception(error))
