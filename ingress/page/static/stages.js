/**
 * The stages of a turn as bars: when each was done, in milliseconds after the caller's last speech,
 * or, of an answer to what was typed, after it was asked for.
 * Pure; `waterfall.js` draws them.
 *
 * Each bar begins where the stage that it waits for ended. The endpoint runs beside the others, since
 * an answer is prepared while it is still undecided whether the caller has finished.
 */

export const GRID_MS = 500;

const STAGES = [
  { name: "endpoint", label: "endpoint", after: [] },
  { name: "transcript", label: "transcript", after: [] },
  { name: "first_token", label: "first token", after: ["transcript"] },
  { name: "first_phrase", label: "first phrase", after: ["first_token"] },
  { name: "first_audio", label: "first audio", after: ["first_phrase"] },
  { name: "sent", label: "first sound", after: ["endpoint", "first_audio"] },
];

/** What a scale must hold so that all `turns` are drawn alike: a multiple of 500 ms. */
export function scaleOf(turns) {
  const longest = Math.max(0, ...turns.flatMap((stages) => Object.values(stages)));
  return Math.max(2, Math.ceil(longest / GRID_MS)) * GRID_MS;
}

/**
 * @param {Record<string, number>} stages ms; those that did not happen are not there
 * @returns {{name: string, label: string, fromMs: number, toMs: number}[]}
 */
export function barsOf(stages) {
  return STAGES.filter(({ name }) => name in stages).map(({ name, label, after }) => {
    const toMs = stages[name];
    const begins = Math.max(0, ...after.map((before) => stages[before] ?? 0));
    return { name, label, fromMs: Math.min(toMs, begins), toMs };
  });
}

/** Whether the caller said nothing: the answer was asked for in writing. */
export function wasTyped(stages) {
  return !("endpoint" in stages) && !("transcript" in stages);
}

/** When the caller's end got the first sound, in ms; null for a turn that got none. */
export function firstSoundMs(stages) {
  return stages.sent ?? stages.first_audio ?? null;
}
