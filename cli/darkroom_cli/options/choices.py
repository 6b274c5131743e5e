"""Reads options whose values are names of a list, such as a status or an error code. A wrong name is told with the nearest right
one. Upper and lower case are equal."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

import typer

Name = TypeVar("Name", bound=StrEnum)


def parser(names: type[Name], what: str) -> Callable[[str], Name]:
    """Return a function that turns a text into one of the names. It raises BadParameter, which calls the names `what`."""

    def parsed(text: str) -> Name:
        from darkroom.setting_words import did_you_mean
        from darkroom.spelling import closest

        by_folded = {name.value.casefold(): name for name in names}
        found = by_folded.get(text.strip().casefold())
        if found is None:
            near = did_you_mean(closest(text, [name.value for name in names]))
            raise typer.BadParameter(f"{text!r} is no {what}{near or '; use one of ' + ', '.join(names)}")
        return found

    return parsed


def offered(names: type[StrEnum]) -> Callable[[str], list[str]]:
    """Return a function that offers the names to a shell when Tab is pressed."""

    def offers(incomplete: str) -> list[str]:
        return [name.value for name in names if name.value.casefold().startswith(incomplete.casefold())]

    return offers
