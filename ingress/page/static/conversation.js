/**
 * What the page does about an event. Pure: `advance` is the only way to a new state, and whatever is
 * to happen outside of it is a command.
 *
 * Events are the server's Realtime events as they come, and the page's own, whose names begin with
 * `page.`. Commands: `{do: "send", event}`, `{do: "play", item, audio}`, `{do: "end", item}`,
 * `{do: "flush"}`, `{do: "connect"}`, `{do: "connectIn", ms}`, `{do: "disconnect"}`,
 * `{do: "release"}` the microphone.
 */

import { PAGE_EVENTS } from "./page_events.js";
import { SERVER_EVENTS } from "./server_events.js";

const STEPS = new Map([...Object.entries(SERVER_EVENTS), ...Object.entries(PAGE_EVENTS)]);

/**
 * @param {import("./state.js").State} state
 * @param {{type: string}} event one that nobody knows changes nothing
 * @returns {{state: import("./state.js").State, commands: object[]}}
 */
export function advance(state, event) {
  const step = STEPS.get(event.type);
  if (!step) return { state, commands: [] };
  const [next, ...commands] = step(state, event);
  return { state: next, commands };
}
