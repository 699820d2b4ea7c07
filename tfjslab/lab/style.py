"""How the lab looks: one style sheet for the dashboard and for the report. Colours and plots are those of all pages."""

from tfjslab.base import plots
from tfjslab.streaming import card

CSS = plots.CSS + card.CSS + """
.tfl .widget-html-content, .tfl .jupyter-widgets .widget-html-content { line-height: 1.4; font-size: 13px;
  font-family: var(--tfl-font); color: var(--tfl-ink); min-width: 0; }
.tfl .widget-html, .tfl .widget-html > .widget-html-content { margin: 0; width: 100%; height: auto; }
.tfl a { color: var(--jp-content-link-color, #1976d2); text-decoration: underline; }
.tfl-header { flex-wrap: wrap; gap: 6px; align-items: center; overflow: visible;
  padding: 2px; }
.tfl-header .jupyter-button, .tfl-side .jupyter-button, .tfl-sort .jupyter-button { width: auto; min-width: 0;
  margin: 0; }
.tfl-header .jupyter-button { padding: 0 8px; }
.tfl-header .tfl-backends .jupyter-button { padding: 0 7px; }
.tfl-header .widget-dropdown, .tfl-header .widget-text { margin: 0; }
.tfl-backends { gap: 0; flex: 0 1 auto; flex-wrap: wrap; overflow: visible; }
.tfl-backends .jupyter-button { border-radius: 0; border: 1px solid var(--tfl-line); border-left-width: 0; }
.tfl-backends .jupyter-button:first-child { border-left-width: 1px; border-radius: 3px 0 0 3px; }
.tfl-backends .jupyter-button:last-child { border-radius: 0 3px 3px 0; }
.tfl-backends .jupyter-button.mod-active { background: var(--jp-brand-color1, #1976d2);
  color: var(--jp-ui-inverse-font-color1, #fff); box-shadow: none; }
.tfl-progress { flex: 1 1 200px; min-width: 200px; }
.tfl-progress-bar { position: relative; height: 28px; border-radius: 3px; overflow: hidden;
  background: var(--tfl-panel); border: 1px solid var(--tfl-line); box-sizing: border-box; }
.tfl-progress-bar b { position: absolute; inset: 0 auto 0 0; background: var(--tfl-a); opacity: .28; }
.tfl-progress-bar span { position: relative; display: block; padding: 0 10px; line-height: 26px; white-space: nowrap;
  overflow: hidden; text-overflow: ellipsis;
  font-variant-numeric: tabular-nums; }
.tfl-message { color: var(--tfl-error); padding: 4px 0; overflow-wrap: anywhere; }
.tfl-message.tfl-fine { color: var(--tfl-faint); }
.tfl-name { padding: 6px 2px 0; color: var(--tfl-faint); overflow-wrap: anywhere; }
.tfl-name b { color: var(--tfl-ink); font-weight: 600; }
.tfl-name i { margin-left: 8px; }
.tfl-name i.tfl-host { font-style: normal; padding-left: 18px; position: relative; }
.tfl-name i.tfl-host::before { content: ""; position: absolute; left: 0; top: 3px; width: 12px; height: 10px;
  background: var(--tfl-stripes); border: 1px solid var(--tfl-host); }
.tfl-strip { display: flex; flex-wrap: wrap; border: 1px solid var(--tfl-line); border-width: 1px 0 0 1px;
  border-radius: 3px; overflow: hidden; margin: 6px 0 0; }
.tfl-strip div { flex: 1 1 76px; background: var(--tfl-paper); padding: 5px 8px; white-space: nowrap; cursor: help;
  border: 1px solid var(--tfl-line); border-width: 0 1px 1px 0; min-width: 0; }
.tfl-strip b.tfl-words { font-size: 11px; white-space: normal; line-height: 1.2; display: inline-block; }
/* Figures of what the host did for the backend, where it had anything to do. */
.tfl-fell :is([data-figure="fallbacks"], [data-figure="on host"], [data-figure="host cost"]) {
  box-shadow: inset 0 3px 0 var(--tfl-host); }
.tfl-picker { flex-wrap: wrap; gap: 4px 12px; align-items: center; margin-top: 6px; overflow: visible; padding: 0 2px; }
.tfl-picker > * { margin: 0; } .tfl-picker .widget-label { width: auto; margin-right: 6px; }
.tfl-picker .widget-dropdown { flex: 1 1 330px; max-width: 540px; width: auto; min-width: 0; }
.tfl-picker .widget-text { flex: 0 1 220px; width: auto; }
.tfl-picker .tfl-verdict { flex: 1 1 100%; width: auto; }
.tfl-verdict:has(.widget-html-content:empty) { display: none; }
.tfl-strip small { display: block; color: var(--tfl-faint); font-size: 11px; }
.tfl-strip b { font-size: 16px; font-weight: 600; font-variant-numeric: tabular-nums; }
.tfl-strip i { font-style: normal; font-size: 11px; color: var(--tfl-faint); margin-left: 3px; }
.tfl-body { flex-wrap: wrap-reverse; gap: 8px; align-items: stretch; margin-top: 6px; overflow: hidden; }
.tfl-tabs { flex: 1 1 min(100%, 420px); min-width: 0; }
.tfl-tabs > .lm-TabBar { height: auto !important; min-height: 0 !important; max-height: none !important;
  overflow: visible; }
.tfl-tabs .lm-TabBar-content { flex-wrap: wrap; height: auto !important; }
.tfl-tabs .lm-TabBar-tab { flex: 0 0 auto !important; min-width: 0 !important; width: auto !important;
  padding: 0 clamp(5px, 0.6vw, 12px) !important; }
.tfl-tabs .widget-tab-contents, .tfl-tabs > .lm-StackedPanel { min-height: 0; padding: 8px; overflow: hidden; }
.tfl-tabs > .widget-tab-contents, .tfl-tabs > .lm-StackedPanel { min-height: 440px !important; }
.tfl-inputs { gap: 0; } .tfl-port b, .tfl-port small { display: block; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
.tfl-port small { color: var(--tfl-faint); font-size: 11px; }
.tfl-input { flex-wrap: wrap; gap: 4px 8px; align-items: center; padding: 4px 2px;
  border-bottom: 1px solid var(--tfl-line); overflow: visible; }
.tfl-input > * { margin: 0; width: auto; } .tfl-input .tfl-port { flex: 1 1 170px; width: auto; min-width: 0; }
.tfl-input .widget-text { flex: 1 1 130px; min-width: 0; } .tfl-input .widget-dropdown { flex: 0 0 104px; }
.tfl-input .widget-label { width: auto; margin-right: 6px; }
.tfl-input .widget-text:has(input[type="number"]) { flex: 0 0 130px; } .tfl-input .jupyter-button { flex: 0 0 auto; }
.tfl-side { flex: 0 0 230px; border: 1px solid var(--tfl-line); border-radius: 3px; padding: 8px; gap: 6px; }
.tfl-side > * { width: auto; margin: 0; }
.tfl-side .widget-label { width: 92px; flex: 0 0 auto; }
.tfl-side b { font-size: 12px; }
.tfl-live { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, max(330px, 34%)), 1fr)); gap: 8px;
  overflow: hidden; }
.tfl .tfl-card { border: 1px solid var(--tfl-line); border-radius: 3px; padding: 6px 10px 8px; height: 206px;
  box-sizing: border-box; overflow: hidden; }
.tfl .tfl-card:nth-child(5) { grid-column: 1 / -1; height: 156px; } .tfl-card:nth-child(5) .tfl-plot { height: 114px; }
.tfl-card h4 { float: left; margin: 0 12px 8px 0; font-size: 12px; font-weight: 600; line-height: 18px; }
.tfl-plot, .tfl-kernels, .tfl-empty { clear: both; }
.tfl-waiting { height: 420px; box-sizing: border-box; padding-top: 120px; }
.tfl table { border-collapse: collapse; width: 100%; table-layout: fixed; margin: 0; font-size: 12px;
  font-variant-numeric: tabular-nums; color: var(--tfl-ink); border: 0; }
.tfl th, .tfl td { padding: 2px 6px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; max-width: none;
  border: 0; line-height: 1.5; }
.tfl-table thead th { position: sticky; top: 0; background: var(--tfl-panel); font-weight: 600; }
.tfl-table tbody tr { background: none; border-bottom: 1px solid var(--tfl-line); }
.tfl-table tbody tr.tfl-host td { background: color-mix(in srgb, var(--tfl-host) 26%, transparent); }
.tfl-table tbody tr.tfl-host td:first-child { box-shadow: inset 4px 0 0 var(--tfl-host); }
.tfl .tfl-number { text-align: right; } .tfl .tfl-text { text-align: left; } .tfl .tfl-end { direction: rtl; }
.tfl-kernels th { text-align: left; font-weight: 400; width: 38%; } .tfl-kernels td { text-align: right; width: 19%; }
.tfl .tfl-kernels th, .tfl .tfl-kernels td { padding: 0 4px; line-height: 18px; }
.tfl-kernels td:nth-child(2) { width: 8%; color: var(--tfl-faint); } .tfl-kernels td.tfl-bar { width: 25%; }
.tfl-kernels td:last-child { width: 10%; }
.tfl-bar b { float: left; height: 10px; background: var(--tfl-a); min-width: 1px; box-sizing: border-box; }
.tfl-bar b.tfl-host { background: var(--tfl-stripes); border: 1px solid var(--tfl-host); }
.tfl-bar b.tfl-rest { background: none; border: 1px solid var(--tfl-faint); }
.tfl-passes { max-height: 150px; overflow: auto; flex: 0 0 auto; }
.tfl-passes > * { width: auto; margin: 0; height: 22px; flex: 0 0 auto; }
.tfl-changes h4 { font-size: 12px; font-weight: 600; margin: 10px 0 4px; }
.tfl-header .widget-toggle-button.mod-active { background: var(--jp-brand-color1, #1976d2);
  color: var(--jp-ui-inverse-font-color1, #fff); box-shadow: none; }
.tfl-note { color: var(--tfl-faint); font-size: 12px; padding: 2px 0 6px; }
.tfl-scroll { max-height: 60vh; overflow: auto; } .tfl-told table { table-layout: auto; }
.tfl-scroll > * { flex: 0 0 auto; } .tfl-scroll .tfl-table, .tfl-scroll > .tfl-sort { min-width: 860px; }
.tfl-sort { display: grid; position: sticky; top: 0; z-index: 1; background: var(--tfl-panel); overflow: hidden; }
.tfl-sort .jupyter-button { padding: 0 6px; background: none; font-size: 12px; font-weight: 600; height: 26px;
  overflow: hidden; text-overflow: ellipsis; text-align: left; box-shadow: none; }
.tfl-sort .jupyter-button.tfl-number { text-align: right; }
.tfl-chart { max-width: 100%; height: auto; display: block; margin: 0 auto 8px; }
.tfl-options { flex-wrap: wrap; gap: 4px 8px; align-items: center; overflow: visible; margin-bottom: 6px; }
.tfl-options > * { margin: 0; } .tfl-options .widget-label { width: auto; min-width: 62px; margin-right: 6px; }
.tfl-options .jupyter-button { width: auto; padding: 0 10px; }
.tfl-choice .widget-checkbox { width: 100%; margin: 0; } .tfl-choice .widget-label-basic { max-width: 100%; }
.tfl-notes textarea { height: 300px; font-family: var(--tfl-font); }
"""
