"""A model whose every name comes from somebody who wants a page or a terminal to act, and all that shows it."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from itertools import count
from unittest.mock import patch

import numpy as np
from ipywidgets import HTML
from matplotlib.text import Text
from support.candidates import candidate
from support.charts import STREAM
from support.reports import report_of, side

import tfjslab as tf
from tfjslab.base.errors import InputError
from tfjslab.decide.decision import Decision
from tfjslab.decide.ruling import ruled
from tfjslab.decide.scenario import Scenario
from tfjslab.export.web.report import VariantTrial, WebReport
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.lab import Lab
from tfjslab.magics.result import ProfileResult
from tfjslab.model import Model
from tfjslab.monitoring.batch import MOST_NAME, Batch, ErrorCount, message_of, read_batch
from tfjslab.monitoring.collector import collector
from tfjslab.monitoring.histogram import bucket_of
from tfjslab.monitoring.rules import MonitorRules, parse_alarm
from tfjslab.profiling import export, memory
from tfjslab.reports.page import page
from tfjslab.streaming import card
from tfjslab.vis import charts

# What is looked for: an element or an attribute of these names, ``window.hacked``, and characters that act.
MARK = "hacked"
ATTACKS = (
    f"<img src=x onerror=window.{MARK}=1>", f"</script><script>window.{MARK}=1</script>", f'"><{MARK} {MARK}="',
    f"' {MARK}='1' onmouseover='window.{MARK}=1", f"&lt;{MARK}&gt;&#60;{MARK}>",
    "gpj\u202eexe\u2066", "\x1b[31mred\x07",
    "[bold red]x[/]", "n" * 10_000, f"\n<{MARK}>\r\n", f"`${{window.{MARK}=1}}`", "$\\frac{1}{0}$", f"{{{{{MARK}}}}}",
    f"javascript:window.{MARK}=1", f"]]><{MARK}>--><{MARK}>*/window.{MARK}=1//",
)
ACTING = "\u202e\u2066\x1b\x07\r"
ONES = np.ones((1, 4), np.float32)
MONITOR_RULES = MonitorRules((parse_alarm("p95_ms>1 at_least=1"),))


def hostile_graph() -> Graph:
    """Ports, nodes, values, layers and weights with such names, one node for each."""
    number = count()

    def name(attack: str) -> str:
        return f"{attack}{next(number)}"

    x = name("".join(ATTACKS[:8]))
    nodes, weights, last = [], {}, x
    for attack in ATTACKS:
        weight, made = name(attack), name(attack)
        weights[weight] = np.ones(4, np.float32)
        nodes.append(Node(made, "Add" if len(nodes) % 2 else "Sub", (last, weight), layer=f"{attack}/{name(attack)}"))
        last = made
    port = Port(x, x, (None, 4), "float32")
    return Graph((port,), (Port(last, last, None, ""),), tuple(nodes), weights, metadata={"name": "".join(ATTACKS)})


class Shown:
    """What shows the model, by what it is: lines of text, pieces of HTML, whole pages, JSON, and a web module."""

    def __init__(self, folder):
        self.texts, self.pieces, self.pages, self.data, self.drawn = {}, {}, {}, {}, {}
        self.folder = folder / "web"
        # Pictures take long, and have no elements.
        with Model(hostile_graph(), "wasm-simd") as model, patch("tfjslab.vis.image.png", return_value=b""):
            self.name = model.name
            profile = tf.profile_model(model, ONES)
            for what, found in self._results(model, profile):
                self.texts[f"repr of {what}"], self.texts[what] = repr(found), str(found)
                if hasattr(found, "_repr_html_"):
                    self.pieces[what] = found._repr_html_()
            self._add_charts(model, profile)
            self._add_pages(model, profile)
        self.pieces["stream, live"] = card.body(replace(STREAM, settings=replace(STREAM.settings, model=self.name)), 3)

    def _results(self, model, profile):
        optimized, small = tf.optimize(model, measure=False), tf.quantize(model, "float16")
        names = "".join(ATTACKS)
        with optimized.model, small.model, tf.tidy():
            yield from {
                "model": model, "profile": profile, "optimize": optimized, "quantize": small,
                "bench": tf.bench_model(model, runs=2), "compatibility": tf.compatibility(model),
                "numeric difference": tf.numeric_diff(model, ONES, ("cpu", "wasm-simd")),
                "magic": ProfileResult(profile, 1, with_memory=True), "peak": memory.alive_at_peak(profile),
                "stream": replace(STREAM, settings=replace(STREAM.settings, model=names, source=names)),
                "recommendation": ruled(Decision(names, Scenario(), names, (
                    candidate("wasm-simd", 9.0, place=names), candidate("wasm-plain", 30.0, place=names)), 1)),
                "before and after": self._report(names),
                "layer": model.layers[0], "text": tf.tensor([names]),
            }.items()
        self.texts["summary"] = model.summary()

    def _report(self, names):
        said = {"model": names, "runtime": names, "changes": ((names, names),), "notes": (names,)}
        after = side(f"after {names}", 60.0, **said)
        return report_of(side(names, **said), after, title=names, environment=((names, names),), repeat=(names,))

    def _add_charts(self, model, profile):
        for what, made in {
            "kernel_time": charts.kernel_time(profile), "layer_time": charts.layer_time(profile),
            "memory_timeline": charts.memory_timeline(memory.timeline(profile)),
            "graph_view": charts.graph_view(model.graph), "model_summary": tf.vis.show.model_summary(None, model),
            "backend_comparison": charts.backend_comparison([tf.bench_model(model, runs=2)]),
            "table": tf.vis.render.table(None, {"headers": list(ATTACKS), "values": [list(ATTACKS)]}),
        }.items():
            self.pieces[f"chart {what}"] = made._repr_html_() or ""
            self.drawn[what] = [text.get_text() for text in made.figure.findobj(Text)]
            self.data[f"chart {what}"] = json.dumps(made._repr_mimebundle_())
        tf.vis.render.table({"name": ATTACKS[0], "tab": ATTACKS[2]}, {"headers": ["a"], "values": [[ATTACKS[3]]]})
        self.pieces["visor"] = tf.vis.visor()._repr_html_()
        tf.vis.visor().clear()

    def _add_pages(self, model, profile):
        self.pages["graph"] = tf.views.graph(model, profile).to_html()
        self.pages["timeline"] = tf.views.timeline(profile).to_html()
        self.pages["before and after"] = page(self._report("".join(ATTACKS)))
        self.data["trace"] = json.dumps(export.to_chrome_trace(profile))
        tf.export_web(model, self.folder, only=["simd"])
        trials = (VariantTrial("simd", ATTACKS[0], reason=ATTACKS[1]),)
        WebReport(self.name, "1", "float32", ATTACKS[2], ATTACKS[3], trials, (), (), (), ATTACKS[4], None,
                  {ATTACKS[5]: ATTACKS[6]}).write(self.folder)
        self.pages["web report"] = (self.folder / "report.html").read_text()
        with Lab(model, "cpu") as lab:
            lab._view.side.runs.value = 3
            lab._view.notes.value = "\n".join(ATTACKS)
            lab.run(wait=True)
            lab._tabs.drawer.wait()
            self.pages["lab"] = lab.report_html()
            self._add_widgets("widget", lab._view.box)
            self.data["session"] = lab.save(self.folder.parent / "session.json").read_text()
        self._add_session()
        self._add_collector()

    def _add_widgets(self, what, box):
        drawn = [w.value for w in widgets_of(box) if isinstance(w, HTML)]
        self.pieces |= {f"{what} {i}": value for i, value in enumerate(drawn)}

    def _add_session(self):
        """A file in which every text is such a name, as far as a session takes that."""
        file = self.folder.parent / "planted.json"
        found = json.loads(self.data["session"])
        file.write_text(json.dumps(planted(found) | {"format": found["format"]}))
        with Lab("digits", "cpu") as lab:
            lab.load(file)
            self.texts["planted session"] = repr(lab.session)
            for tab in range(len(lab._view.tabs.children)):
                lab._view.tabs.selected_index = tab
                lab._tabs.drawer.wait()
            self.pages["planted lab"] = lab.report_html()
            self._add_widgets("planted widget", lab._view.box)

    def _add_collector(self):
        """What pages of others told, as far as a collector takes it."""
        self.store = self.folder.parent / "monitor.sqlite"
        with collector(self.store, rules=MONITOR_RULES) as running, tf.monitoring.panel(running, every_s=3600) as panel:
            for batch in batches():
                running._site.count(batch)
            panel.show()
            self.texts |= {"collector": repr(running), "repr of what it collected": str(running.summary())}
            self.pieces |= {"collector": running._repr_html_(), "what it collected": running.summary()._repr_html_()}
            self._add_widgets("monitor panel", panel.box)
            self.data["metrics"] = running._site.metrics("text/plain")[0].decode()


def planted(value):
    """JSON with such names as all of its texts, but for dates."""
    if isinstance(value, dict):
        return {k: v if k in ("date", "ended") else planted(v) for k, v in value.items()}
    if isinstance(value, list):
        return [planted(v) for v in value]
    return value + "".join(ATTACKS) if isinstance(value, str) else value


def batches():
    """What pages told that has such names, and is no more than anybody may tell."""
    for attack in ATTACKS:
        made = Batch(attack[:MOST_NAME], "simd", "chrome", 40.0, 8.0, ((bucket_of(60.0), 30),), errors=(
            ErrorCount("error", 1, message_of(attack)),))
        with suppress(InputError):
            yield read_batch(made.body())


def widgets_of(box):
    """A widget with all that lie in it."""
    yield box
    for child in getattr(box, "children", ()):
        yield from widgets_of(child)
