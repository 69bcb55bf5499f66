/** The Realtime client events that the page sends, and nothing else of the protocol. */

/**
 * What the page asks of a session: transcripts, Parley's figures, whose voice or none, and who detects
 * turns: the server as it does by itself (`detection`), or the button.
 * @param {import("./state.js").State} state
 */
export function sessionUpdate({ wanted: { mode, voice }, detection, silent }) {
  const input = {
    transcription: { model: "whisper-1" },
    turn_detection: mode === "hold" ? null : detection,
  };
  const output = voice ? { output: { voice } } : {};
  const session = {
    type: "realtime",
    output_modalities: [silent ? "text" : "audio"],
    audio: { input, ...output },
    parley: { events: true },
  };
  return { type: "session.update", session };
}

/** @param {string} audio base64 of s16le at 24 kHz */
export const append = (audio) => ({ type: "input_audio_buffer.append", audio });
export const commit = () => ({ type: "input_audio_buffer.commit" });
export const clear = () => ({ type: "input_audio_buffer.clear" });
export const answer = () => ({ type: "response.create" });
export const cancel = () => ({ type: "response.cancel" });
export const retrieve = (item) => ({ type: "conversation.item.retrieve", item_id: item });

export const truncate = (item, ms) => ({
  type: "conversation.item.truncate",
  item_id: item,
  content_index: 0,
  audio_end_ms: ms,
});

/** A message as text: typed by the caller, or told again to a new session. */
export function message(id, who, text, status = "completed") {
  const [role, type] = who === "caller" ? ["user", "input_text"] : ["assistant", "output_text"];
  const item = { id, type: "message", role, status, content: [{ type, text }] };
  return { type: "conversation.item.create", item };
}
