// Shows a view in a page of its own: what anywidget does in a notebook, for a model that never changes.
const source = VIEW_MODULE;
const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
const { default: view } = await import(address);
URL.revokeObjectURL(address);
const data = JSON.parse(document.getElementById("data").textContent);
const model = { get: (name) => (name === "data" ? data : undefined), on() {}, off() {} };
await view.render({ model, el: document.getElementById("view") });
document.documentElement.dataset.ready = "true";
