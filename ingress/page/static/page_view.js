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
  const agent = displayed(state.wanted.agent || catalogue.agents[0] || "agent");
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
    ${agents.length > 1 ? select("Agent", agents, wanted.agent, actions.agent) : nothing}
    ${voices.length > 1 ? select("Voice", voicesOf(wanted, voices), wanted.voice, actions.voice) : nothing}
  </div>`;
}

/** Until a session has told its voice, it is whichever the agent has. */
const voicesOf = ({ voice }, voices) => (voice ? voices : ["", ...voices]);

function select(label, names, chosen, choose) {
  return html`<label class="choice">
    <span>${label}</span>
    <select @change=${(event) => choose(event.target.value)}>
      ${names.map((name) => html`<option value=${name} .selected=${name === chosen}>${name || "the agent's own"}</option>`)}
    </select>
  </label>`;
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
