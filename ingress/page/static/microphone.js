/**
 * One opened microphone: its stream, the worklet that hears it, and in some browsers an audio context
 * of its own. Owns them until it is closed; whether one is wanted is decided elsewhere.
 */

export class Microphone {
  #stream;
  #shared;
  #own = null;
  #node = null;
  #closed = false;

  /** @param {MediaStream} stream @param {AudioContext} context the loudspeaker's, at 24 kHz */
  constructor(stream, context) {
    this.#stream = stream;
    this.#shared = context;
  }

  /**
   * @param {(frame: {pcm: Int16Array, level: number}) => void} hear takes 20 ms
   * @param {() => void} gone is told when the microphone is pulled out
   * @throws {DOMException} and is to be closed then, too
   */
  async start(hear, gone) {
    const [source, context] = await this.#source();
    await context.audioWorklet.addModule(new URL("worklets/capture.js", import.meta.url));
    if (this.#closed) return;
    this.#node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
    this.#node.port.onmessage = ({ data }) => this.#closed || hear(data);
    source.connect(this.#node);
    for (const track of this.#stream.getTracks()) track.onended = () => this.#closed || gone();
  }

  /** To be called once. */
  close() {
    this.#closed = true;
    for (const track of this.#stream.getTracks()) track.stop();
    this.#node?.disconnect();
    this.#own?.close();
  }

  /** Firefox connects no microphone to a context of another rate: there it gets one of its own. */
  async #source() {
    try {
      return [this.#shared.createMediaStreamSource(this.#stream), this.#shared];
    } catch (error) {
      if (error.name !== "NotSupportedError") throw error;
      this.#own = new AudioContext();
      await this.#own.resume();
      return [this.#own.createMediaStreamSource(this.#stream), this.#own];
    }
  }
}
