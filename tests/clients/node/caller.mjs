// The caller of the clients written in JavaScript: the dialogue and report of ../caller.py. For Node
// and browsers. Frames are 20 ms of Int16 at 24 kHz.

export const RATE_HZ = 24_000;
export const QUESTION = 'What is the weather in Berlin?';
export const WEATHER = 'sunny with 21 degrees';
export const TOOL = {
  name: 'get_weather',
  description: 'The weather in a city.',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  },
};
const FRAME_MS = 20;
const FRAME = (RATE_HZ * FRAME_MS) / 1_000;
const BARGE_IN_AFTER_S = 0.5;
const WITHIN_MS = 45_000;
const AUDIBLE = 300;

/** Speaks in real time: silence unless there is a sentence to say. */
export class Caller {
  /** `tools` are what the agent is offered; without any, nothing is asked that would need one. */
  constructor(tools = [TOOL]) {
    this.tools = tools;
  }

  report = { said: [], answers: [], tool: null, kept: null, events: 0, errors: [] };
  #saying = [];
  #spokenAtMs = null;
  #waiting = [];
  #clock = null;

  /** Give `take` a frame every 20 ms until `hangUp`. */
  speakTo(take) {
    const begun = performance.now();
    let count = 0;
    this.#clock = setInterval(() => {
      while (begun + count * FRAME_MS <= performance.now()) {
        if (this.#saying.length) this.spoken();
        take(this.#saying.shift() ?? new Int16Array(FRAME));
        count += 1;
      }
    }, FRAME_MS / 2);
  }

  /** The last sample of a sentence leaves now. */
  spoken() {
    this.#spokenAtMs = performance.now();
  }

  hangUp() {
    clearInterval(this.#clock);
  }

  say(samples) {
    for (let at = 0; at < samples.length; at += FRAME) {
      const frame = new Int16Array(FRAME);
      frame.set(samples.subarray(at, at + FRAME));
      this.#saying.push(frame);
    }
  }

  beginAnswer() {
    const answer = { text: '', seconds: 0, loudest: 0, first_audio_ms: null, cut_off: false, done: false };
    this.report.answers.push(answer);
    return answer;
  }

  /** Sound of the last answer, Int16Array. */
  hear(samples) {
    const answer = this.report.answers.at(-1);
    const begun = answer.loudest > AUDIBLE;
    answer.seconds += samples.length / RATE_HZ;
    for (const one of samples) answer.loudest = Math.max(answer.loudest, Math.abs(one));
    if (!begun && answer.loudest > AUDIBLE && this.#spokenAtMs !== null) {
      answer.first_audio_ms = performance.now() - this.#spokenAtMs;
      this.#spokenAtMs = null;
    }
    this.noticed();
  }

  noticed() {
    this.#waiting = this.#waiting.filter((one) => !one());
  }

  until(holds, what) {
    return new Promise((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`${what} never came: ${JSON.stringify(this.report)}`)),
        WITHIN_MS,
      );
      const look = () => {
        if (!holds()) return false;
        clearTimeout(late);
        resolve();
        return true;
      };
      if (!look()) this.#waiting.push(look);
    });
  }

  /** `write` sends a text and asks for its answer. */
  async holdDialogue(sentences, write) {
    const { answers } = this.report;
    this.say(sentences[0]);
    await this.until(() => answers[0]?.seconds > BARGE_IN_AFTER_S, 'the first answer');
    this.say(sentences[1]);
    await this.until(() => answers[0].cut_off, 'the barge-in');
    await this.until(() => answers[1]?.done, 'the second answer');
    await this.until(() => this.report.said.length > 1, 'what the caller said');
    if (this.tools.length) {
      write(QUESTION);
      await this.until(() => answers[2]?.done, "the tool's answer");
    }
  }
}
