// How wide text is, and text that fits; both are remembered, since the same is drawn in every frame.
export const FONT = "system-ui, sans-serif";
const SIZE = 12, MOST = 20_000; // texts remembered

const context = document.createElement("canvas").getContext("2d");
const widths = new Map(), fitting = new Map();

export function widthOf(text, bold) {
  const key = `${bold} ${text}`;
  if (!widths.has(key)) {
    context.font = `${bold ? 600 : 400} ${SIZE}px ${FONT}`;
    remember(widths, key, context.measureText(text).width / SIZE);
  }
  return widths.get(key);
}

/** Shortened in the middle where it is wider than `width`, as names mostly differ at their ends. */
export function fitted(text, width, size, bold) {
  const most = width / size;
  if (widthOf(text, bold) <= most) return text;
  const key = `${bold} ${most.toFixed(1)} ${text}`;
  if (!fitting.has(key)) remember(fitting, key, shortened(text, most, bold));
  return fitting.get(key);
}

function shortened(text, most, bold) {
  for (let kept = Math.min(text.length - 1, Math.ceil(most * 2)); kept > 1; kept--) {
    const tail = Math.ceil(kept * 0.6), short = `${text.slice(0, kept - tail)}…${text.slice(-tail)}`;
    context.font = `${bold ? 600 : 400} ${SIZE}px ${FONT}`;
    if (context.measureText(short).width / SIZE <= most) return short;
  }
  return "…";
}

function remember(known, key, value) {
  if (known.size > MOST) known.clear();
  known.set(key, value);
}
