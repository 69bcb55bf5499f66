/**
 * The transcript: lines in the order of the conversation, and how much of the agent's words has been
 * heard. Pure: every function gives a new array.
 *
 * @typedef {object} Line
 * @property {string} id the conversation item's; while `unnamed`, the page's own
 * @property {boolean} unnamed the server has not yet said which item it is
 * @property {"caller" | "agent" | "note"} who
 * @property {string} text
 * @property {boolean} settled the text will not change any more
 * @property {boolean} cut the agent was interrupted: what was not heard never will be
 * @property {number} heard characters of `text`, from its start
 * @property {number} played samples at 24 kHz
 * @property {number} received samples at 24 kHz
 * @property {boolean} whole all of its sound was received
 * @property {string | null} response
 * @property {Record<string, number> | null} stages ms after the caller's last speech, or the asking
 */

import { RATE_HZ } from "./pcm.js";

/** Kokoro's pace in English at speed 1; each reply that was heard to its end tells the true one. */
export const USUAL_CHARACTERS_A_SECOND = 15;

const EMPTY = {
  unnamed: false,
  text: "",
  settled: false,
  cut: false,
  heard: 0,
  played: 0,
  received: 0,
  whole: false,
  response: null,
  stages: null,
};

/** The lines with one named `id`: as it is, or new at the end. */
export function ensured(lines, id, who, fields = {}) {
  if (lines.some((line) => line.id === id)) return lines;
  return [...lines, { ...EMPTY, id, who, ...fields }];
}

/** The lines with one of the caller's named `id`: as it is, or the first that waited for its name. */
export function named(lines, id) {
  const waiting = lines.some((line) => line.id === id) ? null : lines.find((line) => line.unnamed);
  if (!waiting) return ensured(lines, id, "caller");
  return changed(lines, waiting.id, () => ({ id, unnamed: false }));
}

/** Nothing is to come of what the caller says just now. */
export function takenBack(lines) {
  const forming = lines.findLast((line) => line.who === "caller" && !line.settled);
  return lines.filter((line) => line !== forming);
}

/** The lines with `change(line)` laid over the one named `id`; unknown ids change nothing. */
export function changed(lines, id, change) {
  return lines.map((line) => (line.id === id ? { ...line, ...change(line) } : line));
}

export function without(lines, id) {
  return lines.filter((line) => line.id !== id);
}

export function find(lines, id) {
  return lines.find((line) => line.id === id) ?? null;
}

/** A remark of the page's own between the lines. */
export function noted(lines, text) {
  const number = lines.filter((line) => line.who === "note").length;
  return ensured(lines, `note-${number}`, "note", { text, settled: true });
}

/** When the connection is gone: nothing under way will go on. */
export function interruptedAll(lines) {
  return lines
    .filter((line) => line.text || line.settled)
    .map((line) => {
      const cut = line.who === "agent" && line.heard < line.text.length;
      return { ...line, settled: true, cut };
    });
}

/**
 * How much of a line has been heard: by the share of its sound when all of it is known, else by the
 * pace. Never less than before, and whole words.
 * @param {Line} line
 * @param {number} pace characters a second
 */
export function heardOf(line, pace) {
  const part = line.whole && line.received ? line.played / line.received : null;
  const characters =
    part === null ? (line.played / RATE_HZ) * pace : line.text.length * Math.min(1, part);
  return Math.max(line.heard, endOfWord(line.text, Math.floor(characters)));
}

/** Where the word that `characters` lie in ends; 0 stays 0. */
function endOfWord(text, characters) {
  if (characters <= 0) return 0;
  const rest = text.slice(characters).search(/\s/);
  return rest < 0 ? text.length : characters + rest;
}

/** How many characters of `text` the first words of it are, as many as `said` has. */
export function lengthOfWords(text, said) {
  const count = said.match(/\S+/g)?.length ?? 0;
  if (!count) return 0;
  const words = [...text.matchAll(/\S+/g)];
  const last = words[Math.min(count, words.length) - 1];
  return last ? last.index + last[0].length : 0;
}
