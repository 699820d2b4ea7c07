// Time along the top, with lines through all rows.
const APART = 90; // pixels between two marks, at least

export function ticks(from, to, pixels) {
  const least = ((to - from) * APART) / Math.max(APART, pixels);
  const power = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= least * 0.999);
  const found = [];
  for (let i = Math.ceil(from / step); i * step <= to; i += 1) found.push(i * step);
  return { step, found };
}

// A time with as many digits as tell it from the next mark: "12.4 ms", "310 µs", "45 ns".
export function timeText(time, step) {
  const [unit, scale] = step >= 1e-1 || time === 0 ? ["ms", 1] : step >= 1e-4 ? ["µs", 1e3] : ["ns", 1e6];
  const digits = Math.max(0, -Math.floor(Math.log10(step * scale) + 1e-9));
  return `${(time * scale).toFixed(time === 0 ? 0 : digits)} ${unit}`;
}

export function drawRuler(context, width, { rows, looks }, shown, scale) {
  const { y, height } = rows.ruler;
  const { step, found } = ticks(shown.from, shown.to, width);
  for (const time of found) {
    const x = Math.round(scale.x(time));
    context.fillStyle = looks.line;
    context.fillRect(x, y + height - 5, 1, rows.height);
    context.fillStyle = looks.faint;
    const text = timeText(time, step);
    if (x + 3 + context.measureText(text).width <= width) context.fillText(text, x + 3, y + height / 2);
  }
}
