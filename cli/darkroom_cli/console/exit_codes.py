"""The exit codes of every command of `darkroom`. docs/commands.md explains them to users."""

from __future__ import annotations

DONE = 0
REPEAT = 1  # only a part was done, something changed meanwhile, or you answered no: the same command may be given again
NOT_POSSIBLE = 2  # the command cannot work as it was given
HUNG_UP = 129  # the terminal was closed: 128 + SIGHUP
INTERRUPTED = 130  # Ctrl-C: 128 + SIGINT, as shells have it
TERMINATED = 143  # 128 + SIGTERM
