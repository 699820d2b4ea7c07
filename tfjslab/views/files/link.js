// One selected node for all views on a page and for Python: its name travels as an event and as a value of the model.
const EVENT = "tfjslab:select";

export function linked(model, follow) {
  let current = "";

  function keep(node) {
    current = node;
    model.set("selected", node);
    model.save_changes();
  }

  function heard({ detail }) {
    if (detail.node === current) return;
    keep(detail.node);
    follow(detail.node);
  }

  function changed() {
    if (model.get("selected") !== current) heard({ detail: { node: model.get("selected") } });
  }

  document.addEventListener(EVENT, heard);
  model.on("change:selected", changed);
  changed();
  return {
    select(node) {
      if (node === current) return;
      keep(node);
      document.dispatchEvent(new CustomEvent(EVENT, { detail: { node } }));
    },
    stop() {
      document.removeEventListener(EVENT, heard);
      model.off("change:selected", changed);
    },
  };
}
