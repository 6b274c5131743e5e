"""Checks an error that a provider raises. It must be exactly of the expected class, and contain nothing secret."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest
from tests.contract.providers_under_test.base import ProviderUnderTest

from darkroom.errors import DarkroomError

E = TypeVar("E", bound=DarkroomError)


@contextmanager
def raises_safely(kind: type[E], under_test: ProviderUnderTest) -> Iterator[pytest.ExceptionInfo[E]]:
    """Check that the block raises an error of exactly this class. It must show no key or link, and hide the vendor's error."""
    with pytest.raises(kind) as caught:
        yield caught
    error = caught.value
    assert type(error) is kind
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__
    shown = "".join(traceback.format_exception_only(error)) + repr(error.args)
    assert not [secret for secret in under_test.secrets if secret in shown]
    assert under_test.secrets[0] not in "".join(traceback.format_exception(error))
