
/** What stands for real numbers in a quantized input, rounded as TensorFlow Lite does: to be given to `predict`. */
export function quantize(port: Port, values: ArrayLike<number>): Numbers;

/** The real numbers that a quantized input or output stands for. */
export function dequantize(port: Port, values: ArrayLike<number>): Float32Array;
