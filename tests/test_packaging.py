"""What a user installs: the wheel, its data and its metadata."""

import ast
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tfjslab.backends.rows import ROWS
from tfjslab.base.errors import BackendUnavailableError
from tfjslab.base.resources import kernel_text, kernels_root
from tfjslab.base.version import __version__
from tfjslab.cli.commands import COMMANDS

REPO = Path(__file__).parents[1]
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
# The only weights that ship: those of the zoo's small trained model.
WEIGHTS = "tfjslab/zoo/digits_model/"
TEXT_SUFFIXES = {".py", ".wat", ".wgsl", ".md", ".mjs", ".json", ".typed", ".ipynb", ".js", ".ts", ".html", ".css",
                 ".txt", ""}


def kernel_files(root):
    """Relative path to content of everything under a kernels folder."""
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in Path(root).rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from this tree without network."""
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out], cwd=REPO, check=True)
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The Python of a fresh environment with the wheel in it; dependencies come from the running environment."""
    env = tmp_path_factory.mktemp("env")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", env], check=True)
    python = env / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps", wheel]
    subprocess.run(install, check=True)
    purelib = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True,
    ).strip()
    # A path in a .pth file is only appended: an editable install over there is not followed, and ours comes first.
    Path(purelib, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def test_the_wheel_is_pure_and_carries_only_source_and_kernel_text(wheel):
    assert wheel.name == f"tfjslab-{__version__}-py3-none-any.whl"
    names = [n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n]
    assert [n for n in names if not n.startswith("tfjslab/")] == []
    assert [n for n in names if n.startswith(WEIGHTS)]
    others = [n for n in names if not n.startswith(WEIGHTS)]
    assert [n for n in others if Path(n).suffix not in TEXT_SUFFIXES or "__pycache__" in n] == []
    assert {"tfjslab/py.typed", "tfjslab/bench/peers/tfjs.mjs"} <= set(names)


def test_what_others_wrote_ships_with_its_licence_and_source(wheel):
    folders = {p.parent for p in (REPO / "tfjslab").glob("views/vendor/*/*")}
    assert [f.name for f in folders] == ["dagre"]
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        for folder in folders:
            inside = folder.relative_to(REPO).as_posix()
            licence, readme = (packed.read(f"{inside}/{name}").decode() for name in ("LICENSE", "README.md"))
            assert "Permission is hereby granted" in licence
            assert "Source: https://" in readme
            assert [n for n in names if n.endswith(f".dist-info/licenses/{inside}/LICENSE")]


def test_an_installed_wheel_finds_the_same_kernels_as_the_repository(installed, tmp_path):
    show = "import tfjslab.base.resources as r; print(r.__file__); print(r.kernels_root())"
    module, root = subprocess.check_output([installed, "-c", show], cwd=tmp_path, text=True).splitlines()
    assert REPO not in Path(module).parents
    assert Path(root) == Path(module).parents[1] / "kernels"
    assert kernel_files(root) == kernel_files(REPO / "kernels")


def test_an_installed_wheel_has_the_console_script(installed, tmp_path):
    script = installed.with_name("tfjslab" + installed.suffix)
    shown = subprocess.check_output([script, "--version"], cwd=tmp_path, text=True)
    assert shown == f"tfjslab {__version__}\n"


def test_this_tree_reads_kernels_from_the_repository():
    assert Path(str(kernels_root())) == REPO / "kernels"
    assert kernel_files(REPO / "kernels"), "kernels/ is empty"


def test_a_missing_kernel_names_the_file_and_the_folder():
    with pytest.raises(BackendUnavailableError) as caught:
        kernel_text("wasm/no_such.wat")
    folder = REPO / "kernels"
    assert str(caught.value) == f"kernel source 'wasm/no_such.wat' not found in {folder}; reinstall tfjslab"
    assert caught.value.code == "install.kernels"


def requirements(extra_names):
    """The requirements of the core and of extras, self references left out."""
    listed = [*PROJECT["dependencies"], *(r for e in extra_names for r in EXTRAS[e])]
    return {str(Requirement(r)) for r in listed if Requirement(r).name != "tfjslab"}


def test_environment_yml_lists_what_pyproject_lists():
    environment = yaml.safe_load((REPO / "environment.yml").read_text())
    conda = [d for d in environment["dependencies"] if isinstance(d, str)]
    (pip,) = [d["pip"] for d in environment["dependencies"] if isinstance(d, dict)]
    assert {str(Requirement(r)) for r in pip if not r.startswith("-")} == requirements(EXTRAS)
    assert pip[-1] == "--editable ."
    assert conda == [f"python{PROJECT['requires-python']}", "pip"]


def test_the_test_extra_includes_every_other_extra():
    def reached(extra):
        own = [Requirement(r) for r in EXTRAS[extra]]
        return {extra}.union(*(reached(e) for r in own if r.name == "tfjslab" for e in r.extras))

    assert reached("test") == set(EXTRAS)


def imported_third_parties(folder):
    """Top-level names imported in a folder that are neither ours nor Python's."""
    names = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {a.name.partition(".")[0] for a in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add((node.module or "").partition(".")[0])
    return names - set(sys.stdlib_module_names) - {"tfjslab"}


def test_every_third_party_import_is_declared():
    module_to_project = {
        "yaml": "pyyaml", "IPython": "jupyterlab", "traitlets": "jupyterlab", "ipykernel": "jupyterlab",
        "nbformat": "nbval", "sklearn": "scikit-learn", "PIL": "pillow",
            "cv2": "opencv-python-headless",
    }
    declared = {canonicalize_name(Requirement(r).name) for r in requirements(EXTRAS)}
    ours = {p.stem for p in (REPO / "tests").iterdir()}
    used = imported_third_parties(REPO / "tfjslab") | imported_third_parties(REPO / "tests") - ours
    assert {n for n in used if canonicalize_name(module_to_project.get(n, n)) not in declared} == set()


def test_the_readme_has_exactly_two_set_up_lines_one_to_run_and_one_to_test():
    lines = re.findall(r"^python3? -m (?:venv|pip) .*$", (REPO / "README.md").read_text(), re.MULTILINE)
    assert len(lines) == 2
    assert lines[0].endswith("tfjslab")
    assert "[test]" in lines[1]
    assert "pytest" in lines[1]


def pages_with_python():
    """README and every page of the documentation that shows Python."""
    pages = [REPO / "README.md", *sorted((REPO / "docs").rglob("*.md"))]
    return [p for p in pages if "```python\n" in p.read_text()]


@pytest.mark.parametrize("page", pages_with_python(), ids=lambda page: page.stem)
def test_the_python_of_a_page_runs_and_begins_to_print_what_the_page_shows(page, tmp_path):
    text = page.read_text()
    code = "\n".join(re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
    environment = {**os.environ, "MPLBACKEND": "agg", "PYTHONPATH": os.pathsep.join([str(REPO), *sys.path])}
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, env=environment, text=True)
    shown = re.search(r"^```python\n(?:(?!```).*\n)*```\n\n```text\n(.*)$", text, re.MULTILINE)
    # Only the first word: times differ from run to run.
    assert printed.split()[0] == shown[1].split()[0]
    assert (tmp_path / "kernels.png").exists() == ("kernels.png" in code)


def test_the_readme_names_every_command_and_every_backend():
    text = (REPO / "README.md").read_text()
    assert [c.name for c in COMMANDS if f"`tfjslab {c.name}" not in text] == []
    assert [b.name for b in ROWS if f"`{b.name}`" not in text] == []
