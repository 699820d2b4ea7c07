// What is on screen as a PNG file, twice as sharp, with the name of the profile above it.
import { sized } from "../canvas.js";
import { element } from "../dom.js";
import { paint } from "./paint.js";

const SHARP = 2;
const TITLE = 40; // pixels

export async function savePicture(width, scene, shown) {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  const { looks, rows, data, run } = scene;
  sized(canvas, context, width, rows.height + TITLE, SHARP);
  context.fillStyle = looks.paper;
  context.fillRect(0, 0, width, TITLE);
  context.translate(0, TITLE);
  paint(context, width, { ...scene, hover: null }, shown);
  context.translate(0, -TITLE);
  context.fillStyle = looks.ink;
  context.font = looks.bold;
  context.fillText(`${data.label}, ${run.name}`, 0, 11, width);
  context.font = looks.font;
  context.fillStyle = looks.faint;
  context.fillText(data.warning || data.place, 0, 27, width);
  const file = await new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
  const address = URL.createObjectURL(file);
  element("a", { href: address, download: "timeline.png" }).click();
  URL.revokeObjectURL(address);
}
