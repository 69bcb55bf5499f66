/** The foot of the page: who has the floor, the levels, the buttons, the text box. */

import { html, nothing } from "./vendor/lit-html.js";
import { msOf } from "./pcm.js";
import { floorOf } from "./state.js";
import { floorWords, lacksMicrophone, noticeOf } from "./words.js";

/** @param {import("./state.js").State} state @param {import("./page.js").Actions} actions */
export function dock(state, actions) {
  const locked = state.link.phase === "key";
  return html`<footer class="dock" data-floor=${floorOf(state)} data-link=${state.link.phase}>
    <div class="inner">
      ${locked ? keyForm(state, actions) : notice(noticeOf(state), actions)}
      <div class="status">
        <p class="floor"><span class="lamp"></span>${floorWords(state)}</p>
        <canvas id="levels" role="img" aria-label="Sound: yours above the line, the agent's below"></canvas>
        ${playback(state)}
      </div>
      ${locked ? nothing : [controls(state, actions), textBox(actions)]}
    </div>
  </footer>`;
}

/** How much sound waits to be heard is told to who points at it, gaps to everybody. */
function playback({ sound }) {
  const gaps = sound.underruns === 1 ? "1 gap" : `${sound.underruns} gaps`;
  return html`<output
    class="playback"
    data-played=${sound.total}
    data-buffered=${sound.buffered}
    data-underruns=${sound.underruns}
    title="${msOf(sound.buffered)} ms of the agent's sound are here and not yet heard; a gap is sound that came too late"
    >${sound.underruns ? `${gaps} in the sound` : nothing}</output
  >`;
}

function notice(told, actions) {
  if (!told) return nothing;
  const { tone, title, detail, action } = told;
  const labels = { retry: "Try now", microphone: "Try again", dismiss: "Dismiss" };
  return html`<section class="notice ${tone}">
    <div>
      <h2>${title}</h2>
      <p>${detail}</p>
    </div>
    ${action ? html`<button @click=${actions[action]}>${labels[action]}</button>` : nothing}
  </section>`;
}

function keyForm({ link }, actions) {
  const submit = (event) => {
    event.preventDefault();
    actions.key(new FormData(event.target).get("key").trim());
  };
  return html`<form class="notice key" @submit=${submit}>
    <div>
      <h2>${link.why === "rejected" ? "That key was not accepted" : "This server asks for an API key"}</h2>
      <p>It is kept in this tab until you close it, and goes to this server only.</p>
    </div>
    <label class="field">
      <span class="hidden">API key</span>
      <input name="key" type="password" autocomplete="off" required placeholder="API key" />
    </label>
    <button class="primary">Use it</button>
  </form>`;
}

/** What a microphone needs, where there is one or may be one. */
function controls(state, actions) {
  const { phase } = state.link;
  const over = phase === "idle" || phase === "ended";
  const voiced = !lacksMicrophone(state);
  return html`<div class="controls">
    ${over ? start(phase, actions) : [voiced ? talk(state, actions) : nothing, hangUp(actions)]}
    ${voiced ? modes(state, actions) : nothing}
  </div>`;
}

function start(phase, actions) {
  return html`<button class="primary large" @click=${actions.call}>
    ${phase === "ended" ? "Call again" : "Start talking"}
  </button>`;
}

function hangUp(actions) {
  return html`<button class="quiet" @click=${actions.hangUp}>Hang up</button>`;
}

function talk(state, actions) {
  const open = state.link.phase === "open" && state.microphone === "on";
  return state.wanted.mode === "hold" ? hold(state, open, actions) : mute(state, open, actions);
}

function mute(state, open, actions) {
  return html`<button
    class="large ${state.muted ? "primary" : ""}"
    aria-pressed=${state.muted}
    ?disabled=${!open}
    @click=${actions.mute}
  >
    ${state.muted ? "Unmute" : "Mute"}
  </button>`;
}

/** Wherever the pointer goes, it is this button that is told of its release. */
function hold(state, open, actions) {
  const press = (event) => {
    event.currentTarget.setPointerCapture(event.pointerId);
    actions.hold();
  };
  return html`<button
    id="hold"
    class="primary large ${state.holding ? "held" : ""}"
    aria-pressed=${state.holding}
    ?disabled=${!open}
    @pointerdown=${press}
    @pointerup=${actions.release}
    @pointercancel=${actions.release}
    @lostpointercapture=${actions.release}
    @contextmenu=${(event) => event.preventDefault()}
  >
    ${state.holding ? "Release to send" : html`Hold to talk <kbd>space</kbd>`}
  </button>`;
}

function modes(state, actions) {
  const choices = [
    ["open", "Open microphone"],
    ["hold", "Hold to talk"],
  ];
  const choice = ([mode, label]) => html`<label>
    <input
      type="radio"
      name="mode"
      .checked=${state.wanted.mode === mode}
      @change=${() => actions.mode(mode)}
    />
    <span>${label}</span>
  </label>`;
  return html`<fieldset class="modes">
    <legend class="hidden">Microphone</legend>
    ${choices.map(choice)}
  </fieldset>`;
}

function textBox(actions) {
  const submit = (event) => {
    event.preventDefault();
    const text = new FormData(event.target).get("text").trim();
    if (text) actions.type(text);
    event.target.reset();
  };
  return html`<form class="typing" @submit=${submit}>
    <label class="field">
      <span class="hidden">Message</span>
      <input name="text" autocomplete="off" enterkeyhint="send" placeholder="Or type a message" />
    </label>
    <button>Send</button>
  </form>`;
}
