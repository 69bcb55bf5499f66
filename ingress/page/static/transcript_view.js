/** The conversation as it is read: lines that grow, and beside each answer how long it took. */

import { scaleOf } from "./stages.js";
import { html, nothing } from "./vendor/lit-html.js";
import { waterfall } from "./waterfall.js";

/** @param {import("./lines.js").Line[]} lines @param {string} agent its name */
export function transcript(lines, agent) {
  const scaleMs = scaleOf(lines.flatMap(({ stages }) => stages ?? []));
  return html`<ol class="transcript" aria-label="Conversation">
    ${lines.map((line) => drawn(line, agent, scaleMs))}
  </ol>`;
}

function drawn(line, agent, scaleMs) {
  if (line.who === "note") return html`<li class="note">${line.text}</li>`;
  const mine = line.who === "caller";
  return html`<li class="line ${line.who}" data-item=${line.id}>
    <div class="said">
      <span class="who">${mine ? "You" : agent}</span>
      ${mine ? callerWords(line) : agentWords(line)}
    </div>
    ${line.stages ? waterfall(line, scaleMs) : nothing}
  </li>`;
}

function callerWords({ text, settled }) {
  if (!text) return html`<p class="words listening">Listening ${dots("")}</p>`;
  return html`<p class="words ${settled ? "settled" : "forming"}"><span>${text}</span></p>`;
}

function agentWords({ text, heard, cut }) {
  if (!text) return html`<p class="words">${dots("Thinking")}</p>`;
  const [rest] = text.slice(heard).match(/\S.*$/s) ?? [""];
  const unheard = cut
    ? html`<s class="unheard" title="not heard: you interrupted">${rest}</s>`
    : html`<span class="coming">${rest}</span>`;
  return html`<p class="words">
    <span class="heard">${text.slice(0, text.length - rest.length)}</span>${rest ? unheard : nothing}
  </p>`;
}

/** With the words that they stand for, unless these are written beside them. */
const dots = (label) =>
  label
    ? html`<span class="dots" role="img" aria-label=${label}><i></i><i></i><i></i></span>`
    : html`<span class="dots" aria-hidden="true"><i></i><i></i><i></i></span>`;
