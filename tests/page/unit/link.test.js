import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Link } from "../../../ingress/page/static/link.js";
import { KeyWanted, Refused } from "../../../ingress/page/static/server.js";

const SOUND = { type: "input_audio_buffer.append", audio: "A".repeat(1_280) }; // 20 ms
const FRAMES_A_SECOND = 50;

/** A server's end that does what a test says. */
class Socket {
  static OPEN = 1;
  static all = [];
  readyState = 0;
  bufferedAmount = 0;
  closed = false;

  constructor() {
    Socket.all.push(this);
  }

  send(text) {
    this.bufferedAmount += this.reads ? 0 : text.length;
  }

  close() {
    this.closed = true;
  }

  begin() {
    this.readyState = Socket.OPEN;
    this.onmessage({ data: JSON.stringify({ type: "session.created" }) });
  }

  end(code) {
    this.onclose({ code, reason: "" });
  }
}

let told, found, looked, server, link;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  globalThis.WebSocket = Socket;
  Socket.all = [];
  told = [];
  found = async () => ({ server: "ready" });
  looked = 0;
  server = {
    address: async () => ({ url: "ws://here", protocols: [] }),
    look: () => ((looked += 1), found()),
  };
  link = new Link(server, (event) => told.push(event));
});

afterEach(() => {
  mock.timers.reset();
  delete globalThis.WebSocket;
});

/** Whatever was promised has come. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

async function connected() {
  await link.connect("");
  return Socket.all.at(-1);
}

const ends = () => told.filter(({ type }) => type === "page.closed");

test("a session that does not begin within 10 s is not waited for", async () => {
  const socket = await connected();
  mock.timers.tick(9_999);
  assert.equal(socket.closed, false);
  mock.timers.tick(1);
  await settled();
  assert.equal(socket.closed, true);
  assert.deepEqual([ends().length, ends()[0].opened, ends()[0].server], [1, false, "ready"]);
  socket.end(1006);
  await settled();
  assert.equal(ends().length, 1);
});

test("a session that has begun is left alone", async () => {
  const socket = await connected();
  socket.begin();
  mock.timers.tick(60_000);
  await settled();
  assert.deepEqual([socket.closed, ends()], [false, []]);
});

test("a server that reads nothing is lost after some 5 s of sound, and not after 4", async () => {
  const socket = await connected();
  socket.begin();
  for (let frame = 0; frame < 4 * FRAMES_A_SECOND; frame += 1) link.send(SOUND);
  await settled();
  assert.deepEqual(ends(), []);
  for (let frame = 0; frame < 2 * FRAMES_A_SECOND; frame += 1) link.send(SOUND);
  await settled();
  assert.equal(socket.closed, true);
  assert.deepEqual([ends().length, ends()[0].code, ends()[0].opened, looked], [1, 1006, true, 0]);
});

test("a server that reads is not lost, however much is said", async () => {
  const socket = await connected();
  socket.reads = true;
  socket.begin();
  for (let frame = 0; frame < 60 * FRAMES_A_SECOND; frame += 1) link.send(SOUND);
  await settled();
  assert.deepEqual(ends(), []);
});

test("a long text is no late line", async () => {
  const socket = await connected();
  socket.begin();
  link.send({ type: "conversation.item.create", text: "word ".repeat(200_000) });
  socket.bufferedAmount = 0;
  link.send(SOUND);
  await settled();
  assert.deepEqual(ends(), []);
});

test("what a look at the server finds after a hang-up is nothing to the next call", async () => {
  let answer;
  found = () => new Promise((resolve) => (answer = resolve));
  (await connected()).end(1006);
  link.disconnect();
  const next = await connected();
  next.begin();
  answer({ server: "unreachable" });
  await settled();
  assert.deepEqual(ends(), []);
  link.send(SOUND);
  assert.ok(next.bufferedAmount > 0);
});

test("a look that is overtaken by another failure tells nothing twice", async () => {
  const answers = [];
  found = () => new Promise((resolve) => answers.push(resolve));
  (await connected()).end(1006);
  (await connected()).end(1006);
  for (const answer of answers) answer({ server: "unreachable" });
  await settled();
  assert.equal(ends().length, 1);
});

test("an address that is refused is told with the server's words; a key is asked for", async () => {
  server.address = () => Promise.reject(new Refused("origin 'x' is not allowed"));
  await link.connect("");
  assert.deepEqual([ends()[0].server, ends()[0].reason, looked], ["refused", "origin 'x' is not allowed", 0]);
  server.address = () => Promise.reject(new KeyWanted());
  await link.connect("");
  assert.equal(told.at(-1).type, "page.keyWanted");
  server.address = () => Promise.reject(new Error("offline"));
  await link.connect("");
  assert.deepEqual([ends().length, ends()[1].server, looked], [2, "ready", 1]);
});
