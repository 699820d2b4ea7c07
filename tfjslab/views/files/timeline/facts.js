// What is known about a thing on the timeline: a title and pairs of names and values for the tip, and more of them for
// the pane.
import { totals } from "./laid.js";
import { counted, ms, percent, scaled } from "../text.js";

const REST = "Time that no kernel accounts for: the call itself, copies of inputs and outputs, the profiler. When in "
  + "the run it passed is not known, so it is drawn at the end.";

export function factsOf(scene, hit) {
  return { kernel: kernelFacts, span: spanFacts, rest: restFacts }[hit.kind](scene, hit);
}

function kernelFacts({ kernels, run }, { index }) {
  const k = kernels[index];
  const time = run.time(index);
  const [least, most] = k.range_ms;
  return {
    title: k.node, subtitle: k.name, host: k.host,
    pairs: [
      ["time", `${ms(time)} ms, ${percent(time, run.wall)} of the run`],
      ["all runs", most ? `${ms(least)} to ${ms(most)} ms` : ""],
      ["on the host", k.host ? k.reason || "yes" : ""],
      ["FLOPs", work(k.flops, time, "", "FLOP/s")],
      ["bytes moved", work(k.bytes_moved, time, "B", "B/s")],
      ["inputs", k.inputs.join(", ")],
      ["outputs", k.outputs.join(", ")],
      ["memory", `${scaled(k.bytes_live, "B")} in ${counted(k.tensors_live, "tensor")}`],
    ].filter(([, value]) => value),
    more: [["layer", k.layer], ["number", `${index + 1} of ${kernels.length}`]].filter(([, value]) => value),
  };
}

function spanFacts({ kernels, run }, { span }) {
  const sum = totals(kernels, run, span.first, span.end);
  return {
    title: span.path, subtitle: counted(sum.count, "kernel"), host: false,
    pairs: [
      ["time", `${ms(sum.time)} ms, ${percent(sum.time, run.wall)} of the run`],
      ["on the host", sum.host ? `${counted(sum.host, "kernel")}, ${ms(sum.hostTime)} ms` : ""],
      ["FLOPs", work(sum.flops, sum.time, "", "FLOP/s")],
      ["bytes moved", work(sum.moved, sum.time, "B", "B/s")],
      ["most memory", scaled(sum.peak, "B")],
    ].filter(([, value]) => value),
    more: [],
  };
}

function restFacts({ run }) {
  return {
    title: "unattributed", subtitle: REST, host: false,
    pairs: [["time", `${ms(run.rest)} ms, ${percent(run.rest, run.wall)} of the run`]],
    more: [],
  };
}

// An amount, and how much of it a second.
function work(amount, time, unit, rate) {
  if (!amount) return "";
  return time > 0 ? `${scaled(amount, unit)}, ${scaled((amount / time) * 1e3, rate)}` : scaled(amount, unit);
}
