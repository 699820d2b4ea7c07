"""The magics themselves: ``%tfprofile``, ``%%tfprofile``, ``%tfmemory`` and ``%tfbackend``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from IPython.core import error
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import needs_local_scope, no_var_expand

from tfjslab.arguments import use_adapter
from tfjslab.backends import registry
from tfjslab.base.errors import TfjslabError, UsageError
from tfjslab.base.files import write_whole
from tfjslab.base.tables import Report
from tfjslab.engine.measure import memory
from tfjslab.magics.code import Awaiting, Code, compile_code, finish, run_code
from tfjslab.magics.line import Request, backend_parser, memory_parser, read_request
from tfjslab.magics.measure import measure
from tfjslab.magics.result import ProfileComparison, ProfileResult, result_of
from tfjslab.magics.views import BackendsView, MemoryView

Result = ProfileResult | ProfileComparison
_PROFILE = "tfprofile"
_KINDS = {_PROFILE: ("line", "cell"), "tfmemory": ("line",), "tfbackend": ("line",)}
_NAME_LENGTH = 60  # of code in a title
_TEXT = "text/plain"


def load(shell: InteractiveShell) -> None:
    """Register the magics, what lets them await, and tables as text where nothing else can be shown."""
    register = shell.magics_manager.register_function
    register(_profile_magic(shell), "line_cell", _PROFILE)
    register(_memory_magic, "line", "tfmemory")
    register(_backend_magic, "line", "tfbackend")
    shell.input_transformers_post.append(Awaiting(lambda args: _awaits(shell, args)))
    formatter = shell.display_formatter
    if formatter is not None and list(formatter.active_types) == [_TEXT]:
        # A report's repr is one line that stays the same, which is what tests of notebooks compare. A terminal has
        # no other place for the table.
        formatter.mimebundle_formatter.for_type(Report, lambda report: {_TEXT: str(report)})


def unload(shell: InteractiveShell) -> None:
    """Undo ``load``."""
    for name, kinds in _KINDS.items():
        for kind in kinds:
            shell.magics_manager.magics[kind].pop(name, None)
    transformers = shell.input_transformers_post
    transformers[:] = [t for t in transformers if not isinstance(t, Awaiting)]
    if shell.display_formatter is not None:
        shell.display_formatter.mimebundle_formatter.type_printers.pop(Report, None)


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Show what is wrong with a magic's own options as a line, without a traceback."""
    try:
        yield
    except TfjslabError as e:
        raise error.UsageError(str(e)) from None


def _profile_magic(shell: InteractiveShell) -> Callable[..., Any]:
    @no_var_expand  # braces and dollars are Python here
    @needs_local_scope
    def tfprofile(line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None) -> Any:
        """Profile a line or a cell; ``%tfprofile --help`` lists the options."""
        __tracebackhide__ = True
        with _one_line_errors():
            try:
                request = read_request(line, cell)
            except SystemExit:  # help was printed
                return None
            for name in request.backends:
                registry.backend(name)  # fail for an unavailable one before anything has run
        code = compile_code(shell, request.code)
        steps = _profile(shell, request, code, local_ns if cell is None else None, shown=cell is not None)
        return steps if code.awaits else finish(steps)

    return tfprofile


async def _profile(
    shell: InteractiveShell, request: Request, code: Code, local: dict[str, Any] | None, *, shown: bool,
) -> Result | None:
    """Measure, show the code's own value if it is to be ``shown``, keep the result, and write the requested files."""
    __tracebackhide__ = True
    name = "the cell" if shown else _elided(request.code)
    results = await measure(request, name, lambda: run_code(code, shell, local))
    result = result_of(results, request.backends)
    if shown and not code.silent and result.value is not None:
        shell.displayhook(result.value)
    if request.output is not None:
        shell.user_ns[request.output] = result
    with _one_line_errors():
        _write(request, result)
    return None if request.quiet else result


def _elided(code: str) -> str:
    line = " ".join(code.split())
    return line if len(line) <= _NAME_LENGTH else f"{line[:_NAME_LENGTH - 2]}.."


def _write(request: Request, result: Result) -> None:
    """The files of ``--save``, ``--trace`` and ``--view``; the last two are a file for each of several backends."""
    if request.save is not None:
        _dump("--save", Path(f"{request.save}.json"), result.to_json())
    for path, one in _files(request.trace, result):
        _dump("--trace", path, one.trace)
    for path, one in _files(request.view, result):
        one.timeline.save(path)


def _files(target: str | None, result: Result) -> Iterator[tuple[Path, ProfileResult]]:
    """Where each result is written to: the backend's name before the suffix where there are several."""
    if target is None:
        return
    path = Path(target)
    if isinstance(result, ProfileResult):
        yield path, result
    else:
        for name, one in zip(result.backends, result.results, strict=True):
            yield path.with_name(f"{path.stem}.{name}{path.suffix}"), one


def _dump(option: str, path: Path, data: Any) -> None:
    try:
        write_whole(path, json.dumps(data, indent=1, allow_nan=False) + "\n")
    except OSError as e:
        raise UsageError(f"{option} {path}: cannot be written ({e.strerror})") from None


def _awaits(shell: InteractiveShell, args: list[str]) -> bool:
    """Whether a call of a magic, by its arguments, is one of ours over code that awaits."""
    if args[0] != _PROFILE:
        return False
    try:
        return compile_code(shell, read_request(args[1], args[2] if len(args) > 2 else None).code).awaits  # noqa: PLR2004
    except (SyntaxError, TfjslabError, SystemExit):  # the magic itself reports it
        return False


def _memory_magic(line: str) -> MemoryView | None:
    """Show what ``tf.memory()`` returns; ``%tfmemory --help`` says what that is."""
    with _one_line_errors():
        try:
            _, rest = memory_parser().parse_known_args(line.split())
        except SystemExit:  # help was printed
            return None
        if rest:
            raise UsageError(f"%tfmemory {line.strip()}: takes no arguments; %tfprofile --memory shows a run's memory")
    return MemoryView(memory())


def _backend_magic(line: str) -> BackendsView | None:
    """Show the backends; with a name, make that one the current one first."""
    with _one_line_errors():
        try:
            _choose(backend_parser().parse_args(line.split()))
        except SystemExit:  # help was printed
            return None
        return BackendsView(tuple(registry.backends()), registry.get_backend())


def _choose(args: argparse.Namespace) -> None:
    use_adapter(args)
    if args.threads is not None:
        registry.set_threads_count(args.threads)
    registry.set_backend(args.name or registry.get_backend())
