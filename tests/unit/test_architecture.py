"""Tests the architecture in the source: which module may import which, where each concern lives, and how long files may be."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TypeGuard

import pytest

ROOT = Path(__file__).parents[2]
RUNTIME = ROOT / "layers/core/darkroom"
TREES = ("layers/core/darkroom", "functions", "cli/darkroom_cli", "local/darkroom_local")
PURE = {
    "darkroom.allowed_settings", "darkroom.callback_addresses", "darkroom.catalog", "darkroom.configuration", "darkroom.drift",
    "darkroom.folder_files", "darkroom.globs", "darkroom.images", "darkroom.output_keys", "darkroom.output_templates",
    "darkroom.own_settings", "darkroom.planning", "darkroom.poll_schedule", "darkroom.pricing",
    "darkroom.queue_messages", "darkroom.request_echo", "darkroom.retirement", "darkroom.retry_schedule",
    "darkroom.setting_checks", "darkroom.setting_layers", "darkroom.setting_words", "darkroom.sizing",
    "darkroom.spelling", "darkroom.timestamps",
}  # fmt: skip
# The modules that define the domain's words, and the modules that each of them may import besides itself.
WORDS = {"darkroom.model": set(), "darkroom.errors": set(), "darkroom.ports": {"darkroom.model", "darkroom.errors"}}
ROOMS = {"darkroom.aws", "darkroom.pipeline", "darkroom.providers", "darkroom.adapters", "darkroom.container"}
# The calls that may wait. Only retries of ledger writes, and of results that can be fetched only once, may do so.
SLEEPERS = {
    "layers/core/darkroom/aws/ledger_table.py": ["self.sleep"],
    "layers/core/darkroom/providers/synchronous.py": ["downloads.sleep"],
}
# The files in which `time.sleep` is the default of a field.
SLEEP_DEFAULTS = {"layers/core/darkroom/aws/ledger_table.py", "layers/core/darkroom/providers/downloads.py"}
# The folders of the command line and of the local stack, and the folders that each of them imports. Each imports only folders
# above it.
COMMAND_LINE = {
    "stack": set(),
    "console": {"stack"},
    "options": {"stack"},
    "jobs": {"stack", "console"},
    "status": {"stack", "console", "jobs"},
    "catalogs": {"stack", "console"},
    "costs": {"stack", "console", "options"},
    "batch": {"stack", "console", "jobs", "costs"},
    "html_report": {"stack", "console", "jobs", "costs"},
    "local": {"console", "costs", "html_report"},
    "commands": {
        "stack", "console", "options", "jobs", "status", "catalogs", "costs", "batch", "html_report", "local"
    },
}  # fmt: skip
LOCAL = {
    "machine": set(),
    "simulators": set(),
    "emulator": {"machine"},
    "folder": {"machine", "emulator"},
    "results": {"machine", "emulator", "folder"},
    "stack": {"machine", "emulator", "results"},
    "run": {"emulator", "folder", "results", "stack"},
    "samples": {"folder", "results", "stack", "run"},
}
MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_HANDLER_LINES = 400, 40, 40  # the docstring of a file over 300 lines says why


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(parsed(path)))


@cache
def sources_of(tree: str) -> tuple[Path, ...]:
    return tuple(sorted((ROOT / tree).rglob("*.py")))


def sources(*trees: str) -> list[Path]:
    found = [path for tree in trees for path in sources_of(tree)]
    assert found, trees
    return found


def module_of(path: Path) -> str:
    for base in ("layers/core", "functions", "cli", "local"):
        if path.is_relative_to(ROOT / base):
            parts = path.relative_to(ROOT / base).with_suffix("").parts
            return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    raise AssertionError(path)


def is_typing_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


@cache
def imports(path: Path, *, typing_too: bool = True) -> tuple[str, ...]:
    """Return the full name of every imported module. `from darkroom import events` gives `darkroom.events`."""
    typing_only = () if typing_too else (node for node in nodes(path) if is_typing_only(node))
    skipped = {id(inner) for node in typing_only for inner in ast.walk(node)}
    return tuple(name for node in nodes(path) if id(node) not in skipped for name in _imported(path, node))


def _imported(path: Path, node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from _from(path, node)


def _from(path: Path, node: ast.ImportFrom) -> Iterator[str]:
    base = node.module or ""
    if node.level:
        package = module_of(path).split(".")
        package = package if path.name == "__init__.py" else package[:-1]
        base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])
    if base in ("darkroom", "darkroom_cli", "darkroom_local"):
        yield from (f"{base}.{alias.name}" for alias in node.names)
    else:
        yield base


def ours(path: Path, *, typing_too: bool = True) -> set[str]:
    """Return the parts of the runtime that the file imports, as `darkroom.<name>`."""
    found = (name for name in imports(path, typing_too=typing_too) if name.split(".")[0] == "darkroom")
    return {".".join(name.split(".")[:2]) for name in found}


def foreign(path: Path) -> set[str]:
    """Return the packages that the file imports and that are neither ours nor in the standard library."""
    tops = {name.split(".")[0] for name in imports(path)}
    return {top for top in tops if top not in sys.stdlib_module_names and not top.startswith("darkroom")}


def files_of(module: str) -> list[Path]:
    """Return the module's file, or all files of the package."""
    base = RUNTIME / module.removeprefix("darkroom.")
    found = sorted(base.rglob("*.py")) if base.is_dir() else [base.with_suffix(".py")]
    assert found, module
    return found


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def own(path: Path) -> str:
    return ".".join(module_of(path).split(".")[:2])


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def arrows(tree: str) -> dict[str, set[str]]:
    """Return each folder of the package, and what else its files import of the package: folders, or modules beside them."""
    package = Path(tree).name
    found: dict[str, set[str]] = {}
    for path in sources(tree):
        folder, *inside = path.relative_to(ROOT / tree).parts
        if inside:
            names = (module.split(".")[1] for module in imports(path) if module.startswith(f"{package}."))
            found.setdefault(folder, set()).update(name for name in names if name != folder)
    return found


def against_the_order(folders: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return each folder that may import folders below it or itself, with those."""
    order = list(folders)
    return {folder: late for folder, known in folders.items() if (late := known - set(order[: order.index(folder)]))}


def offenders(breaks: Callable[[Path], object], paths: Iterable[Path]) -> dict[str, object]:
    """Return each file that breaks the rule, with what `breaks` found in it. The result is empty if no file breaks the rule."""
    return {name(path): wrong for path in paths if (wrong := breaks(path))}


def test_the_words_of_the_domain_need_only_the_standard_library() -> None:
    for module, others in WORDS.items():
        assert offenders(lambda path: foreign(path) | ours(path) - {module} - others, files_of(module)) == {}  # noqa: B023


def test_every_module_has_its_room() -> None:
    tops = {own(path) for path in sources("layers/core/darkroom")} - {"darkroom"}
    assert tops == PURE | WORDS.keys() | ROOMS


def test_pure_modules_know_no_adapter_and_no_clock() -> None:
    def breaks(path: Path) -> set[str]:
        clocks = {call for call in _calls(path) if call.endswith((".now", ".utcnow", ".today"))}
        application = {"os", "time", "random", "socket", "logging"} & set(imports(path))
        return clocks | application | foreign(path) | ours(path) - PURE - WORDS.keys()

    assert offenders(breaks, (path for module in sorted(PURE) for path in files_of(module))) == {}


def test_the_pipeline_knows_ports_and_pure_modules_only() -> None:
    known = PURE | WORDS.keys() | {"darkroom.pipeline"}
    assert offenders(lambda path: foreign(path) | ours(path) - known, sources("layers/core/darkroom/pipeline")) == {}


def test_adapters_know_the_words_the_pure_modules_and_themselves() -> None:
    adapters = sources("layers/core/darkroom/aws", "layers/core/darkroom/providers")
    assert offenders(lambda path: ours(path) - PURE - WORDS.keys() - {own(path)}, adapters) == {}


def test_handlers_know_the_container_and_what_they_translate() -> None:
    known = {
        "darkroom.container",
        "darkroom.queue_messages",
        "darkroom.pipeline.message_outcomes",
        "darkroom.aws.executions",
    }

    def breaks(path: Path) -> set[str]:
        return {module for module in imports(path) if module.startswith("darkroom")} - known

    assert offenders(breaks, sources("functions")) == {}
    assert offenders(lambda path: lines(path) >= MAX_HANDLER_LINES and lines(path), sources("functions")) == {}


def test_nothing_that_ships_imports_the_command_line_or_the_local_stack() -> None:
    ours_alone = {"cli", "local", "tests", "darkroom_cli", "darkroom_local"}
    shipped = sources("layers/core/darkroom", "functions")
    assert offenders(lambda path: {module.split(".")[0] for module in imports(path)} & ours_alone, shipped) == {}


@pytest.mark.parametrize(("tree", "folders"), [("cli/darkroom_cli", COMMAND_LINE), ("local/darkroom_local", LOCAL)])
def test_the_folders_of_the_command_line_and_of_the_local_stack_import_one_way(
    tree: str, folders: dict[str, set[str]]
) -> None:
    assert arrows(tree) == folders
    assert not against_the_order(folders)


def test_the_local_stack_does_not_import_the_command_line() -> None:
    def breaks(path: Path) -> list[str]:
        return [module for module in imports(path) if module.split(".")[0] == "darkroom_cli"]

    assert offenders(breaks, sources("local/darkroom_local")) == {}


def test_each_foreign_library_lives_in_its_one_place() -> None:
    places = {"httpx": {"darkroom.providers"}, "boto3": {"darkroom.aws"}}
    places |= {"botocore": places["boto3"], "types_boto3_dynamodb": places["boto3"]}

    def breaks(path: Path) -> set[str]:
        used = {module.split(".")[0] for module in imports(path, typing_too=False)}
        return {library for library in used if own(path) not in places.get(library, {own(path)})}

    assert offenders(breaks, sources("layers/core/darkroom")) == {}


def test_only_the_container_reads_the_environment() -> None:
    def breaks(path: Path) -> list[str]:
        if not {"environ", "getenv"} & set(re.findall(r"\w+", path.read_text(encoding="utf-8"))):
            return []  # taking the tree apart would find nothing either, and takes long
        text = ast.unparse(parsed(path))
        return [word for word in ("os.environ", "os.getenv", "environ[") if word in text]

    shipped = sources("layers/core/darkroom", "functions")
    assert offenders(breaks, (path for path in shipped if path.name != "container.py")) == {}


def test_simulators_import_nothing_of_the_application() -> None:
    def breaks(path: Path) -> list[str]:
        return [m for m in imports(path) if m.split(".")[0] in ("darkroom", "darkroom_cli", "functions")]

    assert offenders(breaks, sources("local/darkroom_local/simulators")) == {}


def test_only_retries_of_the_ledger_and_of_held_results_sleep() -> None:
    """Two files name `time.sleep` as a default. Two files call the function that they were given."""

    def breaks(path: Path) -> list[str]:
        defaults = [node.value for node in nodes(path) if _is_sleep_parameter(node)]
        named = [node for node in nodes(path) if isinstance(node, ast.Attribute) and _names(node, "time", "sleep")]
        called = [call for call in _calls(path) if call.split(".")[-1] in ("sleep", "wait")]
        rules = {
            "names time.sleep elsewhere": all(any(node is default for default in defaults) for node in named),
            "has no such default": bool(named) == (name(path) in SLEEP_DEFAULTS),
            "imports from time": not [n for n in nodes(path) if isinstance(n, ast.ImportFrom) and n.module == "time"],
            f"calls {called}": called == SLEEPERS.get(name(path), []),
        }
        return [wrong for wrong, holds in rules.items() if not holds]

    assert offenders(breaks, sources("layers/core/darkroom", "functions")) == {}


def test_files_are_short() -> None:
    assert offenders(lambda path: lines(path) >= MAX_FILE_LINES and lines(path), sources(*TREES)) == {}


def test_functions_are_short() -> None:
    def breaks(path: Path) -> dict[str, int]:
        functions = [n for n in nodes(path) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
        long = {f.name: f.end_lineno - f.lineno + 1 for f in functions if f.end_lineno is not None}
        return {named: length for named, length in long.items() if length >= MAX_FUNCTION_LINES}

    assert offenders(breaks, sources(*TREES)) == {}


def test_every_module_says_what_it_is_for() -> None:
    assert offenders(lambda path: not ast.get_docstring(parsed(path)), sources(*TREES)) == {}


def test_no_provider_raises_with_the_vendors_exception_attached() -> None:
    """httpx's exceptions contain whole URLs, so a `raise` of a new error inside `except` must end in `from None`."""

    def breaks(path: Path) -> list[str]:
        handlers = [node for node in nodes(path) if isinstance(node, ast.ExceptHandler)]
        raised = [node for handler in handlers for node in ast.walk(handler) if isinstance(node, ast.Raise)]
        return [
            f"line {node.lineno}"
            for node in raised
            if node.exc is not None and not (isinstance(node.cause, ast.Constant) and node.cause.value is None)
        ]

    assert offenders(breaks, sources("layers/core/darkroom/providers")) == {}


def _is_sleep_parameter(node: ast.AST) -> TypeGuard[ast.AnnAssign]:
    """Say whether the node is `sleep: Callable[[float], None] = …`, a field of a dataclass."""
    return isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "sleep"


def _names(node: ast.Attribute, module: str, attribute: str) -> bool:
    return isinstance(node.value, ast.Name) and (node.value.id, node.attr) == (module, attribute)


@cache
def _calls(path: Path) -> list[str]:
    return [ast.unparse(node.func) for node in nodes(path) if isinstance(node, ast.Call)]
