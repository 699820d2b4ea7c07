"""The house: who may import whom, where third parties are let in, and how large things may grow."""

import ast
import graphlib
import re
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

REPO = Path(__file__).parents[1]
PACKAGE = REPO / "tfjslab"

# Low to high. A module imports from lower floors and from its own room; rooms of one floor do not know each other.
# Names are prefixes below `tfjslab.`, and the longest one that fits a module is its room.
FLOORS = (
    ("base",),
    ("ops", "browser", "cluster"),
    ("graph",),
    ("formats", "passes", "quantization"),
    ("targets",),
    ("backends",),
    ("records",),
    ("store",),
    ("arguments",),
    ("engine",),
    ("functions",),
    ("model",),
    ("evaluation", "io", "quantizer"),
    ("profiling", "bench", "monitoring"),
    ("optimizer", "export"),
    ("vis", "views", "zoo"),
    ("browser.jobs",),
    ("decide", "reports", "streaming"),
    ("lab", "magics", "cli"),
    ("__init__", "__main__"),  # the package itself only gathers what the others define
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

# Heavy or optional third parties, each in the one room that is about it.
CONFINED = {
    "wasmtime": "backends.wasm",
    "wgpu": "backends.webgpu",
    "matplotlib": "vis",
    "anywidget": "views",
    "ipywidgets": "lab",
    "IPython": "magics",
    "rich": "cli",
    "cv2": "streaming",
    "playwright": "browser",
    "threadpoolctl": "backends.host_threads",
    "prometheus_client": "monitoring",
    "distributed": "cluster",
}
# Pointers of a part to what it is a part of, for type checkers only: all circles of imports that there are.
PARENTS = {
    "backends.kernels.session": {"backends.kernels.backend"},
    "backends.wasm.session": {"backends.wasm.backend"},
    "backends.wasm.plan": {"backends.wasm.backend", "backends.wasm.session"},
    "backends.wasm.plan_cache": {"backends.wasm.backend"},
    "backends.wasm.executable": {"backends.wasm.backend"},
    "backends.wasm.ceilings": {"backends.wasm.backend"},
    "backends.webgpu.session": {"backends.webgpu.backend"},
    "backends.webgpu.plan": {"backends.webgpu.session"},
    "backends.webgpu.run.ticks": {"backends.webgpu.run.device"},
    "engine.state": {"engine.recorder", "engine.tensor"},
    "model.control": {"model.executor"},
    "vis.visor_html": {"vis.visor"},
}
EVERYWHERE = {"numpy"}
NOT_LOADED_BY_IMPORT = (*CONFINED, "jinja2")

MAX_MODULE_LINES, MAX_FUNCTION_LINES = 500, 80
MEDIAN_MODULE_LINES, MEDIAN_FUNCTION_LINES = 200, 10


def module_name(path):
    """``ops.registry`` for tfjslab/ops/registry.py, ``ops`` for its __init__, ``__init__`` for the package's own."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


SOURCES = {module_name(p): p for p in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text()) for name, path in SOURCES.items()}


def room_of(module):
    """The longest prefix of a module's name that FLOORS lists, or None."""
    prefixes = (module.rsplit(".", n)[0] for n in range(module.count(".") + 1))
    return next((p for p in prefixes if p in FLOOR_OF), None)


def absolute(node, module):
    """The full names that an import statement asks for; ``from a import b`` may mean the module ``a.b``."""
    if isinstance(node, ast.Import):
        return [a.name for a in node.names]
    base = node.module or ""
    if node.level:
        package = ["tfjslab", *module.split(".")]
        if SOURCES[module].name != "__init__.py" or module == "__init__":
            package.pop()
        base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [base])])
    return [f"{base}.{a.name}" for a in node.names]


def imports(module):
    """Every name that a module imports, at any depth of its code, for types or not."""
    nodes = [n for n in ast.walk(TREES[module]) if isinstance(n, (ast.Import, ast.ImportFrom))]
    return [name for n in nodes for name in absolute(n, module)]


def own_target(name):
    """The module of ours that an imported name lies in, without the ``tfjslab.`` in front; None for others'."""
    if name.partition(".")[0] != "tfjslab":
        return None
    inner = name.partition(".")[2]
    while inner and inner not in SOURCES:
        inner = inner.rpartition(".")[0]
    return inner or "__init__"


def test_every_module_has_a_floor():
    assert [m for m in SOURCES if room_of(m) is None] == []


def test_modules_import_only_from_lower_floors_or_their_own_room():
    wrong = []
    for module in SOURCES:
        own = room_of(module)
        for target in filter(None, map(own_target, imports(module))):
            theirs = room_of(target)
            if theirs != own and FLOOR_OF[theirs] >= FLOOR_OF[own]:
                wrong.append(f"{module} (floor {FLOOR_OF[own]}) imports {target} (floor {FLOOR_OF[theirs]})")
    assert sorted(set(wrong)) == []


def test_backends_with_kernels_do_not_know_each_other():
    """What they share is in ``backends.kernels``."""
    for own, other in (("wasm", "webgpu"), ("webgpu", "wasm"), ("kernels", "wasm"), ("kernels", "webgpu")):
        found = {m for m in SOURCES if m.startswith(f"backends.{own}") for n in imports(m) if f"backends.{other}" in n}
        assert found == set()


def test_modules_import_each_other_in_no_circle():
    """At run time, late or for type checkers, but for the pointers to parents; a CycleError names the circle."""
    graph = {m: {*map(own_target, imports(m))} - {None, m} - PARENTS.get(m, set()) for m in SOURCES}
    graphlib.TopologicalSorter(graph).prepare()


def test_pointers_to_parents_are_for_type_checkers_only():
    for module, parents in PARENTS.items():
        conditions = [n for n in ast.walk(TREES[module]) if isinstance(n, ast.If)]
        guarded = [n for n in conditions if ast.unparse(n.test) == "TYPE_CHECKING"]
        inside = [i for g in guarded for i in ast.walk(g) if isinstance(i, (ast.Import, ast.ImportFrom))]
        names = [name for node in inside for name in absolute(node, module)]
        everywhere = [own_target(name) for name in imports(module)]
        assert all(everywhere.count(p) == [*map(own_target, names)].count(p) for p in parents), module


def rooms_by_third_party():
    """Which rooms import each third party."""
    rooms = defaultdict(set)
    for module in SOURCES:
        for name in imports(module):
            top = name.partition(".")[0]
            if top != "tfjslab" and top not in sys.stdlib_module_names | EVERYWHERE:
                room = room_of(module)
                rooms[top].add(".".join(module.split(".")[:2]) if room == "backends" else room)
    return rooms


def test_each_third_party_is_imported_in_one_room_only():
    assert {name: rooms for name, rooms in rooms_by_third_party().items() if len(rooms) > 1} == {}


def test_heavy_third_parties_stay_in_the_room_that_is_about_them():
    found = {name: rooms for name, rooms in rooms_by_third_party().items() if name in CONFINED}
    assert {name: rooms for name, rooms in found.items() if rooms != {CONFINED[name]}} == {}


def test_importing_the_package_loads_no_heavy_third_party():
    code = f"import sys, tfjslab; print(*[m for m in {NOT_LOADED_BY_IMPORT!r} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == ""


def threads_started(tree):
    """Where a module starts threads that it made, or has a pool start some."""
    def made(value):
        return isinstance(value, ast.Call) and ast.unparse(value.func) in (
            "threading.Thread", "threading.Timer", "Thread", "Timer")

    nodes = [*ast.walk(tree)]
    assigned = [n for n in nodes if isinstance(n, (ast.Assign, ast.AnnAssign)) and made(n.value)]
    threads = {ast.unparse(t) for n in assigned for t in (n.targets if isinstance(n, ast.Assign) else [n.target])}
    used = [n for n in nodes if isinstance(n, ast.Attribute) and n.attr in ("start", "submit")]
    return sorted(
        n.lineno for n in used
        if (n.attr == "start" and (made(n.value) or ast.unparse(n.value) in threads))
        or (n.attr == "submit" and ast.unparse(n.value).endswith("pool")))


def test_threads_are_started_in_one_place_which_tells_where_the_system_has_none_left():
    code = (
        "import threading\nx.t = threading.Thread(target=f)\nx.t.start()\nthreading.Timer(1, f).start()\n"
        "with ThreadPoolExecutor(1) as pool:\n    pool.submit(f)\nother.start()\n")
    assert threads_started(ast.parse(code)) == [3, 4, 6]
    assert {m: lines for m in SOURCES if m != "base.threads" and (lines := threads_started(TREES[m]))} == {}


def locks_made(tree):
    """Where a module makes locks when it is loaded: they are there for the whole process."""
    def outside(node):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            return
        yield node
        for child in ast.iter_child_nodes(node):
            yield from outside(child)

    kinds = {f"{where}{kind}" for where in ("", "threading.") for kind in ("Lock", "RLock", "Condition", "Semaphore")}
    return [n.lineno for n in outside(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) in kinds]


def test_locks_of_the_whole_process_are_free_in_a_child_that_is_forked():
    """``base.forks`` makes them; another thread's lock would be held in the child for ever."""
    code = "A = threading.Lock()\nclass B:\n    c = RLock()\n    def d(self):\n        self.e = Lock()\n"
    assert locks_made(ast.parse(code)) == [1, 3]
    assert {m: lines for m in SOURCES if (lines := locks_made(TREES[m]))} == {}


def module_lengths():
    return {m: len(p.read_text().splitlines()) for m, p in SOURCES.items()}


def function_lengths():
    """Lines from ``def`` to the end of the body, by qualified place."""
    return {
        f"{module}:{node.lineno} {node.name}": node.end_lineno - node.lineno + 1
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }


@pytest.mark.parametrize(
    ("lengths", "longest", "median"),
    [
        pytest.param(module_lengths, MAX_MODULE_LINES, MEDIAN_MODULE_LINES, id="modules"),
        pytest.param(function_lengths, MAX_FUNCTION_LINES, MEDIAN_FUNCTION_LINES, id="functions"),
    ],
)
def test_sizes_stay_small(lengths, longest, median):
    found = lengths()
    assert {name: n for name, n in found.items() if n > longest} == {}
    assert statistics.median(found.values()) <= median


# Put together from pieces, so that this file does not find itself.
MACHINE_PATHS = [rf"(?<![\w.])/{place}/" for place in ("work", "root", "home", "Users", "tmp/venv")]
REGISTRY_HOSTS = [
    r"\.".join(parts)
    for parts in (
        ("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"), ("yarnpkg", "com"),
        ("deb", "debian", "org"), ("anaconda", "org"), ("crates", "io"),
    )
]


def test_tracked_files_name_no_machine_path_and_no_registry_host():
    try:
        listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=REPO, text=True, stderr=subprocess.PIPE)
    except (OSError, subprocess.CalledProcessError) as e:
        pytest.skip(f"not a git checkout: {e}")
    pattern = re.compile("|".join(MACHINE_PATHS + REGISTRY_HOSTS))
    found = []
    for name in filter(None, listed.split("\0")):
        path = REPO / name
        data = path.read_bytes() if path.is_file() else b""
        found += [f"{name}: {m.group()}" for m in pattern.finditer(data.decode("utf-8", "replace"))]
    assert found == []
