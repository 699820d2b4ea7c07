"""Numbers as people read them. None, which stands for "could not be measured", becomes a dash."""

from __future__ import annotations

from collections.abc import Sequence

NOTHING = "-"


def ms(value: float | None) -> str:
    """Milliseconds with three figures or so: ``0.012``, ``1.23``, ``123.4``."""
    if value is None:
        return NOTHING
    digits = 1 if value >= 100 else 2 if value >= 1 else 3  # noqa: PLR2004 - three or four figures each
    return f"{value:.{digits}f}"


def scaled(value: float | None, unit: str = "") -> str:
    """A count with a decimal prefix: ``999``, ``1.5 k``, ``3.5 M``; with ``unit="B"``, ``14.0 MB``."""
    if value is None:
        return NOTHING
    prefixes = ["", "k", "M", "G", "T"]
    while abs(value) >= 1000 and len(prefixes) > 1:  # noqa: PLR2004 - the base of the prefixes
        value /= 1000
        del prefixes[0]
    number = f"{value:.1f}" if prefixes[0] else f"{value:.0f}"
    return f"{number} {prefixes[0]}{unit}".rstrip()


def count(value: int | None) -> str:
    """A small count."""
    return NOTHING if value is None else str(value)


def counted(number: int, noun: str) -> str:
    """A number of things: ``1 kernel``, ``2 kernels``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def percent(part: float | None, whole: float = 1) -> str:
    """A share: ``12.3%``; a dash of nothing."""
    return NOTHING if part is None or not whole else f"{100 * part / whole:.1f}%"


def rate(per_second: float | None, amount: int) -> str:
    """Billions a second: ``12.3``; a dash for work that has none of it."""
    return NOTHING if per_second is None or not amount else f"{per_second:.1f}"


def times(value: float | None) -> str:
    """A ratio: ``12.3x``."""
    return NOTHING if value is None else f"{value:.1f}x" if value >= 1 else f"{value:.2f}x"


def backend_words(name: str, adapter_type: str | None) -> str:
    """A backend beside a number: with the kind of its adapter, as a software adapter's numbers are no GPU's."""
    return f"{name} ({adapter_type} adapter)" if adapter_type else name


def shape(dims: Sequence[int | None] | None) -> str:
    """A shape: ``1x224x224x3``, ``?`` for a free length, ``scalar`` and ``unknown``."""
    if dims is None:
        return "unknown"
    return "x".join("?" if d is None else str(d) for d in dims) or "scalar"


def tail(name: str, width: int) -> str:
    """The end of a long name, which is what tells it from its neighbours."""
    return name if len(name) <= width else f"..{name[2 - width:]}"
