// Wheel, pointers and keys on the canvas. `actions` does what they ask for; gives what takes all listeners away.
const STEP = 0.002; // of zoom for a pixel of wheel
const LINE = 16; // pixels in a line of wheel
const CLICK = 4; // pixels that a pointer may move in a click
const FASTER = 1.5;
const PAN = 0.15; // of what is visible

export function listen(canvas, actions, wheelAtOnce) {
  const ended = new AbortController();
  const on = (name, handler, more) => canvas.addEventListener(name, handler, { signal: ended.signal, ...more });
  const pointers = new Map();
  let moved = 0;
  let inOverview = false; // where the pointer went down

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  on("wheel", (event) => {
    const pixels = event.deltaMode ? LINE : 1;
    const sideways = event.shiftKey ? event.deltaX || event.deltaY : event.deltaX;
    const zooms = event.ctrlKey || event.metaKey || wheelAtOnce || canvas === document.activeElement;
    if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) actions.drag(-sideways * pixels);
    else if (zooms) actions.zoomAt(Math.exp(event.deltaY * pixels * STEP * (event.ctrlKey ? 4 : 1)), place(event).x);
    else return; // the page scrolls
    event.preventDefault();
  }, { passive: false });

  on("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    if (pointers.size === 1) [moved, inOverview] = [0, actions.inOverview(place(event))];
    actions.hover(null);
  });

  on("pointermove", (event) => {
    const [before, now] = [pointers.get(event.pointerId), place(event)];
    if (!before) return actions.hover(now);
    moved += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
    if (pointers.size === 2) pinch(event.pointerId, now);
    else if (inOverview) actions.jumpTo(now.x);
    else if (moved > CLICK) actions.drag(now.x - before.x);
    pointers.set(event.pointerId, now);
  });

  // Two fingers: what was between them stays there.
  function pinch(id, now) {
    const [, other] = [...pointers].find(([key]) => key !== id);
    const [before, after] = [pointers.get(id), now].map((p) => Math.max(8, Math.abs(p.x - other.x)));
    actions.zoomAt(before / after, (now.x + other.x) / 2);
  }

  on("pointerup", (event) => {
    if (pointers.delete(event.pointerId) && moved <= CLICK && !pointers.size) actions.click(place(event));
  });
  on("pointercancel", (event) => pointers.delete(event.pointerId));
  on("pointerleave", () => actions.hover(null));
  on("dblclick", (event) => actions.doubleClick(place(event)));
  on("keydown", (event) => {
    const act = !event.ctrlKey && !event.metaKey && !event.altKey && KEYS[event.key];
    if (!act) return;
    act(actions);
    event.preventDefault();
  });
  return () => ended.abort();
}

const KEYS = {
  ArrowLeft: (a) => a.panBy(-PAN),
  ArrowRight: (a) => a.panBy(PAN),
  ArrowUp: (a) => a.step(-1),
  ArrowDown: (a) => a.step(1),
  "+": (a) => a.zoom(1 / FASTER),
  "=": (a) => a.zoom(1 / FASTER),
  "-": (a) => a.zoom(FASTER),
  0: (a) => a.fit(),
  Home: (a) => a.fit(),
  Enter: (a) => a.reveal(),
  "/": (a) => a.search(),
  Escape: (a) => a.unpin(),
};
