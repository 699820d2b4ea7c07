"""Code as a notebook runs it: magics and ``await`` allowed, the value of the last expression kept."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any, TypeVar

from IPython.core.interactiveshell import InteractiveShell

T = TypeVar("T")
_SYNCHRONOUS = (ast.FunctionDef, ast.Lambda)  # no await in these


@dataclass(frozen=True)
class Code:
    """Compiled code: the statements, and the expression at the end if there is one."""

    body: CodeType
    last: CodeType | None
    silent: bool  # a semicolon at the end: do not show the value

    @property
    def awaits(self) -> bool:
        """Whether it has to be awaited."""
        return any(_awaits(part) for part in (self.body, self.last) if part)


def compile_code(shell: InteractiveShell, text: str) -> Code:
    """Compile what a cell or a line holds, under a name by which tracebacks find its lines. Raises SyntaxError."""
    ipython: Any = shell  # which of its methods are annotated changes from version to version
    source: str = ipython.transform_cell(text)
    make = ipython.compile
    name = make.cache(source, ipython.displayhook.prompt_count, raw_code=text)  # the cell that runs now
    with make.extra_flags(ast.PyCF_ALLOW_TOP_LEVEL_AWAIT):
        tree: ast.Module = ipython.transform_ast(make.ast_parse(source, name))
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        value = make(ast.Expression(last.value), name, "eval") if isinstance(last, ast.Expr) else None
        return Code(make(tree, name, "exec"), value, ipython.displayhook.semicolon_at_end_of_expression(source))


def _awaits(code: CodeType) -> bool:
    return bool(code.co_flags & inspect.CO_COROUTINE)


async def run_code(code: Code, shell: InteractiveShell, local: dict[str, Any] | None) -> Any:
    """Run it and return the value of its last expression, or None. Parts that await are awaited."""
    __tracebackhide__ = "__ipython_bottom__"  # a traceback shows the cell, not what profiles it
    places = (shell.user_global_ns, shell.user_ns if local is None else local)
    value = None
    for part in filter(None, (code.body, code.last)):
        value = eval(part, *places)  # noqa: S307 - running code is what a notebook is for
        if _awaits(part):
            value = await value
    return value if code.last else None


def finish(steps: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never has to wait, without an event loop, and return its result."""
    __tracebackhide__ = True
    try:
        steps.send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    steps.close()
    raise RuntimeError("code without an await waited for something")


@dataclass(frozen=True)
class Awaiting:
    """A transformer of input lines: ``await`` before each call of a magic whose arguments ``awaits`` says do.

    The magic gives something to await then, and the notebook's own event loop runs the code: futures and tasks that
    it waits for are those of the notebook.
    """

    awaits: Callable[[list[str]], bool]

    def __call__(self, lines: list[str]) -> list[str]:
        """The lines with what they lack; lines that are not Python stay as they are; running them reports that."""
        source = "".join(lines)
        if "await" not in source or "_magic(" not in source:
            return lines
        try:
            calls = [call for call in _magics(ast.parse(source)) if self.awaits([_text(a) for a in call.args])]
        except SyntaxError:
            return lines
        changed = source.encode().splitlines(keepends=True)  # columns count bytes
        for call in sorted(calls, key=lambda c: (c.lineno, c.col_offset), reverse=True):
            row, column = changed[call.lineno - 1], call.col_offset
            changed[call.lineno - 1] = row[:column] + b"await " + row[column:]
        return [line.decode() for line in changed]


def _magics(node: ast.AST) -> Iterator[ast.Call]:
    """Calls of ``get_ipython().run_line_magic`` and ``run_cell_magic`` where an await may stand."""
    if isinstance(node, _SYNCHRONOUS):
        return
    if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("run_line_magic", "run_cell_magic"):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from _magics(child)


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
