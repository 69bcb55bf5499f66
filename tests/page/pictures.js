/**
 * Takes the README's pictures from a server that runs: `npm run pictures -- http://127.0.0.1:8000/`.
 *
 * Recorded questions are the microphone; while the last one is answered, another is typed, so that
 * what an interruption leaves is seen.
 */

import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium, say } from "./browser/harness.js";

const ROOT = new URL("../../", import.meta.url);
const QUESTIONS = ["germany", "delivery", "name"];
const TYPED = "What is the capital of France?";
const HEADER_BYTES = 44;
const BYTES_A_SECOND = 16_000; // 8 kHz, int16, as benchmarks/data has them
const BETWEEN_S = 6;
const PICTURES = [
  { name: "page", questions: 3, scheme: "light", width: 1200, height: 760, dots: 1.25 },
  { name: "page-phone", questions: 2, scheme: "dark", width: 390, height: 800, dots: 1.5 },
];

const url = process.argv[2] ?? "http://127.0.0.1:8000/";
for (const picture of PICTURES) await take(picture);

async function take({ name, questions, scheme, width, height, dots }) {
  const browser = await chromium({ wav: await spoken(QUESTIONS.slice(0, questions)) });
  const tab = await browser.newPage();
  tab.setDefaultTimeout(60_000);
  await tab.setViewport({ width, height, deviceScaleFactor: dots });
  await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await tab.goto(url);
  await (await tab.waitForSelector("button::-p-text(Start talking)")).click();
  await tab.waitForFunction(heard, {}, questions, 2);
  await say(tab, TYPED);
  await tab.evaluate(() => document.activeElement.blur());
  await tab.waitForFunction(heard, {}, questions + 1, 1);
  await tab.screenshot({ path: new URL(`docs/images/${name}.png`, ROOT).pathname });
  await browser.close();
}

/** Runs in the page: whether so many words of the answer of that number have been heard. */
function heard(answer, words) {
  const line = document.querySelectorAll(".agent")[answer - 1];
  const said = line?.querySelector(".heard")?.textContent.match(/\S+/g) ?? [];
  return said.length >= words && line.querySelector(".coming") !== null;
}

/** A file with the recorded questions, and time for the answers between them. */
async function spoken(names) {
  const pause = Buffer.alloc(BETWEEN_S * BYTES_A_SECOND);
  const files = await Promise.all(
    names.map((name) => readFile(new URL(`benchmarks/data/${name}.wav`, ROOT))),
  );
  const sound = Buffer.concat(files.flatMap((file) => [pause, file.subarray(HEADER_BYTES)]));
  const header = Buffer.from(files[0].subarray(0, HEADER_BYTES));
  header.writeUInt32LE(sound.length + HEADER_BYTES - 8, 4);
  header.writeUInt32LE(sound.length, HEADER_BYTES - 4);
  const path = join(tmpdir(), `parley-questions-${names.length}.wav`);
  await writeFile(path, Buffer.concat([header, sound]));
  return path;
}
