// A canvas that is sharp on any screen, follows its size on the page, and is painted once a frame at most.
export function painted(canvas, paint) {
  const context = canvas.getContext("2d");
  let asked = 0;

  function draw() {
    asked = 0;
    const { clientWidth: width, clientHeight: height } = canvas;
    sized(canvas, context, width, height, devicePixelRatio);
    paint(context, width, height);
  }

  const ask = () => { asked ||= requestAnimationFrame(draw); };
  const sizes = new ResizeObserver(ask);
  sizes.observe(canvas);
  return {
    ask,
    stop() {
      cancelAnimationFrame(asked);
      sizes.disconnect();
    },
  };
}

// Gives a canvas so many pixels that one unit of drawing is `ratio` of them.
export function sized(canvas, context, width, height, ratio) {
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across || canvas.height !== down) Object.assign(canvas, { width: across, height: down });
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
}
