/** A conversation in a test: events in, the state and every command that came of them out. */

import { advance } from "../../../ingress/page/static/conversation.js";
import { initial } from "../../../ingress/page/static/state.js";

const SESSION = { type: "realtime", audio: { output: { voice: "af_heart" } } };

export class Talk {
  commands = [];

  constructor(settings) {
    this.state = initial(settings);
  }

  tell(...events) {
    for (const event of events) {
      const { state, commands } = advance(this.state, event);
      this.state = state;
      this.commands.push(...commands);
    }
    return this;
  }

  /** With a session that has begun. */
  open() {
    this.tell({ type: "page.call" }, { type: "session.created", session: SESSION });
    this.commands = [];
    return this;
  }

  /** The caller is heard to say `text`, as item `item`. */
  caller(item, text) {
    return this.tell(
      { type: "input_audio_buffer.speech_started", item_id: item },
      { type: "input_audio_buffer.speech_stopped", item_id: item },
      { type: "input_audio_buffer.committed", item_id: item },
      transcribed(item, text),
    );
  }

  /** The agent answers with `text` and `ms` of sound, not heard yet; `done`: all of it has come. */
  agent(item, text, ms, { done = true } = {}) {
    this.tell(
      { type: "response.created", response: { id: `r-${item}`, status: "in_progress" } },
      { type: "response.output_item.added", response_id: `r-${item}`, item: message(item) },
      { type: "response.output_audio_transcript.delta", item_id: item, delta: text },
      { type: "response.output_audio.delta", item_id: item, delta: silence(ms) },
    );
    return done ? this.tell(...ending(item, text, "completed")) : this;
  }

  /** The protocol events that were sent since the commands were last emptied. */
  get sent() {
    return this.commands.filter((command) => command.do === "send").map(({ event }) => event);
  }

  get does() {
    return this.commands.map((command) => command.do);
  }

  line(id) {
    return this.state.lines.find((line) => line.id === id);
  }

  get texts() {
    return this.state.lines.map((line) => `${line.who}: ${line.text}`);
  }
}

export const message = (id) => ({ id, type: "message", role: "assistant", content: [] });

export const transcribed = (item, transcript) => ({
  type: "conversation.item.input_audio_transcription.completed",
  item_id: item,
  transcript,
});

export function ending(item, text, status) {
  return [
    { type: "response.output_audio.done", item_id: item },
    { type: "response.output_audio_transcript.done", item_id: item, transcript: text },
    { type: "response.done", response: { id: `r-${item}`, status } },
  ];
}

/** Base64 of `ms` milliseconds of silence at 24 kHz. */
export const silence = (ms) => Buffer.alloc(ms * 48).toString("base64");

export const closed = (fields) => ({
  type: "page.closed",
  code: 1006,
  reason: "",
  opened: true,
  server: "ready",
  chance: 0.5,
  ...fields,
});
