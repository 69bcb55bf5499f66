/** The page's own events, folded into its state: each step gives [state, ...commands]. */

import { changed, ensured, heardOf, takenBack } from "./lines.js";
import { cleared, closed, connecting, hungUp, isUnderWay, locked, over } from "./link_state.js";
import { RATE_HZ, msOf } from "./pcm.js";
import { answer, cancel, clear, commit, message, sessionUpdate, truncate } from "./requests.js";
import { UNLINKED } from "./state.js";

/** The server takes no utterance of less than 100 ms. */
const SHORTEST_MS = 200;

const send = (event) => ({ do: "send", event });

const isOpen = (state) => state.link.phase === "open";

/** The caller takes the floor by hand: the agent stops at once, and its late sound is not played. */
function interrupted(state) {
  const item = state.sound.item ?? state.lines.findLast((line) => !line.whole && line.response)?.id;
  const stop = state.response === null ? [] : [send(cancel())];
  return [{ ...state, dropped: item ?? state.dropped }, ...stop, { do: "flush" }];
}

/** `id` becomes the item's own, so that the line is there before the server says so. */
function typed(before, { id, text }) {
  const state = cleared(before);
  const lines = ensured(state.lines, id, "caller", { text, settled: true });
  if (!isOpen(state)) {
    return connecting({ ...state, lines, unsent: [...state.unsent, { id, text }] });
  }
  const [stopped, ...commands] = interrupted({ ...state, lines });
  const [next, ...asked] = asking(stopped);
  return [next, ...commands, send(message(id, "caller", text)), ...asked];
}

/** There is one answer at a time: another is asked for when the one that was cancelled is over. */
function asking(state) {
  if (state.response !== null) return [{ ...state, owed: true }];
  return [{ ...state, response: "" }, send(answer())];
}

function called(state) {
  return connecting(cleared(state));
}

/** The line is there at once, as `id`; what item it is the server says with its first words. */
function held(state, { id }) {
  if (!isOpen(state) || state.holding || state.microphone !== "on") return [state];
  const [stopped, ...commands] = interrupted(state);
  const lines = ensured(stopped.lines, id, "caller", { unnamed: true });
  const holding = { ...stopped, lines, holding: true, callerSpeaks: true };
  return [holding, ...commands, send(clear())];
}

/** A tap of the button is no question: `ms` of sound were sent while it was down. */
function released(state, { ms }) {
  if (!state.holding) return [state];
  const still = { ...state, holding: false, callerSpeaks: false };
  if (ms < SHORTEST_MS) return [{ ...still, lines: takenBack(still.lines) }];
  const [next, ...asked] = asking(still);
  return [next, send(commit()), ...asked];
}

function chosen(state, choice) {
  const wanted = { ...state.wanted, ...choice };
  const next = { ...state, wanted };
  return isOpen(state) ? [next, send(sessionUpdate(next))] : [next];
}

function voiceChosen(state, { voice }) {
  return chosen(state, { voice });
}

/** The button has no mute: who holds it is heard. */
function modeChosen(state, { mode }) {
  return chosen({ ...letGo(state), callerSpeaks: false, muted: false }, { mode });
}

/** The button is up again, and nothing is asked by it. */
function letGo(state) {
  if (!state.holding) return state;
  return { ...state, holding: false, callerSpeaks: false, lines: takenBack(state.lines) };
}

/** Another agent is another call: it has not heard what was said to this one. */
function agentChosen(state, { agent }) {
  const wanted = { ...state.wanted, agent, voice: "" };
  const next = { ...state, wanted, lines: [], unsent: [] };
  if (!isUnderWay(state)) return [next];
  const [begun, connect] = connecting(over(next));
  return [begun, { do: "flush" }, connect];
}

/** Nobody listens without a call: a microphone that comes after its end is given back. */
function microphone(state, { now }) {
  if (!isUnderWay(state)) return [{ ...state, microphone: "off" }, { do: "release" }];
  return [{ ...(now === "on" ? state : letGo(state)), microphone: now }];
}

function muted(state, { on }) {
  return [{ ...state, muted: on }];
}

/** Sound goes to the loudspeaker: `played` samples of `item`. */
function playing(state, { item, played, buffered, underruns }) {
  const lines = item === null ? state.lines : heardUpTo(state, item, played);
  const total = totalOf(lines);
  return [{ ...state, lines, sound: { item, buffered, underruns, total } }];
}

function heardUpTo(state, item, played) {
  return changed(state.lines, item, (line) => ({
    played,
    heard: heardOf({ ...line, played }, state.pace),
  }));
}

function totalOf(lines) {
  return lines.reduce((sum, line) => sum + line.played, 0);
}

/** A reply was heard to its end, and tells how fast the agent speaks. */
function finished(state, { item, played }) {
  const lines = changed(heardUpTo(state, item, played), item, (line) => ({
    heard: line.text.length,
  }));
  const line = lines.find(({ id }) => id === item);
  const pace = line?.played ? (line.text.length * RATE_HZ) / line.played : state.pace;
  return [{ ...state, lines, pace, sound: { ...state.sound, item: null, total: totalOf(lines) } }];
}

/** The worklet has forgotten what it had not played: the server is told what was heard. */
function flushed(state, { cut }) {
  const sound = { ...state.sound, item: null, buffered: 0 };
  if (cut === null) return [{ ...state, sound }];
  const lines = changed(heardUpTo(state, cut.item, cut.played), cut.item, () => ({ cut: true }));
  const line = lines.find(({ id }) => id === cut.item);
  const next = { ...state, lines, sound };
  return line && isOpen(state) ? [next, send(truncate(cut.item, msOf(cut.played)))] : [next];
}

/** A key was typed in, or the network is back: no reason to wait any longer. */
function again(state) {
  return state.link.phase === "waiting" || state.link.phase === "key" ? connecting(state) : [state];
}

function keyWanted(state) {
  const why = state.link.phase === "key" || state.link.phase === "connecting" ? "rejected" : "";
  return locked(state, why);
}

function keyTaken(state) {
  return [state.link.phase === "key" ? { ...state, link: UNLINKED } : state];
}

function dismissed(state) {
  return [{ ...state, trouble: null }];
}

export const PAGE_EVENTS = {
  "page.call": called,
  "page.hangUp": hungUp,
  "page.closed": closed,
  "page.retry": again,
  "page.keyWanted": keyWanted,
  "page.keyTaken": keyTaken,
  "page.typed": typed,
  "page.held": held,
  "page.released": released,
  "page.voice": voiceChosen,
  "page.mode": modeChosen,
  "page.agent": agentChosen,
  "page.microphone": microphone,
  "page.muted": muted,
  "page.playing": playing,
  "page.finished": finished,
  "page.flushed": flushed,
  "page.dismissed": dismissed,
};
