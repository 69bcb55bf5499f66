import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { Sound } from "../../../ingress/page/static/sound.js";

/** Of the browser as much as `Sound` uses, with what a test asks of it: see `beforeEach`. */
let asked, streams, contexts, captures, modules, refuses;

class Stream {
  tracks = [{ stopped: false, stop() { this.stopped = true; } }];
  getTracks = () => this.tracks;
}

class Context {
  closed = false;
  audioWorklet = { addModule: ({ pathname }) => modules(pathname) };

  constructor({ sampleRate = 48_000 } = {}) {
    this.sampleRate = sampleRate;
    contexts.push(this);
  }

  async resume() {}

  async close() {
    assert.ok(!this.closed, "closed twice");
    this.closed = true;
  }

  createMediaStreamSource() {
    if (refuses(this)) throw new DOMException("no", "NotSupportedError");
    return { connect: (node) => (node.connected = true) };
  }
}

class Node {
  port = {};

  constructor(context, name) {
    this.context = context;
    if (name === "capture") captures.push(this);
  }

  connect() {}

  disconnect() {
    this.connected = false;
  }
}

const NAMES = { AudioContext: Context, AudioWorkletNode: Node };
const navigatorBefore = Object.getOwnPropertyDescriptor(globalThis, "navigator");

beforeEach(() => {
  [asked, streams, contexts, captures] = [[], [], [], []];
  modules = async () => {};
  refuses = () => false;
  Object.assign(globalThis, NAMES);
  const getUserMedia = () => new Promise((resolve, reject) => asked.push({ resolve, reject }));
  const value = { mediaDevices: { getUserMedia } };
  Object.defineProperty(globalThis, "navigator", { value, configurable: true, writable: true });
});

afterEach(() => {
  for (const name of Object.keys(NAMES)) delete globalThis[name];
  if (navigatorBefore) Object.defineProperty(globalThis, "navigator", navigatorBefore);
  else delete globalThis.navigator;
});

function allow(which) {
  streams.push(new Stream());
  asked[which].resolve(streams.at(-1));
}

/** What the microphone said and what the caller was told of it. */
function started() {
  const heard = [];
  const told = [];
  const sound = new Sound((frame) => heard.push(frame), (report) => told.push(report));
  sound.start();
  return { sound, heard, told };
}

const live = () => streams.filter(({ tracks }) => !tracks[0].stopped).length;
const connected = () => captures.filter((node) => node.connected).length;
const settled = () => new Promise((resolve) => setImmediate(resolve));

test("a microphone that is allowed is on until it is given back", async () => {
  const { sound, heard } = started();
  const listening = sound.listen();
  allow(0);
  assert.equal(await listening, "on");
  captures[0].port.onmessage({ data: "frame" });
  assert.deepEqual([live(), connected(), heard], [1, 1, ["frame"]]);
  sound.release();
  captures[0].port.onmessage({ data: "one that was on its way" });
  assert.deepEqual([live(), connected(), heard.length], [0, 0, 1]);
});

test("one that is allowed after it was given back is stopped at once", async () => {
  const { sound } = started();
  const listening = sound.listen();
  sound.release();
  allow(0);
  assert.equal(await listening, null);
  assert.deepEqual([live(), captures.length], [0, 0]);
});

test("one that is given back while its worklet is fetched is never heard", async () => {
  let fetched;
  modules = (path) => (path.includes("capture") ? new Promise((resolve) => (fetched = resolve)) : null);
  const { sound } = started();
  const listening = sound.listen();
  allow(0);
  await settled();
  sound.release();
  assert.equal(live(), 0);
  fetched();
  assert.equal(await listening, null);
  assert.equal(captures.length, 0);
});

test("asked for, given back, asked for again: one is heard, in whichever order they are allowed", async () => {
  for (const order of [[0, 1], [1, 0]]) {
    [asked, streams, captures] = [[], [], []];
    const { sound } = started();
    const first = sound.listen();
    sound.release();
    const second = sound.listen();
    for (const which of order) allow(which);
    assert.deepEqual([await first, await second], [null, "on"]);
    assert.deepEqual([live(), connected()], [1, 1]);
  }
});

test("asked for twice it is opened once", async () => {
  const { sound } = started();
  const both = [sound.listen(), sound.listen()];
  assert.equal(asked.length, 1);
  allow(0);
  assert.deepEqual(await Promise.all(both), ["on", "on"]);
  assert.equal(captures.length, 1);
});

test("one that is refused may be asked for again; a refusal that nobody waits for is not told", async () => {
  const { sound } = started();
  const refused = sound.listen();
  asked[0].reject(new DOMException("no", "NotAllowedError"));
  assert.equal(await refused, "refused");
  const late = sound.listen();
  sound.release();
  asked[1].reject(new DOMException("no", "NotAllowedError"));
  assert.equal(await late, null);
  const again = sound.listen();
  allow(2);
  assert.equal(await again, "on");
});

test("one that is pulled out is told once, and never after it was given back", async () => {
  const { sound, told } = started();
  const listening = sound.listen();
  allow(0);
  await listening;
  streams[0].tracks[0].onended();
  streams[0].tracks[0].onended();
  assert.deepEqual([told, live()], [[{ kind: "gone" }], 0]);
});

test("where a microphone needs a context of its own, none is left: not by a failure, nor by the end", async () => {
  refuses = (context) => context.sampleRate === 24_000;
  modules = async (path) => {
    if (path.includes("capture") && contexts.length < 3) throw new DOMException("offline", "AbortError");
  };
  const { sound } = started();
  const failed = sound.listen();
  allow(0);
  assert.equal(await failed, "failed");
  assert.deepEqual([contexts.map(({ closed }) => closed), live()], [[false, true], 0]);
  const listening = sound.listen();
  allow(1);
  assert.equal(await listening, "on");
  sound.release();
  assert.deepEqual(contexts.map(({ closed }) => closed), [false, true, true]);
  refuses = () => true;
  const unconnected = sound.listen();
  allow(2);
  assert.equal(await unconnected, "failed");
  assert.deepEqual([contexts.at(-1).closed, contexts.length, live()], [true, 4, 0]);
});
