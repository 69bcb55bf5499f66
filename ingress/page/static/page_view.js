/** The page as a whole, drawn from its state. */

import { html, nothing } from "./vendor/lit-html.js";
import { dock } from "./dock_view.js";
import { transcript } from "./transcript_view.js";
import { announcement } from "./words.js";

/**
 * @param {import("./state.js").State} state
 * @param {{agents: string[], voices: string[]}} catalogue
 * @param {import("./page.js").Actions} actions
 */
export function page(state, catalogue, actions) {
  const agent = displayed(state.wanted.agent || "default");
  return html`<header class="masthead">
      <div class="inner">
        <h1><img src="static/icon.svg" alt="" width="26" height="26" />Parley</h1>
        ${choices(state, catalogue, actions)}
      </div>
    </header>
    <main class="inner">
      ${state.lines.length ? transcript(state.lines, agent) : welcome()}
    </main>
    ${dock(state, actions)}
    <p class="hidden" role="status" aria-live="polite">${announcement(state)}</p>`;
}

/** The agent of a configuration that names none is called `default`. */
const displayed = (name) => (name === "default" ? "Agent" : name);

function choices({ wanted }, { agents, voices }, actions) {
  return html`<div class="choices">
    ${select("Agent", agents, wanted.agent, "the server's own", actions.agent)}
    ${select("Voice", voices, wanted.voice, "the agent's own", actions.voice)}
  </div>`;
}

/** Until one is chosen or told by a session it is the one that `unnamed` describes. */
function select(label, known, chosen, unnamed, choose) {
  if (known.length < 2) return nothing;
  const names = known.includes(chosen) ? known : ["", ...known];
  return html`<label class="choice">
    <span>${label}</span>
    <select @change=${(event) => choose(event.target.value)}>
      ${names.map((name) => option(name, name === chosen, unnamed))}
    </select>
  </label>`;
}

function option(name, selected, unnamed) {
  return html`<option value=${name} .selected=${selected}>${name || unnamed}</option>`;
}

function welcome() {
  return html`<section class="welcome">
    <h2>Say something.</h2>
    <p>
      The agent listens while you speak, answers aloud, and stops when you interrupt. Your words
      appear here as they are understood, its own as they are thought of, and beside every answer
      how long you waited for it.
    </p>
  </section>`;
}
