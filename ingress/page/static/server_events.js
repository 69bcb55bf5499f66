/** Realtime server events, folded into the page's state: each step gives [state, ...commands]. */

import {
  changed,
  ensured,
  find,
  lengthOfWords,
  named,
  noted,
  takenBack,
  without,
} from "./lines.js";
import { UNLINKED } from "./state.js";
import { answer, message, retrieve, sessionUpdate } from "./requests.js";

const send = (event) => ({ do: "send", event });

const NOTHING_SAID = "input_audio_buffer_commit_empty";

/**
 * Errors that follow from two ends acting at once, and need nobody's attention; and those that the
 * connection's end tells, too.
 */
const HARMLESS = new Set([
  "response_cancel_not_active",
  "item_truncate_invalid_item_id",
  "item_retrieve_invalid_item_id",
  NOTHING_SAID,
  "session_expired",
  "server_shutdown",
]);

/** A session tells which agent answers; after a lost one it is told what was said before. */
function sessionCreated(state, { session }) {
  const agent = state.wanted.agent || (session.model ?? "");
  const voice = state.wanted.voice || (session.audio?.output?.voice ?? "");
  const detection = session.audio?.input?.turn_detection ?? state.detection;
  const typed = new Set(state.unsent.map(({ id }) => id));
  const said = state.lines.filter((line) => line.who !== "note" && heardText(line));
  const retold = said.map((line) => send(retelling(line)));
  const past = said.some((line) => !typed.has(line.id));
  const next = {
    ...state,
    lines: past ? noted(state.lines, "Connected again. The conversation goes on.") : state.lines,
    unsent: [],
    response: typed.size ? "" : null,
    trouble: null,
    detection,
    wanted: { ...state.wanted, agent, voice },
    link: { ...UNLINKED, phase: "open" },
  };
  const question = typed.size ? [send(answer())] : [];
  return [next, send(sessionUpdate({ ...state, detection })), ...retold, ...question];
}

function retelling(line) {
  return message(line.id, line.who, heardText(line), line.cut ? "incomplete" : "completed");
}

function heardText(line) {
  return line.who === "agent" ? line.text.slice(0, line.heard) : line.text;
}

/** An agent that may not be interrupted speaks on. */
function speechStarted(state, { item_id: item }) {
  const lines = ensured(state.lines, item, "caller");
  const next = { ...state, callerSpeaks: true, awaiting: false, lines };
  return state.detection.interrupt_response === false ? [next] : [next, { do: "flush" }];
}

function speechStopped(state) {
  return [{ ...state, callerSpeaks: false, awaiting: true }];
}

function committed(state, { item_id: item }) {
  return [{ ...state, callerSpeaks: state.holding, lines: named(state.lines, item) }];
}

function itemAdded(state, { item }) {
  if (item.type !== "message") return [state];
  if (item.role === "assistant") return [{ ...state, lines: ensured(state.lines, item.id, "agent") }];
  return [{ ...state, lines: ensured(state.lines, item.id, "caller") }];
}

function callerWords(state, { item_id: item, delta = "" }) {
  const lines = named(state.lines, item);
  return [{ ...state, lines: changed(lines, item, (line) => ({ text: line.text + delta })) }];
}

function callerSaid(state, { item_id: item, transcript }) {
  const text = transcript.trim();
  if (!text) return [{ ...state, awaiting: false, lines: without(state.lines, item) }];
  const lines = ensured(state.lines, item, "caller");
  return [{ ...state, lines: changed(lines, item, () => ({ text, settled: true })) }];
}

function notUnderstood(state, { item_id: item }) {
  const known = find(state.lines, item)?.text;
  const lines = known
    ? changed(state.lines, item, () => ({ settled: true }))
    : noted(without(state.lines, item), "That could not be transcribed.");
  return [{ ...state, awaiting: false, lines }];
}

function itemDeleted(state, { item_id: item }) {
  return [{ ...state, awaiting: false, lines: without(state.lines, item) }];
}

function responseCreated(state, { response }) {
  return [{ ...state, response: response.id, awaiting: false }];
}

function outputAdded(state, { item, response_id: response }) {
  if (item.type !== "message") return [state];
  const lines = ensured(state.lines, item.id, "agent");
  return [{ ...state, lines: changed(lines, item.id, () => ({ response })) }];
}

function agentWords(state, { item_id: item, delta }) {
  return [{ ...state, lines: changed(state.lines, item, (line) => ({ text: line.text + delta })) }];
}

/** A reply that was cut is told as far as it went; the page shows the rest struck through. */
function agentSaid(state, { item_id: item, transcript }) {
  const longer = (text) => (transcript.length > text.length ? transcript : text);
  const said = (line) => ({ settled: true, text: longer(line.text) });
  return [{ ...state, lines: changed(state.lines, item, said) }];
}

/** Words without sound are heard when they are read. */
function agentWrote(state, { item_id: item, text }) {
  const wrote = () => ({ settled: true, text, heard: text.length });
  return [{ ...state, lines: changed(state.lines, item, wrote) }];
}

function agentSound(state, { item_id: item, delta }) {
  if (item === state.dropped) return [state];
  const samples = sampleCount(delta);
  const more = (line) => ({ received: line.received + samples });
  const lines = changed(state.lines, item, more);
  return [{ ...state, lines }, { do: "play", item, audio: delta }];
}

/** How many int16 samples a base64 text holds. */
function sampleCount(base64) {
  const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
  return Math.floor(((base64.length / 4) * 3 - padding) / 2);
}

function soundDone(state, { item_id: item }) {
  if (item === state.dropped) return [state];
  const lines = changed(state.lines, item, () => ({ whole: true }));
  return [{ ...state, lines }, { do: "end", item }];
}

function responseDone(state, { response }) {
  const failed = response.status === "failed";
  const reason = response.status_details?.error?.message ?? "The agent could not answer.";
  const lines = failed ? noted(state.lines, reason) : state.lines;
  const next = { ...state, lines, awaiting: false, owed: false };
  if (!state.owed) return [{ ...next, response: null }];
  return [{ ...next, response: "" }, send(answer())];
}

/** The server knows word by word what was heard of a reply that was cut. */
function truncated(state, { item_id: item }) {
  return [state, send(retrieve(item))];
}

function retrieved(state, { item }) {
  const told = (item.content ?? []).map((part) => part.transcript ?? part.text ?? "").join(" ");
  const heard = (line) =>
    line.cut && line.settled ? { heard: lengthOfWords(line.text, told) } : {};
  return [{ ...state, lines: changed(state.lines, item.id, heard) }];
}

/** Parley's own: when each stage of the turn was done. */
function turnTold(state, { item_id: item, response_id: response, stages_ms: stages }) {
  const answered = state.lines.findLast((line) => response && line.response === response);
  const id = answered?.id ?? item;
  return [{ ...state, lines: changed(state.lines, id, () => ({ stages })) }];
}

function complained(state, { error }) {
  if (error.code === NOTHING_SAID) return [{ ...state, lines: takenBack(state.lines) }];
  if (HARMLESS.has(error.code)) return [state];
  return [{ ...state, response: state.response || null, trouble: error.message }];
}

export const SERVER_EVENTS = {
  error: complained,
  "session.created": sessionCreated,
  "input_audio_buffer.speech_started": speechStarted,
  "input_audio_buffer.speech_stopped": speechStopped,
  "input_audio_buffer.committed": committed,
  "conversation.item.added": itemAdded,
  "conversation.item.deleted": itemDeleted,
  "conversation.item.truncated": truncated,
  "conversation.item.retrieved": retrieved,
  "conversation.item.input_audio_transcription.delta": callerWords,
  "conversation.item.input_audio_transcription.completed": callerSaid,
  "conversation.item.input_audio_transcription.failed": notUnderstood,
  "response.created": responseCreated,
  "response.output_item.added": outputAdded,
  "response.output_audio_transcript.delta": agentWords,
  "response.output_audio_transcript.done": agentSaid,
  "response.output_text.delta": agentWords,
  "response.output_text.done": agentWrote,
  "response.output_audio.delta": agentSound,
  "response.output_audio.done": soundDone,
  "response.done": responseDone,
  "parley.turn": turnTold,
};
