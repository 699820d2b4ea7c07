// The timeline of a profile: what is shown, and what happens when somebody does something.
import { painted } from "./canvas.js";
import { element } from "./dom.js";
import { linked } from "./link.js";
import { percent } from "./text.js";
import { onTheme } from "./theme.js";
import { frameOf } from "./timeline/frame.js";
import { listen } from "./timeline/input.js";
import { paint } from "./timeline/paint.js";
import { paneOf } from "./timeline/pane.js";
import { savePicture } from "./timeline/picture.js";
import { found, GUTTER, scaleOf } from "./timeline/rows.js";
import { legendOf, sceneOf } from "./timeline/scene.js";
import { searchBox } from "./timeline/search.js";
import { tipOver } from "./timeline/tip.js";
import { visibleTime } from "./timeline/visible.js";

const AROUND = 6; // widths of a kernel that are visible when it is looked at
const FASTER = 1.5;

function render({ model, el }) {
  const data = model.get("data");
  const scene = sceneOf(data);
  const time = visibleTime(() => painter.ask());
  const scale = () => scaleOf(time.shown, canvas.clientWidth);
  const hitAt = ({ x, y }) => found(scene.rows, scene, scale(), x, y);

  const actions = {
    zoom: (factor) => time.zoom(factor),
    zoomAt: (factor, x) => time.zoom(factor, scale().time(Math.max(GUTTER, x))),
    drag: (pixels) => time.pan(-pixels / scale().pixels),
    panBy: (part) => time.pan(part * (time.shown.to - time.shown.from)),
    fit: () => time.fit(),
    overview: ({ x, y }) => hitAt({ x, y })?.kind === "overview",
    jumpTo(x) {
      const all = scaleOf({ from: 0, to: scene.run.wall }, canvas.clientWidth);
      time.pan(all.time(x) - (time.shown.from + time.shown.to) / 2);
    },
    hover(place) {
      const hit = place && hitAt(place);
      scene.hover = hit && hit.kind !== "overview" ? hit : null;
      canvas.style.cursor = scene.hover ? "pointer" : "";
      if (scene.hover) tip.show(scene, scene.hover, canvas.offsetLeft + place.x, canvas.offsetTop + place.y);
      else tip.hide();
      painter.ask();
    },
    click(place) {
      const hit = hitAt(place);
      if (hit?.kind === "overview") return actions.jumpTo(place.x);
      if (!hit) return actions.unpin();
      pin(hit);
      if (hit.kind === "span") actions.reveal();
    },
    doubleClick(place) {
      if (scene.pinned && hitAt(place)) actions.reveal();
    },
    pick(index) {
      pin({ kind: "kernel", index });
      inSight();
    },
    step(by) {
      const at = scene.pinned?.kind === "kernel" ? scene.pinned.index + by : scene.run.at(time.shown.from);
      if (scene.run.n) actions.pick(Math.min(scene.run.n - 1, Math.max(0, at)));
    },
    // Fill the width with what is selected; a kernel keeps some of what is around it.
    reveal() {
      if (!scene.pinned) return;
      const { from, to } = scene.placeOf(scene.pinned);
      const margin = scene.pinned.kind === "kernel" ? ((to - from) * (AROUND - 1)) / 2 : (to - from) * 0.01;
      time.glide(from - margin, to + margin);
    },
    unpin: () => pin(null),
    search: () => search.input.focus(),
    save: () => savePicture(canvas.clientWidth, scene, time.shown),
  };

  const search = searchBox(data.kernels, {
    changed: (matches) => { scene.matches = matches; painter.ask(); },
    jump: actions.pick,
    leave: () => canvas.focus(),
  });
  const pane = paneOf(actions);
  const frame = frameOf(data, scene.rows.height, actions, search, pane.pane, choose);
  const { canvas, root } = frame;
  const tip = tipOver(root);
  const painter = painted(canvas, (context, width) => {
    paint(context, width, scene, time.shown);
    frame.tell(time.shown, scene.run.wall);
  });

  // Pins a thing, tells everybody, and shows what is known of it.
  function pin(hit, tells = true) {
    scene.pinned = hit;
    pane.show(scene);
    frame.say(hit?.kind === "kernel" ? `${data.kernels[hit.index].node} selected` : "");
    if (hit?.kind === "kernel" && tells) link.select(data.kernels[hit.index].node);
    painter.ask();
  }

  // Brings the selected kernel to the middle when it is outside or too narrow to be seen.
  function inSight() {
    const { from, to } = scene.placeOf(scene.pinned);
    const { shown } = time;
    const width = (to - from) * scale().pixels < 3 ? (to - from) * 12 * AROUND : shown.to - shown.from;
    if (width === shown.to - shown.from && from >= shown.from && to <= shown.to) return;
    time.glide((from + to - width) / 2, (from + to + width) / 2);
  }

  function choose(index) {
    scene.choose(index);
    time.rescale(scene.run.wall);
    dress();
  }

  function dress() {
    scene.dress(root);
    frame.legend(legendOf(scene).map((kind) => ({ ...kind, share: percent(kind.time, scene.run.wall) })));
    pane.show(scene);
    painter.ask();
  }

  el.append(root);
  time.rescale(scene.run.wall);
  const link = linked(model, (node) => {
    const index = scene.kernelOf(node);
    if (index < 0) return;
    pin({ kind: "kernel", index }, false);
    inSight();
  });
  const own = el.classList.contains("tfv-page") && window.top === window; // a page that has nothing to scroll to
  const ends = [listen(canvas, actions, own), onTheme(dress), painter.stop, time.stop, link.stop, () => root.remove()];
  choose(0);
  return () => ends.forEach((end) => end());
}

export default { render };
