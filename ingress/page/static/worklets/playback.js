/**
 * The loudspeaker's end of the audio thread, at 24 kHz: a jitter buffer that is flushed here, not in
 * the page, so that an interruption is heard within one block of 5 ms.
 */

import { JitterBuffer } from "../jitter_buffer.js";
import { loudness, toFloat } from "../pcm.js";

const BLOCKS_A_REPORT = 8;

class Playback extends AudioWorkletProcessor {
  #buffer = new JitterBuffer();
  #block = 0;
  #loudest = 0;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => this.#obey(data);
  }

  process(_, [output]) {
    const finished = this.#buffer.pull(output[0]);
    this.#loudest = Math.max(this.#loudest, loudness(output[0]));
    for (const item of finished) this.port.postMessage({ kind: "finished", ...item });
    this.#block += 1;
    if (this.#block % BLOCKS_A_REPORT === 0) this.#report();
    return true;
  }

  #obey({ what, item, samples }) {
    if (what === "play") this.#buffer.push(item, toFloat(samples));
    else if (what === "end") this.#buffer.end(item);
    else this.port.postMessage({ kind: "flushed", cut: this.#buffer.flush() });
  }

  #report() {
    this.port.postMessage({ kind: "progress", ...this.#buffer.progress, level: this.#loudest });
    this.#loudest = 0;
  }
}

registerProcessor("playback", Playback);
