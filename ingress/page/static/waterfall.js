/** A turn's latency as a picture, in SVG. Owns its geometry; `stages.js` says what the bars are. */

import { GRID_MS, barsOf, firstSoundMs, wasTyped } from "./stages.js";
import { html, nothing, svg } from "./vendor/lit-html.js";

const WIDTH = 300;
const LEFT = 76;
const RIGHT = 258;
const LANE = 17;
const BAR = 9;
const TOP = 4;
const NARROWEST = 2;
const AXIS = 14;
const LABELS = 4;

/** @param {import("./lines.js").Line} line @param {number} scaleMs what the whole width stands for */
export function waterfall({ stages, heard }, scaleMs) {
  const bars = barsOf(stages);
  if (!bars.length) return nothing;
  const height = TOP + bars.length * LANE + TOP;
  const sound = firstSoundMs(stages);
  const x = (ms) => LEFT + (ms / scaleMs) * (RIGHT - LEFT);
  return html`<figure class="timing">
    <figcaption>${captionOf(stages, heard)}</figcaption>
    <svg viewBox="0 0 ${WIDTH} ${height + AXIS}" role="img" aria-label=${spoken(stages, bars)}>
      ${grid(scaleMs, x, height)} ${bars.map((bar, lane) => drawn(bar, lane, x))}
      ${sound === null ? nothing : mark(x(sound), height)}
    </svg>
  </figure>`;
}

/** An answer in writing has words only, and was heard when it was read. */
function captionOf(stages, heard) {
  const sound = firstSoundMs(stages);
  const words = heard ? (stages.first_token ?? null) : null;
  if (sound === null && words === null) return "No answer was heard";
  const what = sound === null ? "First word" : "First sound";
  const ms = html`<strong>${Math.round(sound ?? words)} ms</strong>`;
  return wasTyped(stages) ? html`${what} ${ms} after you asked` : html`${what} after ${ms}`;
}

function spoken(stages, bars) {
  const since = wasTyped(stages) ? "After you asked" : "After your last sound";
  return `${since}: ${bars.map((bar) => `${bar.label} ${Math.round(bar.toMs)} ms`).join(", ")}`;
}

function grid(scaleMs, x, height) {
  const times = Array.from({ length: scaleMs / GRID_MS + 1 }, (_, step) => step * GRID_MS);
  const every = Math.ceil(times.length / LABELS);
  return times.map(
    (ms, step) => svg`<line class="grid" x1=${x(ms)} x2=${x(ms)} y1="0" y2=${height}></line>
      ${step % every ? nothing : svg`<text class="axis" x=${x(ms)} y=${height + AXIS - 3}>${seconds(ms)}</text>`}`,
  );
}

const seconds = (ms) => (ms ? `${ms / 1000} s` : "0");

function mark(place, height) {
  return svg`<line class="sound" x1=${place} x2=${place} y1="0" y2=${height}></line>`;
}

function drawn({ name, label, fromMs, toMs }, lane, x) {
  const middle = TOP + lane * LANE + LANE / 2;
  const width = Math.max(NARROWEST, x(toMs) - x(fromMs));
  return svg`<text class="stage" x="0" y=${middle + 3.5}>${label}</text>
    <rect class="bar ${name}" x=${x(fromMs)} y=${middle - BAR / 2} width=${width} height=${BAR} rx="2"></rect>
    <text class="ms" x=${WIDTH} y=${middle + 3.5}>${Math.round(toMs)}</text>`;
}
