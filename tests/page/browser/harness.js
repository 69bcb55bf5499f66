/** Parley and a browser for a test, and what a test asks of the page. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

import puppeteer from "puppeteer-core";

const { PARLEY_CHROMIUM, PARLEY_PYTHON, PARLEY_ROOT, PARLEY_VOICES } = process.env;
const PATIENCE_MS = 20_000;

/** A recording that test_browser.py has made: what is said, and when. */
export const voice = (name) => `${PARLEY_VOICES}/${name}.wav`;

/** Debian's Chromium has no sandbox for root; there is no screen and no loudspeaker. */
const QUIET = ["--no-sandbox", "--disable-gpu", "--mute-audio"];

/** This machine by a name that browsers do not trust as they trust localhost. */
export const ELSEWHERE = "parley.test";
const RESOLVED = `--host-resolver-rules=MAP ${ELSEWHERE} 127.0.0.1`;

const FAKE_MICROPHONE = "--use-fake-device-for-media-stream";
const ALLOWED = "--use-fake-ui-for-media-stream";

/** @param {string[]} args of tests/page/server.py @returns the server's port, and how to kill it */
export async function parley(args = []) {
  const server = spawn(PARLEY_PYTHON, ["-m", "tests.page.server", ...args], {
    cwd: PARLEY_ROOT,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [line] = await once(createInterface(server.stdout), "line");
  const port = line.replace("ready ", "");
  const kill = async () => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    server.kill("SIGKILL");
    await once(server, "exit");
  };
  return { port, url: `http://127.0.0.1:${port}/`, kill };
}

/** With a microphone that says what is in `wav`, once; or one that is refused; or none. */
export async function chromium({ wav, refused = false } = {}) {
  const speaking = [FAKE_MICROPHONE, ALLOWED, `--use-file-for-fake-audio-capture=${wav}%noloop`];
  const microphone = wav ? speaking : refused ? [FAKE_MICROPHONE] : [];
  return puppeteer.launch({
    executablePath: PARLEY_CHROMIUM,
    args: [...QUIET, RESOLVED, ...microphone],
  });
}

/**
 * A tab with the page in it; `before` runs there before the page's own scripts. `tab.faults` are errors and requests to anywhere else: to be empty.
 * `window.seen`: the states that the page went through. `window.loudest()`: what leaves it as sound
 * now, 0 to 1. `window.voiceIsOver()`: a voice was sent, and 0.4 s of silence after it.
 */
export async function opened(browser, url, { before } = {}) {
  const tab = await browser.newPage();
  tab.setDefaultTimeout(PATIENCE_MS);
  await tab.setViewport({ width: 1280, height: 800 });
  tab.faults = [];
  tab.on("pageerror", (error) => tab.faults.push(error.message));
  tab.on("console", (line) => line.type() === "error" && tab.faults.push(line.text()));
  tab.on("request", (asked) => asked.url().startsWith(url) || tab.faults.push(asked.url()));
  await tab.evaluateOnNewDocument(watch);
  if (before) await tab.evaluateOnNewDocument(before);
  await tab.goto(url);
  await tab.waitForSelector("#page header");
  return tab;
}

/** Runs in the page, before its own scripts. */
function watch() {
  const text = (selector) => document.querySelector(selector)?.textContent.trim() ?? "";
  window.seen = [];
  const look = () => {
    const now = {
      floor: document.querySelector(".dock")?.dataset.floor ?? "nobody",
      forming: text(".forming span:not(.dots)"),
      coming: text(".coming"),
      buffered: Number(document.querySelector(".playback")?.dataset.buffered ?? 0),
    };
    if (JSON.stringify(now) !== JSON.stringify(window.seen.at(-1))) window.seen.push(now);
  };
  new MutationObserver(look).observe(document, {
    subtree: true,
    childList: true,
    characterData: true,
    attributes: true,
  });

  let loud = 0;
  let quiet = 0;
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (message) {
    const { audio } = JSON.parse(message);
    if (audio) {
      const bytes = Uint8Array.from(atob(audio), (letter) => letter.charCodeAt(0));
      const voiced = new Int16Array(bytes.buffer).some((sample) => Math.abs(sample) > 1000);
      [loud, quiet] = voiced ? [loud + 1, 0] : [loud, quiet + 1];
    }
    return send.call(this, message);
  };
  window.voiceIsOver = () => loud > 20 && quiet > 20;

  let analyser = null;
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (to, ...rest) {
    if (to instanceof AudioDestinationNode) {
      analyser = new AnalyserNode(to.context, { fftSize: 2048 });
      connect.call(this, analyser);
    }
    return connect.call(this, to, ...rest);
  };
  window.loudest = () => {
    if (!analyser) return 0;
    const samples = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(samples);
    return Math.max(...samples.map(Math.abs));
  };
}

/** Press what says `label`. */
export async function press(tab, label) {
  const button = await tab.waitForSelector(`button::-p-text(${label}):not([disabled])`);
  await button.click();
}

/** Until the page shows `label` in `selector`. */
export async function shows(tab, selector, label) {
  await tab.waitForFunction(
    (where, what) =>
      [...document.querySelectorAll(where)].some((element) => element.textContent.includes(what)),
    {},
    selector,
    label,
  );
}

/** Type into the text box, and send. */
export async function say(tab, text) {
  await tab.type("input[name=text]", text);
  await tab.keyboard.press("Enter");
}

/** What `seen` has of `name`, without repetitions. */
export async function history(tab, name) {
  const seen = await tab.evaluate((key) => window.seen.map((state) => state[key]), name);
  return seen.filter((value, index) => value !== seen[index - 1]);
}

export const textOf = (tab, selector) => tab.$eval(selector, (element) => element.textContent.trim());
