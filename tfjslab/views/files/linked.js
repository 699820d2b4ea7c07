// The files of a view, each as a module of its own; those that a file imports stand before it.
const addresses = {};
for (const [name, source] of SOURCES) {
  const text = source.replace(/"linked:([^"]+)"/g, (_, needed) => `"${addresses[needed]}"`);
  addresses[name] = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
}
let view;
try {
  view = (await import(addresses[ENTRY])).default;
} finally {
  Object.values(addresses).forEach((address) => URL.revokeObjectURL(address));
}
export default view;
