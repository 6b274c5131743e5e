"""Lets the URL of a Lambda function lead to the emulator, so that a vendor's simulator can call it as a vendor calls AWS.

ministack 1.5.33 gives a function the URL that AWS would give it, whose host has no address on this machine. But it serves the
same function at a path of its own. `lead_here` makes this path the function's URL. The request and its event do not change.
"""

from __future__ import annotations

from typing import Any

from darkroom_local.emulator.version import require

_PATH = "/_aws/lambda-url/"


def lead_here(lambda_service: Any, origin: str) -> None:
    """Change ministack's module of Lambda. `origin` is the scheme, host and port at which the emulator serves. Raises
    EmulatorChanged."""
    require(
        lambda_service,
        {
            "_create_function_url_config": "qualifier",
            "_function_url_id": "function_url",
            "_url_config_key": "qualifier",
            "json_response": "status",
        },
        ("_function_urls",),
    )
    create, read_id = lambda_service._create_function_url_config, lambda_service._function_url_id

    def create_here(func_name: str, data: Any, qualifier: str | None) -> Any:
        answer = create(func_name, data, qualifier)
        if answer[0] >= 400:
            return answer
        config = lambda_service._function_urls[lambda_service._url_config_key(func_name, qualifier)]
        config["FunctionUrl"] = f"{origin}{_PATH}{read_id(config['FunctionUrl'])}/"
        return lambda_service.json_response(config, status=answer[0])

    def id_of(function_url: str) -> str:
        _, is_here, rest = function_url.partition(_PATH)
        return rest.rstrip("/") if is_here else str(read_id(function_url))

    lambda_service._create_function_url_config, lambda_service._function_url_id = create_here, id_of
