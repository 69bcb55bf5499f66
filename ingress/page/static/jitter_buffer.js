/**
 * What the agent says, between the network and the loudspeaker. Pure: no clock, no audio node; it is
 * asked for samples by the playback worklet and counts what it gave, item by item.
 *
 * It waits for a pre-roll before it plays, so that a network that delivers unevenly is not heard;
 * when it runs dry all the same, it waits for a longer one.
 */

import { samplesIn } from "./pcm.js";

const PREROLL_MS = 80;
const LONGEST_PREROLL_MS = 320;
const GROWTH = 1.5;

export class JitterBuffer {
  #chunks = [];
  #buffered = 0;
  #waiting = true;
  #preroll = samplesIn(PREROLL_MS);
  #item = null;
  #played = 0;
  #ended = new Set();
  #underruns = 0;

  /** Samples of `item`, to be played after all that came before. */
  push(item, samples) {
    if (!samples.length) return;
    this.#chunks.push({ item, samples, at: 0 });
    this.#buffered += samples.length;
  }

  /** Nothing more of `item` will come: what is there plays, however little it is. */
  end(item) {
    const here = item === this.#item || this.#chunks.some((chunk) => chunk.item === item);
    if (here) this.#ended.add(item);
  }

  /**
   * Fill `out` with what is due, silence where nothing is.
   * @param {Float32Array} out
   * @returns {{item: string, played: number}[]} items that were played to their end by this
   */
  pull(out) {
    const finished = this.#over() ? [this.#finish()] : [];
    out.fill(0);
    if (this.#waiting && !this.#ready()) return finished;
    this.#waiting = false;
    for (let filled = 0; filled < out.length && this.#chunks.length; ) {
      filled += this.#take(out, filled);
      if (this.#over()) finished.push(this.#finish());
    }
    if (!this.#chunks.length) this.#runDry();
    return finished;
  }

  /**
   * Forget everything that has not been played.
   * @returns {{item: string, played: number} | null} how much of the item that was playing, or
   *   about to, had been; null when nothing was
   */
  flush() {
    const item = this.#item ?? this.#chunks[0]?.item ?? null;
    const cut = item === null ? null : { item, played: this.#item === null ? 0 : this.#played };
    this.#chunks = [];
    this.#ended.clear();
    this.#buffered = this.#played = 0;
    this.#item = null;
    this.#waiting = true;
    return cut;
  }

  /** Samples played of the item under way, samples that wait, and how often it ran dry. */
  get progress() {
    return {
      item: this.#item,
      played: this.#played,
      buffered: this.#buffered,
      underruns: this.#underruns,
    };
  }

  #ready() {
    const first = this.#chunks[0];
    return first && (this.#buffered >= this.#preroll || this.#ended.has(first.item));
  }

  #take(out, filled) {
    const chunk = this.#chunks[0];
    if (chunk.item !== this.#item) [this.#item, this.#played] = [chunk.item, 0];
    const part = chunk.samples.subarray(chunk.at, chunk.at + out.length - filled);
    out.set(part, filled);
    chunk.at += part.length;
    this.#played += part.length;
    this.#buffered -= part.length;
    if (chunk.at === chunk.samples.length) this.#chunks.shift();
    return part.length;
  }

  /** Whether the item under way has nothing left and nothing to come. */
  #over() {
    return this.#ended.has(this.#item) && this.#chunks[0]?.item !== this.#item;
  }

  #finish() {
    const done = { item: this.#item, played: this.#played };
    this.#ended.delete(this.#item);
    this.#item = null;
    this.#played = 0;
    return done;
  }

  #runDry() {
    this.#waiting = true;
    if (this.#item === null) return;
    this.#underruns += 1;
    this.#preroll = Math.min(this.#preroll * GROWTH, samplesIn(LONGEST_PREROLL_MS));
  }
}
