"""The visor as static HTML: tabs are radio buttons and a style sheet, so they also work where scripts do not run.

Radio buttons of one form are a group of their own, so that a page may hold the same visor many times. Without the
style sheet, and on paper, all tabs stand one below the other under their names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfjslab.base.messages import escaped
from tfjslab.vis import image

if TYPE_CHECKING:
    from tfjslab.vis.visor import Surface, Visor

# Colours are those of JupyterLab's theme where there is one, else the browser's.
STYLE = """
.tfvis { max-width: 720px; font-family: sans-serif; font-size: 13px; display: flex; flex-wrap: wrap;
  color: var(--jp-ui-font-color1, CanvasText); background: var(--jp-layout-color1, Canvas);
  border: 1px solid var(--jp-border-color1, #8888); border-radius: 4px; padding: 6px 10px; margin: 0; }
.tfvis.tfvis-wide { max-width: none; }
.tfvis > input { appearance: none; margin: 0; padding: 5px 12px; font: inherit; cursor: pointer;
  border: none; border-bottom: 3px solid transparent; color: inherit; background: none; }
.tfvis > input::after { content: attr(aria-label); }
.tfvis > input:checked { border-bottom-color: #0072B2; font-weight: 600; }
.tfvis > input:focus-visible { outline: 2px solid #0072B2; }
.tfvis > section { order: 1; width: 100%; display: none; border-top: 1px solid var(--jp-border-color1, #8888); }
.tfvis > input:checked + section { display: flex; flex-direction: column; gap: 8px; }
.tfvis.tfvis-wide > input:checked + section { flex-flow: row wrap; }
.tfvis > section > h3 { display: none; }
.tfvis figure { margin: 6px 0; overflow: auto; }
.tfvis figcaption { font-weight: 600; margin: 4px 0; }
.tfvis img { max-width: 100%; height: auto; display: block; }
.tfvis table { border-collapse: collapse; font-size: inherit; color: inherit; }
.tfvis th, .tfvis td { padding: 3px 10px 3px 0; border-bottom: 1px solid var(--jp-border-color1, #8888); }
@media print { .tfvis > input { display: none; } .tfvis > section { display: block !important; }
  .tfvis > section > h3 { display: block; } }
"""


def visor(shown: Visor) -> str:
    """The whole visor; closed it is one line."""
    if not shown.is_open():
        return f"<p><b>Visor</b>: closed, {len(shown.surfaces)} surfaces; <code>tf.vis.visor().open()</code></p>"
    if not shown.surfaces:
        return "<p><b>Visor</b>: nothing drawn yet</p>"
    tabs = "".join(_tab(shown, tab) for tab in shown.tabs)
    wide = " tfvis-wide" if shown.is_fullscreen() else ""
    return f'<style>{STYLE}</style><form class="tfvis{wide}">{tabs}</form>'


def _tab(shown: Visor, tab: str) -> str:
    checked = " checked" if tab == shown.active_tab else ""
    name = escaped(tab)
    inside = "".join(surface(s) for s in shown.surfaces.values() if s.tab == tab)
    return f'<input type="radio" name="tab" aria-label="{name}"{checked}><section><h3>{name}</h3>{inside}</section>'


def surface(shown: Surface) -> str:
    """One surface with its name and its pictures; tables are text."""
    style = "".join(f"{k.replace('_', '-')}:{v};" for k, v in shown.styles.items())
    attribute = f' style="{escaped(style)}"' if style else ""
    return f"<figure{attribute}><figcaption>{escaped(shown.label)}</figcaption>{draw_area(shown)}</figure>"


def draw_area(shown: Surface) -> str:
    """Its pictures, without the name."""
    return "".join(_part(shown, part) for part in shown.parts)


def _part(shown: Surface, part: str) -> str:
    figure = shown.parts[part]
    title = f"<div>{escaped(part)}</div>" if part else ""
    html = getattr(figure, "html", "")
    if html:
        return title + str(html)
    width, _ = image.pixels(figure)
    alt = escaped(" ".join(filter(None, [shown.name, part])))
    return f'{title}<img width="{width}" alt="{alt}" src="{image.data_uri(figure, scale=2, any_page=True)}">'
