/**
 * Microphone and loudspeaker: at most one of each. Tells frames and playback as they come; what is
 * sent and what is played is decided elsewhere.
 */

import { Microphone } from "./microphone.js";
import { RATE_HZ, fromBase64 } from "./pcm.js";

const CONSTRAINTS = {
  audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
};

/** What a failure of getUserMedia means to the caller (names: W3C Media Capture and Streams). */
const FAILURES = {
  NotAllowedError: "refused",
  SecurityError: "refused",
  NotFoundError: "absent",
  OverconstrainedError: "absent",
};

export class Sound {
  #hear;
  #tell;
  #context = null;
  #loudspeaker = null; // a promise: what is played meanwhile waits for it
  #microphone = null;
  #asked = null; // a promise: asked for twice, it is opened once
  #generation = 0; // what was asked for before it was given back is not wanted any more

  /**
   * @param {(frame: {pcm: Int16Array, level: number}) => void} hear takes 20 ms of the microphone
   * @param {(report: object) => void} tell takes the playback worklet's reports, and `{kind: "gone"}`
   *   when the microphone is pulled out
   */
  constructor(hear, tell) {
    this.#hear = hear;
    this.#tell = tell;
  }

  /** To be called within a gesture of the caller's, or the browser stays silent. */
  start() {
    this.#context ??= new AudioContext({ sampleRate: RATE_HZ, latencyHint: "interactive" });
    this.#context.resume();
    this.#loudspeaker ??= this.#connected();
  }

  /**
   * @returns {Promise<"on" | "refused" | "absent" | "insecure" | "failed" | null>} what came of
   *   asking for the microphone; null when it was given back meanwhile, whatever came of it
   */
  async listen() {
    if (!navigator.mediaDevices) return "insecure";
    return (this.#asked ??= this.#opened(this.#generation));
  }

  /** Give the microphone back, or one that the caller is still asked for. */
  release() {
    this.#generation += 1;
    this.#microphone?.close();
    this.#microphone = this.#asked = null;
  }

  async #opened(generation) {
    const over = () => generation !== this.#generation;
    try {
      const stream = await navigator.mediaDevices.getUserMedia(CONSTRAINTS);
      const microphone = new Microphone(stream, this.#context);
      if (over()) {
        microphone.close();
        return null;
      }
      this.#microphone = microphone;
      await microphone.start(this.#hear, () => this.#gone());
      return over() ? null : "on";
    } catch (error) {
      if (over()) return null;
      this.release();
      return FAILURES[error.name] ?? "failed";
    }
  }

  #gone() {
    this.release();
    this.#tell({ kind: "gone" });
  }

  /** @param {string} audio base64 of s16le at 24 kHz */
  play(item, audio) {
    const samples = fromBase64(audio);
    this.#order({ what: "play", item, samples }, [samples.buffer]);
  }

  end(item) {
    this.#order({ what: "end", item });
  }

  flush() {
    this.#order({ what: "flush" });
  }

  #order(order, transferred = []) {
    this.#loudspeaker?.then((node) => node?.port.postMessage(order, transferred));
  }

  /** Null when the worklet could not be fetched; the next start tries again. */
  async #connected() {
    try {
      await this.#context.audioWorklet.addModule(new URL("worklets/playback.js", import.meta.url));
    } catch {
      this.#loudspeaker = null;
      return null;
    }
    const node = new AudioWorkletNode(this.#context, "playback", { numberOfInputs: 0 });
    node.port.onmessage = ({ data }) => this.#tell(data);
    node.connect(this.#context.destination);
    return node;
  }
}
