"""The files of a view become one module: each once, before those that import it."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from tfjslab.views import modules
from tfjslab.views.modules import module


@pytest.fixture
def files(tmp_path, monkeypatch):
    """``files(name=source)`` puts files beside the one that links them."""
    shutil.copy(modules.FILES / "linked.js", tmp_path)
    monkeypatch.setattr(modules, "FILES", tmp_path)
    module.cache_clear()

    def write(sources):
        for name, source in sources.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(source, encoding="utf-8")

    yield write
    module.cache_clear()


def listed(text):
    """Names and sources that a module holds, in order."""
    return json.loads(re.search(r"of (\[\[.*\]\])\) \{", text)[1])


def test_a_file_comes_once_and_after_what_it_imports(files):
    files({
        "view.js": 'import { a } from "./part/a.js";\nimport { b } from "./b.js";\nexport default { a, b };',
        "part/a.js": 'import { b } from "../b.js";\nexport const a = b;', "b.js": "export const b = 1;",
    })
    found = listed(module("view.js"))
    assert [name for name, _ in found] == ["b.js", "part/a.js", "view.js"]
    assert found[1][1].splitlines()[0] == 'import { b } from "linked:b.js";'
    assert "const { default: view } = await" not in found[2][1]
    assert found[2][1].endswith("//# sourceURL=tfjslab/view.js\n")


def test_the_text_of_a_file_can_be_imported(files):
    files({"view.js": 'import source from "./w.js?text";\nexport default source;', "w.js": 'post("</script>\\n");'})
    names = dict(listed(module("view.js")))
    assert names["w.js?text"] == 'export default "post(\\"</script>\\\\n\\");";'
    assert 'from "linked:w.js?text"' in names["view.js"]


def test_imports_in_a_circle_are_refused(files):
    files({"a.js": 'import "./b.js";', "b.js": 'import { c } from "./c.js";', "c.js": 'export * from "./a.js";'})
    with pytest.raises(ValueError, match=re.escape("views: a.js imports b.js imports c.js imports a.js: a circle")):
        module("a.js")


def test_words_that_the_linking_uses_may_stand_in_a_file(files):
    files({"view.js": 'export default "SOURCES ENTRY";'})
    text = module("view.js")
    assert listed(text)[0][1].startswith('export default "SOURCES ENTRY";')
    assert 'addresses["view.js"]' in text


@pytest.mark.parametrize("name", sorted(p.stem for p in modules.FILES.glob("*.css") if p.stem != "view"))
def test_every_view_is_no_larger_than_its_files_and_a_little(name):
    """Nothing travels twice."""
    held = listed(module(f"{name}.js"))
    size = sum((modules.FILES / n.removesuffix("?text")).stat().st_size for n, _ in held)
    assert len({n for n, _ in held}) == len(held)
    assert len(module(f"{name}.js")) < 1.15 * size + 2000
