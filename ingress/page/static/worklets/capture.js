/** The microphone's end of the audio thread: frames of 20 ms at 24 kHz, int16, with their level. */

import { RATE_HZ, loudness, samplesIn, toInt16 } from "../pcm.js";
import { Resampler } from "../resampling.js";

const FRAME_MS = 20;

class Capture extends AudioWorkletProcessor {
  #resampler = sampleRate === RATE_HZ ? null : new Resampler(sampleRate, RATE_HZ);
  #frame = new Float32Array(samplesIn(FRAME_MS));
  #filled = 0;

  process([input]) {
    if (!input.length) return true;
    const samples = this.#resampler ? this.#resampler.push(input[0]) : input[0];
    for (let at = 0; at < samples.length; ) at += this.#collect(samples.subarray(at));
    return true;
  }

  #collect(samples) {
    const part = samples.subarray(0, this.#frame.length - this.#filled);
    this.#frame.set(part, this.#filled);
    this.#filled += part.length;
    if (this.#filled === this.#frame.length) this.#post();
    return part.length;
  }

  #post() {
    const pcm = toInt16(this.#frame);
    this.port.postMessage({ pcm, level: loudness(this.#frame) }, [pcm.buffer]);
    this.#filled = 0;
  }
}

registerProcessor("capture", Capture);
