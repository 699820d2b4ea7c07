// The part of a run that is on screen: `from` and `to` in milliseconds, within the run, changed by one function.
const GLIDE_MS = 180;
const NARROWEST = 1e-6; // of the run

export function visibleTime(changed) {
  const shown = { from: 0, to: 1 };
  let whole = 1;
  let frame = 0;

  function set(from, to) {
    const width = Math.min(Math.max(to - from, whole * NARROWEST), whole);
    shown.from = Math.min(Math.max(from, 0), whole - width);
    shown.to = shown.from + width;
    changed();
  }

  function stop() {
    cancelAnimationFrame(frame);
  }

  // Goes there in several frames, so that the eye can follow.
  function glide(from, to) {
    stop();
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return set(from, to);
    const before = { ...shown };
    const begun = performance.now();
    const step = (now) => {
      const t = Math.min(1, Math.max(0, now - begun) / GLIDE_MS);
      const eased = t * (2 - t);
      set(before.from + (from - before.from) * eased, before.to + (to - before.to) * eased);
      if (t < 1) frame = requestAnimationFrame(step);
    };
    frame = requestAnimationFrame(step);
  }

  return {
    shown, set, glide, stop,
    // Another run: the same part of it.
    rescale(end) {
      stop();
      const scale = end / whole;
      whole = end || 1;
      set(shown.from * scale, shown.to * scale);
    },
    zoom(factor, at = (shown.from + shown.to) / 2) {
      stop();
      if (factor > 1 && shown.to - shown.from >= whole) return;
      set(at - (at - shown.from) * factor, at + (shown.to - at) * factor);
    },
    pan(by) {
      stop();
      set(shown.from + by, shown.to + by);
    },
    fit: () => glide(0, whole),
  };
}
