const ENDS = { int8: [-128, 127], uint8: [0, 255], int16: [-32768, 32767] };
const scaleOf = ({ name, quantization }) =>
  quantization ?? fail('quantization', `'${name}' is not quantized: its numbers are what they stand for`);

/** What stands for real numbers in a quantized input, rounded as TensorFlow Lite does. */
export function quantize(port, values) {
  const { scale, zeroPoint } = scaleOf(port), [low, high] = ENDS[port.dtype];
  return TYPES[port.dtype].from(values, (v) => {
    const steps = Math.fround(v / scale) || 0;
    return Math.max(low, Math.min(high, Math.sign(steps) * Math.floor(Math.abs(steps) + 0.5) + zeroPoint));
  });
}

/** The real numbers that a quantized input or output stands for. */
export function dequantize(port, values) {
  const { scale, zeroPoint } = scaleOf(port);
  return Float32Array.from(values, (q) => scale * (q - zeroPoint));
}
