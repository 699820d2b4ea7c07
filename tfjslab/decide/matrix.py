"""``tf.compatibility``: in which browsers a model runs at all, by which variant, and for what share of an audience."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from tfjslab.backends.registry import availability
from tfjslab.backends.wasm.run.engine import PAGE_BYTES
from tfjslab.base.errors import InputError, TfjslabError
from tfjslab.base.plain import to_plain
from tfjslab.base.shapes import Shape
from tfjslab.base.tables import Report, Table
from tfjslab.base.text import NOTHING, scaled
from tfjslab.browser.jobs.programs import PROGRAMS, TFJS
from tfjslab.decide.audience import Audience, Given, Visitors, audience_of
from tfjslab.decide.needs import needs_of_program, needs_of_variant
from tfjslab.decide.precision import precision_of
from tfjslab.export.targets import WEB_MODULE, refusals, source_of
from tfjslab.export.web.module import MAX_PAGES
from tfjslab.export.web.variants import VARIANTS
from tfjslab.model.model import Model
from tfjslab.model.sample import sample_inputs
from tfjslab.targets.browsers import (
    NO,
    SOME,
    UNKNOWN,
    YES,
    SupportRow,
    browser_facts,
    supports,
    supports_all,
    version_of,
)
from tfjslab.targets.features import FEATURES
from tfjslab.targets.refusal import told

HEAP_BYTES = MAX_PAGES * PAGE_BYTES
_SMALL = 0.05  # percent; tables leave out browsers that fewer use
_ISOLATED = "the page is taken to be cross-origin isolated"
_ALONE = ("the page is taken not to be cross-origin isolated, so nothing runs on threads; isolated=True (--isolated) "
          "shows what its two headers give")


@dataclass(frozen=True)
class VariantShare:
    """One variant of a program. ``share`` is the percent of the audience whose browsers would take it.

    That is the best one that they have all features for. ``some`` is the percent for which it would be a better one
    on a part of their systems. ``reason`` says why the model does not run with it anywhere; then both are 0.
    """

    program: str
    variant: str
    needs: tuple[str, ...]
    share: float
    some: float
    runs: bool = True
    reason: str = ""


@dataclass(frozen=True)
class ProgramShare:
    """What one program does for the audience, in percent: it runs, it does not, or nothing is known of the browser."""

    program: str
    source: str
    runs: float
    not_at_all: float
    unknown: float


@dataclass(frozen=True)
class BrowserRow:
    """A browser of the audience: its share in percent, and the versions since which it has each feature.

    ``~`` marks versions that have it on a part of the systems, with ``notes`` from the data; empty is never.
    ``variants`` are the shares by the variant of the web module that its versions take.
    """

    browser: str
    name: str
    share: float
    since: Mapping[str, str]
    variants: Mapping[str, float]
    notes: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class Compatibility(Report):
    """Where a model runs. Shares are percent of ``audience``; what is missing to 100 is of browsers nobody counted.

    ``memory_bytes`` is what WebAssembly needs at least: weights and intermediates; None with ``memory_reason``.
    ``features`` are the shares of the audience whose browsers have each feature.
    """

    model: str
    audience: str
    isolated: bool
    precision: str
    memory_bytes: int | None
    memory_reason: str
    heap_bytes: int
    variants: tuple[VariantShare, ...]
    programs: tuple[ProgramShare, ...]
    browsers: tuple[BrowserRow, ...]
    features: Mapping[str, float]
    sources: tuple[str, ...]
    made_on: str

    def share(self, program: str = WEB_MODULE) -> dict[str, float]:
        """Percent of the audience by variant of a program."""
        return {v.variant: v.share for v in self.variants if v.program == program}

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    def tables(self) -> tuple[Table, ...]:
        """Programs and variants with their shares, then browsers by features."""
        return _programs_table(self), _browsers_table(self)

    def __repr__(self) -> str:
        runs = ", ".join(f"{p.program} {p.runs:.1f}%" for p in self.programs)
        return f"<Compatibility of {self.model}: {runs}>"


# Name and needs of a program's variants, from the slowest to the fastest, as its loader would take them.
_Variants = tuple[tuple[str, tuple[str, ...]], ...]


@cache
def _programs() -> dict[str, _Variants]:
    """The web module and the backends of TensorFlow.js, by the names of targets."""
    found: dict[str, _Variants] = {WEB_MODULE: tuple((v.name, needs_of_variant(v)) for v in VARIANTS)}
    for p in (p for p in PROGRAMS.values() if p.kind == TFJS):
        name = f"tfjs-{p.backend}"
        found[name] = (*found.get(name, ()), (p.name.removeprefix(f"{name}-"), needs_of_program(p)))
    return found


def compatibility(
    model: Model, audience: Given = None, *, isolated: bool = False, shapes: Mapping[str, Shape] | None = None,
) -> Compatibility:
    """Tell where ``model`` runs, by which variant, and for which share of an audience.

    Args:
        model: a loaded model; nothing of it is run.
        audience: a file (``.json`` or ``.csv``) or rows with ``browser``, ``version`` and ``share``; without it that of
            the whole world.
        isolated: whether the page is cross-origin isolated, as threads demand.
        shapes: lengths for inputs that leave some open, by name; 1 without it.

    Raises InputError for an audience that cannot be read.

    """
    facts, found, given = browser_facts(), audience_of(audience), shapes or {}
    memory, why = _memory(model, given)
    variants: list[VariantShare] = []
    programs: list[ProgramShare] = []
    for name, known in _programs().items():
        rows, whole = _shares(name, known, found, _why_not(model, name, given, memory), isolated=isolated)
        variants += rows
        programs.append(whole)
    have = {f: sum(v.share for v in found.visitors if supports(v.browser, v.version, f) == YES) for f in FEATURES}
    return Compatibility(
        model.name, found.source, isolated, precision_of(model.graph), memory, why,
        HEAP_BYTES, tuple(variants), tuple(programs), _browsers(found, isolated=isolated), have,
        tuple(s.text for s in facts.sources), facts.made_on,
    )


def _memory(model: Model, shapes: Mapping[str, Shape]) -> tuple[int | None, str]:
    """Bytes of weights and of the arena that the plan of the scalar kernels sets aside, or why that is not known."""
    where = "wasm-plain"
    found = availability(where)
    if not found.available:
        return None, found.reason
    ports = tuple(replace(p, shape=shapes.get(p.name, p.shape)) for p in model.inputs)
    try:
        with Model(model.graph, where, name=model.name) as there:
            return model.weight_bytes + sum(i.peak_bytes for i in there.prepare(sample_inputs(ports))), ""
    except TfjslabError as e:
        return None, str(e)


def _why_not(model: Model, program: str, shapes: Mapping[str, Shape], memory: int | None) -> str:
    """Why a program does not run the model in any browser; empty where it does."""
    try:
        if refused := told(refusals(model, program, shapes)):
            return "; ".join(refused)
    except InputError as e:
        return str(e)
    if memory is not None and memory > HEAP_BYTES and any("wasm" in needs for _, needs in _programs()[program]):
        return f"it needs {scaled(memory, 'B')}, and {scaled(HEAP_BYTES, 'B')} is all that 32-bit addresses reach"
    return ""


def _shares(
    program: str, variants: _Variants, found: Audience, reason: str, *, isolated: bool,
) -> tuple[list[VariantShare], ProgramShare]:
    """What each variant of a program does for the audience."""
    share, some = dict.fromkeys((name for name, _ in variants), 0.0), dict.fromkeys((name for name, _ in variants), 0.0)
    nothing = unknown = 0.0
    for v in found.visitors:
        best, better, is_known = _taken(variants, v, isolated=isolated)
        if not is_known:
            unknown += v.share
        elif best is None:
            nothing += v.share
        else:
            share[best] += v.share
        if better is not None:
            some[better] += v.share
    if reason:
        whole = ProgramShare(program, source_of(program), 0.0, sum(v.share for v in found.visitors), 0.0)
        return [VariantShare(program, *v, share=0.0, some=0.0, runs=False, reason=reason) for v in variants], whole
    rows = [VariantShare(program, n, needs, share[n], some[n]) for n, needs in variants]
    return rows, ProgramShare(program, source_of(program), sum(share.values()), nothing, unknown)


def _taken(variants: _Variants, v: Visitors, *, isolated: bool) -> tuple[str | None, str | None, bool]:
    """The best variant for a version, a better one that a part of its systems runs, and whether anything is known."""
    allowed = [(n, needs) for n, needs in variants if isolated or "threads" not in needs]
    how = [(n, supports_all(v.browser, v.version, needs)) for n, needs in allowed]
    best = next((n for n, kind in reversed(how) if kind == YES), None)
    first = next((n for n, kind in reversed(how) if kind in (YES, SOME)), None)
    return best, first if first != best else None, all(kind != UNKNOWN for _, kind in how)


def _browsers(found: Audience, *, isolated: bool) -> tuple[BrowserRow, ...]:
    """The browsers of the audience, those that most people use first."""
    facts, ours = browser_facts(), _programs()[WEB_MODULE]
    rows = []
    for browser in dict.fromkeys(v.browser for v in found.visitors):
        variants: dict[str, float] = {}
        mine = [v for v in found.visitors if v.browser == browser]
        for v in mine:
            best, _, is_known = _taken(ours, v, isolated=isolated)
            name = (best or NO) if is_known else UNKNOWN
            variants[name] = variants.get(name, 0.0) + v.share
        since = {f: _since(browser, f) for f in FEATURES} if browser in facts.known else {}
        notes = dict.fromkeys(r.note for r in facts.support if r.browser == browser and r.partial)
        rows.append(BrowserRow(browser, facts.names.get(browser, browser), sum(v.share for v in mine), since, variants,
                               tuple(notes)))
    return tuple(sorted(rows, key=lambda r: -r.share))


def _since(browser: str, feature: str) -> str:
    """Such as ``91``, or ``~113, 144``; of a feature with several paths the last that a browser got."""
    paths = [_versions(browser, feature, path) for path in FEATURES[feature].paths]
    if not all(paths):
        return ""
    last = max(paths, key=lambda rows: version_of(rows[-1].since))
    return ", ".join(f"{'~' if r.partial else ''}{r.since}" for r in last)


def _versions(browser: str, feature: str, path: str) -> list[SupportRow]:
    """The rows that led to what a browser has now, by version."""
    rows = [r for r in browser_facts().rows_of(browser, feature) if r.source.endswith(f": {path}")]
    kept = [r for r in rows if r.until is None or r.partial]
    return sorted(kept, key=lambda r: version_of(r.since))


# ---- tables ---------------------------------------------------------------------------------------------------------


def _programs_table(c: Compatibility) -> Table:
    rows = [(v.program, v.variant, ", ".join(v.needs) or NOTHING, _percent(v.share) if v.runs else "does not run",
             _percent(v.some) if v.some else "") for v in c.variants]
    whole = [f"{p.program} ({p.source}): runs for {_percent(p.runs)}, not for {_percent(p.not_at_all)}; "
             f"{_percent(p.unknown)} have browsers of which nothing is known" for p in c.programs]
    memory = (f"memory: {scaled(c.memory_bytes, 'B')} of weights and intermediates; a heap of 32 bits has "
              f"{scaled(c.heap_bytes, 'B')}" if c.memory_bytes is not None else f"memory: unknown: {c.memory_reason}")
    reasons = dict.fromkeys(f"{v.program} does not run it: {v.reason}" for v in c.variants if v.reason)
    what = ("share: percent of the audience whose browsers take the variant, the best that they can; some systems: "
            "those that would take it on a part of their systems")
    return Table(
        f"{c.model}, {c.precision}: which share of the audience runs which variant",
        ("program", "variant", "needs", "share", "some systems"), tuple(rows),
        (*reasons, *whole, memory, _ISOLATED if c.isolated else _ALONE, what, f"audience: {c.audience}"), left=3)


def _browsers_table(c: Compatibility) -> Table:
    shown = [b for b in c.browsers if b.share >= _SMALL]
    rows = [(b.name, _percent(b.share), *(b.since.get(f, "?") or NOTHING for f in FEATURES),
             ", ".join(f"{name} {_percent(s)}" for name, s in b.variants.items())) for b in shown]
    have = ("share that has it", "", *(_percent(c.features[f]) for f in FEATURES), "")
    notes = [f"{b.name}: {note}" for b in shown for note in b.notes]
    return Table(
        "Browsers: the version since which each has a feature",
        ("browser", "share", *FEATURES, f"variants of the {WEB_MODULE}"), (*rows, have),
        ("~ on a part of the systems; - never; ? not in the data", *notes,
         f"data of {c.made_on}: {'; '.join(c.sources)}"), left=1)


def _percent(share: float) -> str:
    return f"{share:.1f}%"
