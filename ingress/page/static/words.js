/** What the page says of itself, in words. Pure. */

import { floorOf } from "./state.js";

/** Whether the caller can be heard at all. */
const hears = (state) => state.microphone === "on";

/** Who has the floor, in a few words. @returns {string} */
export function floorWords(state) {
  if (state.link.phase === "connecting") return "Connecting";
  if (state.link.phase !== "open") return "Not connected";
  return FLOOR[floorOf(state)](state);
}

const FLOOR = {
  caller: () => "You have the floor",
  thinking: () => "The agent is thinking",
  agent: () => "The agent has the floor",
  nobody: (state) => {
    if (state.microphone === "asking") return "Waiting for the microphone";
    if (!hears(state)) return "Your turn: type below";
    if (state.wanted.mode === "hold") return "Your turn: hold the button";
    return state.muted ? "You are muted" : "Your turn";
  },
};

const MICROPHONE = {
  refused: {
    title: "The microphone was refused",
    detail:
      "Allow it for this page in the browser's address bar, then try again. Until then, type: " +
      "the answer is spoken all the same.",
  },
  absent: {
    title: "No microphone was found",
    detail: "Connect one and try again, or type below: the answer is spoken all the same.",
  },
  insecure: {
    title: "The browser gives this page neither microphone nor loudspeaker",
    detail:
      "It does so only for pages over https, or on localhost. Type below, and read the answers.",
  },
  failed: {
    title: "The microphone could not be opened",
    detail: "Another program may be using it. Try again, or type below.",
  },
};

/** Whether the caller has asked for a microphone, and there is none to be had. */
export function lacksMicrophone({ microphone }) {
  return microphone in MICROPHONE;
}

const WAITING = {
  lost: "The connection was lost",
  stopped: "The server has stopped",
  full: "All lines are busy",
  starting: "The server is still starting",
  unreachable: "The server cannot be reached",
  blocked: "The call does not get through to the server",
  unanswered: "The server does not take the call",
};

const WAITING_DETAIL = {
  lost: "What was said stays; the agent will be told of it.",
  stopped: "What was said stays; the agent will be told of it once the server is back.",
  full: "The server takes no more calls for now.",
  starting: "Its models are not all loaded yet.",
  unreachable: "It may be restarting, or this device may be offline.",
  blocked:
    "The server answers, but no WebSocket reaches it. Should it stay so: a proxy before it has " +
    "to pass WebSockets, and the Host header as it is.",
  unanswered: "The server is there, but no conversation has begun.",
};

/**
 * What the caller should know or do now, the most pressing thing first.
 * @returns {{tone: "wait" | "warn", title: string, detail: string,
 *   action: "" | "retry" | "microphone" | "dismiss"} | null}
 */
export function noticeOf(state) {
  const { link, microphone, trouble } = state;
  if (link.phase === "waiting" || (link.phase === "connecting" && link.attempt)) {
    return waitingNotice(link);
  }
  if (trouble) {
    return { tone: "warn", title: "The server objects", detail: trouble, action: "dismiss" };
  }
  if (lacksMicrophone(state)) return { tone: "warn", ...MICROPHONE[microphone], action: "microphone" };
  return null;
}

function waitingNotice({ phase, why, retryMs, attempt }) {
  const soon = retryMs < 1000 ? "in a moment" : `in ${Math.round(retryMs / 1000)} s`;
  const when = phase === "connecting" ? "Trying again now" : `Trying again ${soon}`;
  const count = attempt > 1 ? ` (attempt ${attempt})` : "";
  const detail = `${WAITING_DETAIL[why]} ${when}${count}.`;
  return { tone: "wait", title: WAITING[why], detail, action: phase === "waiting" ? "retry" : "" };
}

/** For a screen reader: what has just become certain, and never a word that may still change. */
export function announcement(state) {
  const notice = noticeOf(state);
  if (notice) return `${notice.title}. ${notice.detail}`;
  const line = state.lines.findLast(({ settled }) => settled);
  if (!line) return floorWords(state);
  const who = { caller: "You said: ", agent: "The agent said: ", note: "" };
  return who[line.who] + line.text;
}
