// Shows a view in a page of its own: what anywidget does in a notebook, for a model that only this page knows.
const source = VIEW_MODULE;
const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
const { default: view } = await import(address);
URL.revokeObjectURL(address);
const values = { data: JSON.parse(document.getElementById("data").textContent), selected: "" };
const model = {
  get: (name) => values[name],
  set: (name, value) => { values[name] = value; },
  save_changes() {}, on() {}, off() {},
};
await view.render({ model, el: document.getElementById("view") });
document.documentElement.dataset.ready = "true";
