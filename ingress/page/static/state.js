/**
 * The page's whole state, one value that `conversation.js` moves on.
 *
 * @typedef {object} State
 * @property {{agent: string, voice: string, mode: "open" | "hold"}} wanted what the caller chose;
 *   empty names leave the choice to the server, until a session has told it
 * @property {{phase: Phase, why: Why, attempt: number, retryMs: number, detail: string}} link
 * @property {object} detection how the server detects turns when it is left to itself
 * @property {"off" | "asking" | "on" | "refused" | "absent" | "insecure" | "failed"} microphone
 * @property {boolean} silent the browser lets the page play nothing: answers are written
 * @property {boolean} muted
 * @property {boolean} holding the caller holds the button down
 * @property {boolean} callerSpeaks by the server's ear, or by the button
 * @property {boolean} awaiting the server has heard the caller, and is to answer
 * @property {string | null} response the one under way; empty when it was asked for and is not named
 * @property {boolean} owed an answer is to be asked for once the one under way has ended
 * @property {import("./lines.js").Line[]} lines
 * @property {{item: string | null, buffered: number, underruns: number, total: number}} sound
 *   samples at 24 kHz: waiting in the worklet, and played since the page was opened
 * @property {string | null} dropped the item whose late sound is not to be played
 * @property {number} pace the agent's, characters a second
 * @property {{id: string, text: string}[]} unsent typed before the session was there
 * @property {string | null} trouble the server's last complaint
 *
 * @typedef {"idle" | "connecting" | "open" | "waiting" | "key" | "ended"} Phase
 * @typedef {"" | "lost" | "stopped" | "full" | "starting" | "unreachable" | "blocked" |
 *   "unanswered" | "rejected"} Why
 */

import { USUAL_CHARACTERS_A_SECOND } from "./lines.js";

export const UNLINKED = { phase: "idle", why: "", attempt: 0, retryMs: 0, detail: "" };

/** @returns {State} */
export function initial({ silent = false } = {}) {
  return {
    silent,
    wanted: { agent: "", voice: "", mode: "open" },
    link: UNLINKED,
    detection: { type: "server_vad" },
    microphone: "off",
    muted: false,
    holding: false,
    callerSpeaks: false,
    awaiting: false,
    response: null,
    owed: false,
    lines: [],
    sound: { item: null, buffered: 0, underruns: 0, total: 0 },
    dropped: null,
    pace: USUAL_CHARACTERS_A_SECOND,
    unsent: [],
    trouble: null,
  };
}

/** Who has the floor. @returns {"nobody" | "caller" | "thinking" | "agent"} */
export function floorOf(state) {
  if (state.link.phase !== "open") return "nobody";
  if (state.callerSpeaks) return "caller";
  if (state.sound.item !== null) return "agent";
  return state.awaiting || state.response !== null ? "thinking" : "nobody";
}
