// The timeline of a profile: a picture of the kernels of a run, a bar above it, and a pane of details beside it.
import { painted } from "./canvas.js";
import { linked } from "./link.js";
import { onTheme } from "./theme.js";
import { frameOf } from "./timeline/frame.js";
import { listen } from "./timeline/input.js";
import { movesOf } from "./timeline/moves.js";
import { paint } from "./timeline/paint.js";
import { paneOf } from "./timeline/pane.js";
import { savePicture } from "./timeline/picture.js";
import { legendOf, sceneOf } from "./timeline/scene.js";
import { searchBox } from "./timeline/search.js";
import { selectionOf } from "./timeline/selection.js";
import { tipOver } from "./timeline/tip.js";
import { visibleTime } from "./timeline/visible.js";

function render({ model, el }) {
  const data = model.get("data");
  const scene = sceneOf(data);
  const actions = {}; // what buttons, keys and pointers ask for
  const search = searchBox(data.kernels, {
    changed(matches) {
      scene.matches = matches;
      painter.ask();
    },
    jump: (index) => actions.pick(index),
    leave: () => canvas.focus(),
  });
  const { pane, show } = paneOf(actions);
  const frame = frameOf(data, scene.rows.height, actions, search, pane);
  const { canvas, root } = frame;
  el.append(root);
  const time = visibleTime(() => painter.ask());
  const tip = tipOver(root);
  const painter = painted(canvas, (context, width) => {
    if (!scene.looks) { // it has come onto the page just now
      dress();
      return;
    }
    paint(context, width, scene, time.shown);
    frame.tell(time.shown, scene.run.end);
  });
  const moves = movesOf(scene, time, canvas);
  const selection = selectionOf(scene, moves, (hit, byUser) => {
    const node = hit?.kind === "kernel" ? data.kernels[hit.index].node : "";
    show(scene);
    frame.say(node && `${node} selected`);
    if (node && byUser) link.select(node);
    painter.ask();
  });

  // What is not on the page has no colours yet: a notebook may put it there later.
  function dress() {
    if (!root.isConnected) return;
    scene.dress(root);
    frame.legend(legendOf(scene));
    show(scene);
    painter.ask();
  }

  Object.assign(actions, moves, selection, {
    step: (by) => selection.step(by, time.shown.from),
    search: () => search.input.focus(),
    save: () => savePicture(canvas.clientWidth, scene, time.shown),
    choose(run) {
      scene.choose(run);
      time.rescale(scene.run.end);
      dress();
    },
    hover(place) {
      const hit = place && moves.at(place);
      scene.hover = hit && hit.kind !== "overview" ? hit : null;
      canvas.style.cursor = scene.hover ? "pointer" : "";
      if (scene.hover) tip.show(scene, scene.hover, canvas.offsetLeft + place.x, canvas.offsetTop + place.y);
      else tip.hide();
      painter.ask();
    },
  });

  actions.choose(0);
  const link = linked(model, selection.follow);
  const own = el.classList.contains("tfv-page") && window.top === window; // a page that has nothing to scroll to
  const ends = [listen(canvas, actions, own), onTheme(dress), painter.stop, time.stop, link.stop, () => root.remove()];
  return () => ends.forEach((end) => end());
}

export default { render };
