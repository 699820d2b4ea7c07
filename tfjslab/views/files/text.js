// Numbers as people read them, in the forms that tfjslab/base/text.py has for Python.
const NOTHING = "-";

export function ms(value) {
  return value.toFixed(value >= 100 ? 1 : value >= 1 ? 2 : 3);
}

export function scaled(value, unit = "") {
  const prefixes = ["", "k", "M", "G", "T"];
  while (Math.abs(value) >= 1000 && prefixes.length > 1) {
    value /= 1000;
    prefixes.shift();
  }
  return `${value.toFixed(prefixes[0] ? 1 : 0)} ${prefixes[0]}${unit}`.trim();
}

export function percent(part, whole) {
  return whole > 0 ? `${((100 * part) / whole).toFixed(1)}%` : NOTHING;
}

export function counted(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

// The end of a long name, which is what tells it from its neighbours.
export function tail(name, width) {
  return name.length <= width ? name : `…${name.slice(1 - width)}`;
}

// The beginning, for names that say first what they are.
export function head(name, width) {
  return name.length <= width ? name : `${name.slice(0, Math.max(0, width - 1))}…`;
}

// The last two parts of a path: enough to know a node by where there is little room.
export function ending(path) {
  return path.split("/").slice(-2).join("/");
}
