/**
 * Streaming resampling for microphones whose audio context cannot run at 24 kHz (Firefox connects no
 * nodes of different rates). Pure: a windowed sinc, band-limited to the lower of the two rates.
 */

const HALF_WIDTH = 16;
const PHASES = 64;

/** The kernel at distance `x` from its centre, in periods of the cut-off; a Hann window. */
function kernel(x) {
  if (Math.abs(x) >= HALF_WIDTH) return 0;
  const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
  return sinc * 0.5 * (1 + Math.cos((Math.PI * x) / HALF_WIDTH));
}

export class Resampler {
  #step;
  #reach;
  #taps;
  #held;
  #at;

  /** @param {number} fromHz @param {number} toHz */
  constructor(fromHz, toHz) {
    const cutoff = Math.min(1, toHz / fromHz);
    this.#step = fromHz / toHz;
    this.#reach = Math.ceil(HALF_WIDTH / cutoff);
    this.#taps = Array.from({ length: PHASES }, (_, phase) =>
      tapsAt(phase / PHASES, this.#reach, cutoff),
    );
    this.#held = new Float32Array(this.#reach - 1);
    this.#at = this.#reach - 1;
  }

  /**
   * @param {Float32Array} samples at the one rate
   * @returns {Float32Array} what is due at the other: held back by half the kernel, under 1 ms
   */
  push(samples) {
    const input = new Float32Array(this.#held.length + samples.length);
    input.set(this.#held);
    input.set(samples, this.#held.length);
    const out = [];
    while (Math.floor(this.#at) + this.#reach < input.length) {
      out.push(this.#sampleAt(input));
      this.#at += this.#step;
    }
    const done = Math.max(0, Math.floor(this.#at) - this.#reach + 1);
    this.#held = input.slice(done);
    this.#at -= done;
    return Float32Array.from(out);
  }

  #sampleAt(input) {
    const whole = Math.floor(this.#at);
    const taps = this.#taps[Math.floor((this.#at - whole) * PHASES)];
    const from = whole - this.#reach + 1;
    let sum = 0;
    for (let tap = 0; tap < taps.length; tap += 1) sum += taps[tap] * input[from + tap];
    return sum;
  }
}

function tapsAt(fraction, reach, cutoff) {
  const taps = Float32Array.from({ length: 2 * reach }, (_, tap) =>
    kernel((tap - reach + 1 - fraction) * cutoff),
  );
  const sum = taps.reduce((total, tap) => total + tap, 0);
  return taps.map((tap) => tap / sum);
}
