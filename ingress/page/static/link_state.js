/** The connection's own decisions: when to try again, and what a close meant. Pure. */

import { interruptedAll, noted } from "./lines.js";
import { UNLINKED } from "./state.js";

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 15_000;
const FULL_RETRY_MS = 4_000;

/** WebSocket close codes (RFC 6455 and its registry). */
const NORMAL = 1000;
const GOING_AWAY = 1001;
const NO_CLOSE = 1006;
const POLICY = 1008;
const RESTART = 1012;
const TRY_AGAIN = 1013;

/** What stands in the conversation where it broke off. */
const BREAKS = { lost: "The connection was lost.", stopped: "The server has stopped." };

/** Calls end with the connection: what every close leaves behind. */
const SILENT = {
  callerSpeaks: false,
  awaiting: false,
  response: null,
  owed: false,
  holding: false,
};

/** Whether there is a call, or one to come. */
export const isUnderWay = ({ link }) => ["open", "connecting", "waiting"].includes(link.phase);

/** A call after one that was over begins with an empty page. */
export function cleared(state) {
  const over = state.link.phase === "idle" || state.link.phase === "ended";
  return over ? { ...state, lines: [], unsent: [], trouble: null } : state;
}

/** Begin to connect, unless connected or about to be. */
export function connecting(state) {
  if (state.link.phase === "open" || state.link.phase === "connecting") return [state];
  return [{ ...state, link: { ...state.link, phase: "connecting" } }, { do: "connect" }];
}

/** The state after a call, whoever ended it. */
export function over(state) {
  return { ...state, ...SILENT, link: UNLINKED, lines: interruptedAll(state.lines) };
}

/** The caller hung up. */
export function hungUp(state) {
  const next = { ...over(state), microphone: "off" };
  return [next, { do: "disconnect" }, { do: "flush" }, { do: "release" }];
}

/** Nothing goes on without a key. `why`: rejected when one was tried. */
export function locked(state, why) {
  const [next, ...commands] = hungUp(state);
  return [{ ...next, link: { ...UNLINKED, phase: "key", why } }, ...commands];
}

/**
 * @param {{code: number, reason: string, opened: boolean, chance: number, server: string}} closed
 *   `opened`: the session had begun. `server`: what a look at it found when it had not: ready,
 *   starting, unreachable, key or refused. `chance`: 0 to 1, so that not all come back at once.
 */
export function closed(state, { code, reason, opened, server, chance }) {
  if (state.link.phase === "idle") return [state];
  const was = { ...state, ...SILENT, lines: interruptedAll(state.lines) };
  if (code === POLICY || server === "refused" || (opened && code === NORMAL)) {
    return [ended(was, opened, reason), { do: "flush" }, { do: "release" }];
  }
  if (server === "key") return locked(state, "rejected");
  const why = whyOf(code, opened, server);
  const attempt = opened ? 1 : state.link.attempt + 1;
  const retryMs = delayOf(why, attempt, chance);
  const link = { phase: "waiting", why, attempt, retryMs, detail: reason };
  const lines = opened && BREAKS[why] ? noted(was.lines, BREAKS[why]) : was.lines;
  return [{ ...was, link, lines }, { do: "flush" }, { do: "connectIn", ms: retryMs }];
}

/** What the server does not want now it will not want in a moment: it is not asked again. */
function ended(state, opened, reason) {
  const what = opened ? "The call has ended" : "The server has refused the call";
  const why = reason && `: ${reason.replace(/[.:]$/, "")}`;
  const lines = noted(state.lines, `${what}${why}.`);
  const link = { ...UNLINKED, phase: "ended", detail: reason };
  return { ...state, lines, link, microphone: "off" };
}

/** A server that is full and one that still loads close alike; a look at it tells which. */
function whyOf(code, opened, server) {
  if (!opened && server !== "ready") return server;
  if (code === TRY_AGAIN) return "full";
  if (!opened) return code === NO_CLOSE ? "blocked" : "unanswered";
  return code === GOING_AWAY || code === RESTART ? "stopped" : "lost";
}

function delayOf(why, attempt, chance) {
  const doubled = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (attempt - 1));
  const ms = why === "full" ? Math.max(FULL_RETRY_MS, doubled) : doubled;
  return Math.round(ms * (0.75 + 0.5 * chance));
}
