/**
 * Sound as Realtime carries it: int16 samples, mono, 24 kHz, little-endian, in base64.
 * Owns no buffer and no audio node; the worklets use it too.
 */

export const RATE_HZ = 24_000;

const FULL_SCALE = 32_768;

/** How many samples are `ms` milliseconds. */
export const samplesIn = (ms) => Math.round((ms * RATE_HZ) / 1000);

/** How many whole milliseconds `samples` are. */
export const msOf = (samples) => Math.floor((samples * 1000) / RATE_HZ);

/**
 * @param {Int16Array} samples
 * @returns {string} base64 of the samples' bytes
 */
export function toBase64(samples) {
  const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  return btoa(String.fromCharCode(...bytes));
}

/**
 * @param {string} text base64 of s16le bytes
 * @returns {Int16Array}
 */
export function fromBase64(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Int16Array(bytes.buffer, 0, bytes.length >> 1);
}

/** @param {Float32Array} samples -1 to 1 @returns {Int16Array} */
export function toInt16(samples) {
  return Int16Array.from(samples, (sample) =>
    Math.max(-FULL_SCALE, Math.min(FULL_SCALE - 1, Math.round(sample * FULL_SCALE))),
  );
}

/** @param {Int16Array} samples @returns {Float32Array} -1 to 1 */
export function toFloat(samples) {
  return Float32Array.from(samples, (sample) => sample / FULL_SCALE);
}

/** Root mean square of float samples, 0 to 1. */
export function loudness(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return samples.length ? Math.sqrt(sum / samples.length) : 0;
}
