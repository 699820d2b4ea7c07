"""The web module in a real browser: the page that tries it, all its modes, and what goes wrong on the way to it."""

from __future__ import annotations

import functools
import http.server
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from support.firefox import firefox

import tfjslab as tf
from tfjslab import zoo
from tfjslab.export.web import export_web
from tfjslab.export.web.picture import Picture
from tfjslab.graph.ir import Graph, Node, Port

STEP_MS = 60_000  # on a machine that has other things to do
CSP = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; img-src 'self' blob: data:"
ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
# What a site sends with every file; the first part of an address names the site.
SITES = {
    "strict": {"Content-Security-Policy": CSP},
    "isolated": {"Content-Security-Policy": CSP, **ISOLATED},
    "forbidding": {"Content-Security-Policy": CSP.replace(" 'wasm-unsafe-eval'", "")},
}
# What becomes of a file on the way, by the first part of the address: (status, headers, body) of its bytes.
FAULTS = {
    "missing": lambda data: (404, len(data), b""),
    "short": lambda data: (200, len(data) - 64, data[:-64]),
    "long": lambda data: (200, len(data) + 64, data + bytes(64)),
    "broken-off": lambda data: (200, len(data), data[:-64]),
    "changed": lambda data: (200, len(data), data[:1000] + bytes([data[1000] ^ 1]) + data[1001:]),
    "replaced": lambda data: (200, len(data), b"<!doctype html>".ljust(len(data))),
}
WEIGHTS, CODE = "weights.bin", "model-simd.wasm"
# Loads with options and gives the error's code and text; with one of its own where nothing happens, as in a hang.
TRY = """([address, options]) => Promise.race([
  import(address).then(({ load }) => load(options)).then((model) => ['loaded', model.variant])
    .catch((e) => [e.code, e.message]),
  new Promise((resolve) => setTimeout(() => resolve(['hang', 'nothing happened']), 30000))])"""


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves ``/SITE/folder/file``, or ``/FAULT:file/folder/...`` with that file damaged."""

    def do_GET(self):
        """Answer."""
        kind, _, path = self.path.lstrip("/").partition("/")
        fault, _, damaged = kind.partition(":")
        file = Path(self.directory, path)
        if fault not in FAULTS or file.name != damaged:
            self.site, self.path = SITES.get(kind, {}), f"/{path}"
            super().do_GET()
            return
        self.site = {}
        status, length, body = FAULTS[fault](file.read_bytes())
        self.send_response(status)
        self.send_header("Content-Type", self.guess_type(str(file)))
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def end_headers(self):
        """Send what the site sends."""
        for name, value in self.site.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_):
        """Nothing."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Exports: digits, which takes pictures, the same with numbers, and BlazeFace."""
    root = tmp_path_factory.mktemp("web")
    tf.set_backend("cpu")
    for folder, name, image in (("digits", "digits", Picture()), ("numbers", "digits", None),
                                ("blazeface", "blazeface", Picture(-1, 1))):
        with zoo.load(name) as model:
            export_web(model, root / folder, image=image)
    shape = (1, 32, 40, 3)
    ports = tuple(Port(name, name, shape, "float32") for name in ("first", "second"))
    mixed = Graph(ports, (Port("mixed", "sum", None, ""),), (Node("sum", "Add", ("first", "second")),), {})
    with tf.Model(mixed, "cpu", name='two <pictures> & "more"') as model:
        export_web(model, root / "mixed", image=dict.fromkeys(("first", "second"), Picture()))
    return root


@pytest.fixture(scope="module")
def server(folders):
    """The address of a server of the exports."""
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folders))
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{made.server_address[1]}"
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture
def blank(browser):
    """An empty page, whose console may say anything."""
    opened = browser.new_page()
    opened.set_default_timeout(STEP_MS)
    yield opened
    opened.close()


@pytest.fixture
def page(blank, console):
    """An empty page that must not say an error."""
    return console(blank)


def pixels(height, width):
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def picture(tmp_path):
    """Writes a picture of a size; its path."""
    image = pytest.importorskip("PIL.Image")

    def write(height, width):
        path = tmp_path / f"{height}x{width}.png"
        image.fromarray(pixels(height, width)).save(path)
        return path

    return write


def expected(name, tensor):
    """What Python answers, by output name."""
    with zoo.load(name, backend="cpu") as model:
        found = model.execute({model.inputs[0].name: tensor})
        return {p.name: np.asarray(v).ravel() for p, v in zip(model.outputs, found, strict=True)}


def digits_tensor():
    """The picture of 8 x 8 pixels as digits sees it: luminance between 0 and 1."""
    r, g, b = np.moveaxis(pixels(8, 8).astype(np.float32), -1, 0)
    return ((0.299 * r + 0.587 * g + 0.114 * b) / 255).reshape(1, 8, 8, 1).astype(np.float32)


def open_page(page, address, *, model="digits"):
    """Open the page of a model and wait until it is loaded."""
    page.goto(f"{address}/{model}/index.html")
    settled(page)


def settled(page):
    """Wait until the model that was chosen is loaded."""
    page.wait_for_selector("main[aria-busy=false] #first:has-text('ms')")


def workers(page, count):
    """Wait until there are so many workers: they end a little after they were told to."""
    deadline = time.monotonic() + STEP_MS / 1000
    while len(page.workers) != count:
        assert time.monotonic() < deadline, page.workers
        page.evaluate("0")  # hears events meanwhile


def done(page):
    """Wait until the runs after an input have ended."""
    page.wait_for_selector("#n:text-is('60')")


def bars(page):
    return [tuple(row.inner_text().split("\n")) for row in page.locator("#answer .bars li").all()]


def expected_bars():
    scores = expected("digits", digits_tensor())["digit"]
    return [(f"class {i}", f"{scores[i] * 100:.1f} %") for i in np.argsort(-scores, kind="stable")[:5]]


def test_an_image_gets_an_answer_and_a_chart_that_equal_pythons(page, server, picture, shots):
    open_page(page, f"{server}/strict")
    page.set_input_files("#file", picture(8, 8))
    done(page)
    assert bars(page) == expected_bars()
    assert page.inner_text("#about-input") == "8 \u00d7 8 pixels"
    for figure in ("load", "first", "median", "min", "p95"):
        assert page.inner_text(f"#{figure}").endswith("ms")
    assert page.get_attribute("#chart", "aria-label").startswith("60 runs, median ")
    drawn = page.evaluate("""() => { const c = document.getElementById('chart');
      return new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size; }""")
    assert drawn > 4, "grid, bars and lines have colours of their own"
    page.screenshot(path=shots / "web-module.png", full_page=True)


def choose(page, *, variant=None, worker=None):
    """Change how the model runs, and wait until it is loaded that way."""
    if variant is not None:
        page.check(f"[name=variant][value={variant}]")
    if worker is not None:
        page.set_checked("#worker", worker)
    settled(page)


@pytest.mark.parametrize("variant", ["plain", "simd", "relaxed", "threads", "threads-relaxed"])
def test_every_variant_answers_as_python_does(page, server, variant):
    open_page(page, f"{server}/isolated", model="blazeface")
    x = np.random.default_rng(3).uniform(-1, 1, (1, 128, 128, 3)).astype(np.float32)
    found = page.evaluate(
        """async ([variant, numbers]) => { const { load } = await import('./model.js');
        const model = await load({ variant, threads: 2 }), outputs = await model.predict(new Float32Array(numbers));
        model.dispose(); return Object.fromEntries(Object.entries(outputs).map(([k, v]) => [k, Array.from(v)])); }""",
        [variant, x.ravel().tolist()],
    )
    for name, values in expected("blazeface", x).items():
        np.testing.assert_allclose(found[name], values, rtol=0, atol=1e-5 * np.abs(values).max(), err_msg=name)


def test_a_picture_answers_the_same_in_every_mode_and_a_worker_ends_with_its_model(page, server, picture):
    open_page(page, f"{server}/strict")
    page.set_input_files("#file", picture(8, 8))
    done(page)
    choose(page, worker=True)
    done(page)
    assert bars(page) == expected_bars()
    workers(page, 1)
    choose(page, variant="plain", worker=False)
    done(page)
    assert bars(page) == expected_bars()
    workers(page, 0)


def test_threads_on_an_isolated_page_and_their_end(page, server, picture):
    open_page(page, f"{server}/isolated", model="blazeface")
    assert page.is_checked("[name=variant][value=threads-relaxed]")
    page.fill("#threads", "2")
    page.press("#threads", "Tab")
    settled(page)
    workers(page, 1)  # the caller is the other thread
    page.set_input_files("#file", picture(128, 128))
    page.wait_for_selector("#median:has-text('ms')")
    tensor = pixels(128, 128).astype(np.float32)[None] * np.float32(2 / 255) - 1
    for name, values in expected("blazeface", tensor).items():
        told = page.inner_text(f"[data-output='{name}'] p >> nth=0").replace("min ", "").replace(" max ", "")
        least, most = (float(part) for part in told.split(",")[:2])
        assert [least, most] == pytest.approx([values.min(), values.max()], rel=1e-3)
    choose(page, variant="simd")
    workers(page, 0)


def test_threads_of_a_model_in_a_worker_end_with_it(page, server):
    open_page(page, f"{server}/strict")
    page.goto(f"{server}/isolated/digits/README.md")
    session = page.context.browser.new_browser_cdp_session()

    def alive():
        found = session.send("Target.getTargets")["targetInfos"]
        return sum(t["type"] == "worker" and t["url"].startswith(f"{server}/isolated") for t in found)

    page.evaluate("""async () => { const { load } = await import('./model.js');
      globalThis.model = await load({ worker: true, variant: 'threads', threads: 2 }); }""")
    assert alive() == 2
    page.evaluate("model.dispose()")
    deadline = time.monotonic() + STEP_MS / 1000
    while alive():
        assert time.monotonic() < deadline
        page.evaluate("0")


def test_threads_on_another_page_are_refused_with_the_reason(page, server):
    open_page(page, f"{server}/strict")
    assert page.is_disabled("[name=variant][value=threads]")
    assert page.inner_text("#variants label:last-child span") == "not here: the page is not cross-origin isolated"
    code, message = page.evaluate(TRY, ["./model.js", {"variant": "threads"}])
    assert code == "load.variant"
    assert message == ("variant threads cannot run here (the page is not cross-origin isolated); "
                       "can run: plain, simd, relaxed")


def test_a_policy_that_forbids_webassembly_is_named(blank, server):
    blank.goto(f"{server}/forbidding/digits/index.html")
    blank.wait_for_selector("#error:has-text('load.module')")
    assert "not allowed here (CSP wasm-unsafe-eval)" in blank.inner_text("#error")


@pytest.mark.parametrize("worker", [False, True], ids=["page", "worker"])
@pytest.mark.parametrize(("fault", "file", "code", "message"), [
    ("missing", WEIGHTS, "load.http", "found HTTP 404, expected 200"),
    ("short", WEIGHTS, "load.size", "bytes, expected"),
    ("long", WEIGHTS, "load.size", "bytes, expected"),
    ("broken-off", WEIGHTS, "load.read", "cannot be read"),
    ("changed", WEIGHTS, "load.hash", "weights: found checksum"),
    ("missing", CODE, "load.http", "found HTTP 404, expected 200"),
    ("short", CODE, "load.size", "bytes, expected"),
    ("broken-off", CODE, "load.read", "cannot be read"),
    ("replaced", CODE, "load.module", f"{CODE} is damaged"),
])
def test_damaged_files_are_typed_errors_and_nothing_hangs(blank, server, fault, file, code, message, worker):
    address = f"{server}/{fault}:{file}/digits"
    blank.goto(f"{address}/README.md")
    found, said = blank.evaluate(TRY, [f"{address}/model.js", {"variant": "simd", "worker": worker}])
    assert (found, message in said) == (code, True), said
    workers(blank, 0)


def test_the_page_says_what_is_damaged_and_what_to_do(blank, server):
    blank.goto(f"{server}/changed:{WEIGHTS}/digits/index.html")
    blank.wait_for_selector("#error:has-text('load.hash')")
    assert "Upload the folder again" in blank.inner_text("#error")
    blank.click("#random")
    blank.wait_for_selector("#error:has-text('No model is loaded')")


def test_wrong_inputs_and_models_that_are_gone_are_typed_errors(page, server):
    open_page(page, f"{server}/strict")
    found = page.evaluate(
        """async () => { const { load } = await import('./model.js'), found = [];
        const tried = (work) => work.then(() => 'fine', (e) => e.code);
        for (const worker of [false, true]) { const model = await load({ worker });
          for (const x of [new Float32Array(3), new Int32Array(64), { picture: new Float32Array(64) }, null])
            found.push(await tried(model.predict(x)));
          found.push(await tried(model.predict(new Float32Array(64))));
          model.dispose(); model.dispose();
          found.push(await tried(model.predict(new Float32Array(64)))); }
        const over = AbortSignal.abort();
        for (const worker of [false, true]) found.push(await load({ worker, signal: over }).catch((e) => e.code));
        return found; }""",
    )
    each = ["input.shape", "input.dtype", "input.name", "input.dtype", "fine", "disposed"]
    assert found == [*each, *each, "load.aborted", "load.aborted"]
    workers(page, 0)


def test_ten_thousand_predictions_leave_memory_where_it_was(page, server):
    open_page(page, f"{server}/isolated")
    before, after = page.evaluate(
        """async () => { const { load } = await import('./model.js'), model = await load({ variant: 'simd' });
        const picture = new ImageData(20, 20), x = new Float32Array(64);
        const some = async (n) => { for (let i = 0; i < n; i++) await model.predict(i % 2 ? x : picture);
          for (let i = 0; i < 3; i++) { gc(); await new Promise((r) => setTimeout(r, 50)); }
          return [performance.memory.usedJSHeapSize, model.memory().bytes]; };
        await some(2000);
        return [await some(1000), await some(10000)]; }""",
    )
    assert after[1] == before[1]
    assert after[0] - before[0] < 100_000, "ten bytes a call"


def test_a_model_of_numbers_offers_random_input_only(page, server):
    open_page(page, f"{server}/strict", model="numbers")
    assert page.is_hidden("#camera")
    assert page.is_hidden("#file")
    assert page.inner_text("#invite") == "This model takes numbers, not pictures."
    page.click("#random")
    done(page)
    assert len(bars(page)) == 5


def test_an_output_that_looks_like_a_picture_is_drawn_and_any_name_is_shown_as_it_is(page, server, picture, shots):
    """Two inputs take the same picture in the same way: their sum looks like it."""
    open_page(page, f"{server}/strict", model="mixed")
    assert page.inner_text("h1") == 'two <pictures> & "more"'
    page.set_input_files("#file", picture(32, 40))
    page.wait_for_selector("#answer canvas")
    drawn = page.evaluate("""() => { const c = document.querySelector('#answer canvas');
      return Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data); }""")
    seen = pixels(32, 40).astype(np.float32)
    most, least = seen.max(), seen.min()
    np.testing.assert_allclose(np.reshape(drawn, (32, 40, 4))[..., :3], (seen - least) / (most - least) * 255, atol=1)
    page.screenshot(path=shots / "web-module-picture.png", full_page=True)


def test_the_camera_is_seen_until_it_is_switched_off(page, server):
    open_page(page, f"{server}/strict")
    page.click("#camera")
    page.wait_for_selector("#median:has-text('ms')")
    assert page.get_attribute("#camera", "aria-pressed") == "true"
    page.click("#camera")
    page.wait_for_selector("#camera[aria-pressed=false]")
    assert page.is_visible("#picture")


def test_keep_running_goes_on_until_stop(page, server):
    open_page(page, f"{server}/strict", model="numbers")
    page.focus("#keep")
    page.keyboard.press("Enter")
    page.wait_for_selector("#keep:text-is('Stop')")
    seen = int(page.locator("#n:not(:text-is('-'))").inner_text())
    page.wait_for_selector(f"#n:not(:text-is('{seen}'))")
    page.keyboard.press("Enter")
    page.wait_for_selector("#keep:text-is('Keep running')")


def test_the_kernel_table_tells_the_clock(page, server, picture):
    open_page(page, f"{server}/isolated")
    page.set_input_files("#file", picture(8, 8))
    page.click("#profile")
    page.wait_for_selector("#kernels tbody tr")
    assert page.locator("#kernels tbody tr").count() == 8
    assert "8 kernels, " in page.inner_text("#kernels")
    assert "The clock of this page moves in steps of 0.005 ms" in page.inner_text("#kernels")


def test_labels_and_files_that_are_no_pictures(page, server, picture, tmp_path):
    open_page(page, f"{server}/strict")
    page.set_input_files("#file", picture(8, 8))
    done(page)
    labels, junk = tmp_path / "labels.txt", tmp_path / "junk.png"
    labels.write_text("\n".join(f"digit {i}" for i in range(10)))
    junk.write_bytes(b"no picture")
    page.set_input_files("#file", labels)
    page.wait_for_selector("#answer:has-text('digit')")
    assert [name for name, _ in bars(page)] == [name.replace("class", "digit") for name, _ in expected_bars()]
    page.set_input_files("#file", junk)
    page.wait_for_selector("#error:has-text('junk.png is no picture')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(page, server, picture, shots, scheme):
    page.set_viewport_size({"width": 390, "height": 800})
    page.emulate_media(color_scheme=scheme)
    open_page(page, f"{server}/strict", model="blazeface")
    page.set_input_files("#file", picture(300, 400))
    page.wait_for_selector("#median:has-text('ms')")
    page.click("#profile")
    page.wait_for_selector("#kernels tbody tr")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.screenshot(path=shots / f"web-module-390-{scheme}.png", full_page=True)


def test_firefox_answers_as_python_does_in_all_modes(server, tmp_path):
    """The same folder in another engine; predictions of 0.1 everywhere, one output."""
    x = np.full((1, 128, 128, 3), 0.1, np.float32)
    wanted = expected("blazeface", x)["regressors_1"]
    with firefox(tmp_path) as tab:
        for site, variants in (("strict", ["plain", "simd", "relaxed"]),
                               ("isolated", ["plain", "simd", "relaxed", "threads", "threads-relaxed"])):
            tab.open(f"{server}/{site}/blazeface/index.html")
            assert tab.evaluate("import('./model.js').then((m) => m.variants())") == variants
            for variant in variants:
                for worker in ("false", "true"):
                    found = tab.evaluate(
                        f"""import('./model.js').then(async ({{ load }}) => {{
                        const model = await load({{ variant: '{variant}', threads: 2, worker: {worker} }});
                        const outputs = await model.predict(new Float32Array({x.size}).fill(0.1));
                        model.dispose(); return Array.from(outputs.regressors_1); }})""",
                    )
                    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())
        assert tab.evaluate("document.getElementById('error').hidden")
        assert tab.evaluate("load.textContent.endsWith('ms')")
