"""Applies the SAM transform to a template, with the package that AWS uses and that the emulator would use too."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

_TRANSFORM = "AWS::Serverless-2016-10-31"


class TemplateRefused(Exception):
    """The template is no valid SAM template. The message says why."""


def load() -> None:
    """Import the package, which takes half a second. It is not imported at the top: a command says its first line before."""
    importlib.import_module("samtranslator.translator.translator")


def transformed(template: dict[str, Any], region: str) -> dict[str, Any]:
    """Return the template as the transform leaves it, or the same template if it does not ask for the transform. The template
    itself may be changed. Raises TemplateRefused."""
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator
    from samtranslator.utils import py27hash_fix

    if template.get("Transform") != _TRANSFORM:
        return template
    session: Any = SimpleNamespace(region_name=region)  # a session of boto3 would read the operator's AWS configuration
    py27hash_fix.to_py27_compatible_template(template, {})  # for the hashes in names, which are those on AWS
    try:
        made = Translator(None, Parser(), boto_session=session).translate(template, {}, get_managed_policy_map=dict)
    except InvalidDocumentException as refused:
        raise TemplateRefused("\n".join(cause.message for cause in refused.causes)) from refused
    result: dict[str, Any] = py27hash_fix.undo_mark_unicode_str_in_template(made)
    return result
