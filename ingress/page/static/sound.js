/**
 * Microphone and loudspeaker: two audio worklets and the nodes between. Tells frames and playback as
 * they come; what is sent and what is played is decided elsewhere.
 */

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
  #stream = null;
  #capture = null;

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
   * @returns {Promise<"on" | "refused" | "absent" | "insecure" | "failed">} what came of asking for
   *   the microphone
   */
  async listen() {
    if (!navigator.mediaDevices) return "insecure";
    try {
      this.#stream ??= await navigator.mediaDevices.getUserMedia(CONSTRAINTS);
      this.#capture ??= await this.#microphone();
      for (const track of this.#stream.getTracks()) track.onended = () => this.#gone();
      return "on";
    } catch (error) {
      this.release();
      return FAILURES[error.name] ?? "failed";
    }
  }

  /** Give the microphone back. */
  release() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#capture?.disconnect();
    if (this.#capture && this.#capture.context !== this.#context) this.#capture.context.close();
    this.#stream = this.#capture = null;
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

  async #microphone() {
    const [source, context] = await this.#source();
    await context.audioWorklet.addModule(new URL("worklets/capture.js", import.meta.url));
    const node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
    node.port.onmessage = ({ data }) => this.#hear(data);
    source.connect(node);
    return node;
  }

  /** Firefox connects no microphone to a context of another rate: there it gets one of its own. */
  async #source() {
    try {
      return [this.#context.createMediaStreamSource(this.#stream), this.#context];
    } catch (error) {
      if (error.name !== "NotSupportedError") throw error;
      const own = new AudioContext();
      await own.resume();
      return [own.createMediaStreamSource(this.#stream), own];
    }
  }
}
