// One selected node for all views on a page and for Python: its name travels as an event and as a value of the model.
const EVENT = "tfjslab:select";

export function linked(model, follow) {
  let current = "";

  function keep(node) {
    current = node;
    model.set("selected", node);
    model.save_changes();
  }

  function take(node) {
    if (!node || node === current) return;
    keep(node);
    follow(node);
  }

  const heard = ({ detail }) => take(detail?.node);
  const changed = () => take(model.get("selected"));

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
