// What is selected: one kernel, layer or other part of the run. `changed` is told, with whether others have to know.
export function selectionOf(scene, moves, changed) {
  function select(hit, byUser = true) {
    scene.pinned = hit;
    changed(hit, byUser);
  }

  function pick(index) {
    select({ kind: "kernel", index });
    moves.inSight(scene.pinned);
  }

  const reveal = () => scene.pinned && moves.look(scene.pinned);
  return {
    pick, reveal,
    unpin: () => select(null),
    click(place) {
      const hit = moves.at(place);
      if (hit?.kind === "overview") return moves.jumpTo(place.x);
      select(hit);
      if (hit?.kind === "span") reveal();
    },
    doubleClick: (place) => moves.at(place) && reveal(),
    // To a kernel before or behind; without one to begin with, to the first that is visible.
    step(by, from) {
      const { run, pinned } = scene;
      const index = pinned?.kind === "kernel" ? pinned.index + by : run.at(from);
      if (run.n) pick(Math.min(run.n - 1, Math.max(0, index)));
    },
    // Another view selected a node: its kernel is selected here.
    follow(node) {
      const index = scene.kernelOf(node);
      if (index < 0) return;
      select({ kind: "kernel", index }, false);
      moves.inSight(scene.pinned);
    },
  };
}
