// The page's colours as a canvas needs them, and word when they change.
const THEMED = ["class", "style", "data-theme", "data-jp-theme-light", "data-jp-theme-name"]; // attributes

// What the custom properties --tfv-NAME come to at an element, as rgb().
export function colours(el, names) {
  const probe = document.createElement("span");
  el.append(probe);
  const found = {};
  for (const name of names) {
    probe.style.color = `var(--tfv-${name})`;
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}

// Black or white, whichever reads better on an rgb() (relative luminance of WCAG 2).
export function inkOn(background) {
  const linear = background.match(/[\d.]+/g).slice(0, 3).map((c) => {
    const s = c / 255;
    return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.18 ? "#000" : "#fff";
}

// Calls when the system's theme or the page's own (JupyterLab's attribute, a class) changes; gives what ends that.
export function onTheme(changed) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const page = new MutationObserver(changed);
  for (const el of [document.documentElement, document.body]) {
    page.observe(el, { attributeFilter: THEMED });
  }
  system.addEventListener("change", changed);
  return () => {
    page.disconnect();
    system.removeEventListener("change", changed);
  };
}
