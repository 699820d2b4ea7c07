// The colours of the page's theme as a canvas takes them, and a call whenever the theme changes.
const NAMES = ["ink", "faint", "paper", "panel", "line", "a", "b", "c", "host", "error"];

/** The theme's colours by name, and whether it is dark. */
export function themeOf(root) {
  const probe = document.createElement("span");
  root.append(probe);
  const colour = (name) => {
    probe.style.color = `var(--tfv-${name})`;
    return getComputedStyle(probe).color;
  };
  const paper = rgb(colour("paper"));
  const found = Object.fromEntries(NAMES.map((name) => [name, rgb(colour(name), paper)])); // some are translucent
  probe.remove();
  return { ...found, dark: luminance(found.paper) < 0.4 };
}

/** Calls `changed` when the system or the notebook goes from light to dark or back; gives what ends that. */
export function watchTheme(changed) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const notebook = new MutationObserver(changed);
  system.addEventListener("change", changed);
  for (const element of [document.documentElement, document.body]) {
    notebook.observe(element, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-theme", "class", "style"] });
  }
  return () => {
    system.removeEventListener("change", changed);
    notebook.disconnect();
  };
}

const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

/** Any colour of CSS, laid over a ground, as `[red, green, blue]` from 0 to 255. */
export function rgb(colour, ground = [255, 255, 255]) {
  canvas.fillStyle = css(ground);
  canvas.fillRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
}

export const css = ([r, g, b]) => `rgb(${Math.round(r)},${Math.round(g)},${Math.round(b)})`;
export const blend = (a, b, part) => a.map((value, i) => value + (b[i] - value) * part);
export const luminance = ([r, g, b]) => (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
