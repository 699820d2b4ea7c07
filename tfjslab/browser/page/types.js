/** The typed arrays of what is fed and answered, by dtype. */
export const TYPES = {
  float32: Float32Array, int32: Int32Array, bool: Uint8Array, int8: Int8Array, uint8: Uint8Array, int16: Int16Array,
};
