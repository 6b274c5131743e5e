"""Corrects what the emulator does with task tokens, with which an execution waits until somebody else sends its result.

Four things differ from AWS in ministack 1.5.33, and are corrected here:

- It ignores `TimeoutSecondsPath`. AWS takes the seconds from the state's input, and the execution fails if they are no whole
  number above zero (https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html).
- It multiplies waits by SFN_WAIT_SCALE, but not the time-out of a wait for a token. So a shortened execution would wait in full.
- A token that was used, or whose time is over, is unknown to it. AWS answers `TaskTimedOut`.
- It asks for the permission to send a token's result on `*`. AWS asks for it on the state machine.

This module must not know Darkroom's state machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from darkroom_local.emulator.version import require

_TOKEN_RESOURCE = ".waitForTaskToken"  # noqa: S105 (not a password)
_SECONDS, _SECONDS_PATH = "TimeoutSeconds", "TimeoutSecondsPath"
_MACHINE = "_StateMachine"  # a key in the state's definition, from which the call for a token learns the state machine
_USED = "Task Timed Out: 'Provided task does not exist anymore'"

State = Mapping[str, Any]


class TaskTokens:
    """Knows the state machine of each token that was given out."""

    def __init__(self, stepfunctions: Any, iam_actions: Any) -> None:
        """`stepfunctions` and `iam_actions` are ministack's modules of these names. Raises EmulatorChanged."""
        require(
            stepfunctions,
            {
                "_execute_task": "state_def",
                "_invoke_with_callback": "token",
                "_send_task_success": "data",
                "_send_task_failure": "data",
                "_apply_input_path": "state_def",
                "_resolve_path_or_ctx": "path",
                "error_response_json": "code",
            },
            ("_ExecutionError", "_task_tokens", "_SFN_WAIT_SCALE"),
        )
        require(iam_actions, {"extract_resource_arn": "service", "_safe_json_field": "field"})
        self._states, self._iam = stepfunctions, iam_actions
        self._machines: dict[str, str] = {}  # token → the ARN of its state machine; also of tokens that were used

    def attach(self) -> None:
        """Changes ministack's modules. Call this once, before the cloud serves."""
        states, iam = self._states, self._iam
        states._execute_task = self._timed(states._execute_task)
        states._invoke_with_callback = self._noting(states._invoke_with_callback)
        states._send_task_success = self._once(states._send_task_success)
        states._send_task_failure = self._once(states._send_task_failure)
        iam.extract_resource_arn = self._locating(iam.extract_resource_arn)

    def _timed(self, execute: Callable[..., Any]) -> Callable[..., Any]:
        def execute_task(state_def: State, raw_input: Any, execution: Any, ctx: Any) -> Any:
            state = {**state_def, _MACHINE: ctx["StateMachine"]["Id"]}
            if _SECONDS_PATH in state:
                state[_SECONDS] = self._seconds(state.pop(_SECONDS_PATH), state_def, raw_input, ctx)
            if _SECONDS in state and _TOKEN_RESOURCE in state["Resource"]:
                state[_SECONDS] *= self._states._SFN_WAIT_SCALE
            return execute(state, raw_input, execution, ctx)

        return execute_task

    def _seconds(self, path: str, state_def: State, raw_input: Any, ctx: Any) -> int:
        effective = self._states._apply_input_path(state_def, raw_input, ctx)
        seconds = self._states._resolve_path_or_ctx(path, effective, ctx)
        if type(seconds) is not int or seconds <= 0:
            raise self._states._ExecutionError(
                "States.Runtime",
                f"The path {path!r} must lead to a whole number of seconds above zero, not {seconds!r}.",
            )
        return seconds

    def _noting(self, wait: Callable[..., Any]) -> Callable[..., Any]:
        def wait_for_token(resource: str, input_data: Any, token: str, state_def: State) -> Any:
            self._machines[token] = state_def[_MACHINE]
            return wait(resource, input_data, token, state_def)

        return wait_for_token

    def _once(self, send: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def send_once(data: Mapping[str, Any]) -> Any:
            token = data.get("taskToken", "")
            waiting = self._states._task_tokens.get(token)
            if token in self._machines and (waiting is None or waiting["event"].is_set()):
                return self._states.error_response_json("TaskTimedOut", _USED, 400)
            return send(data)

        return send_once

    def _locating(self, locate: Callable[..., str]) -> Callable[..., str]:
        def extract_resource_arn(service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any) -> str:
            token = self._iam._safe_json_field(body, "taskToken") if service == "states" else ""
            return self._machines.get(token) or locate(service, method, path, headers, body, *rest)

        return extract_resource_arn
