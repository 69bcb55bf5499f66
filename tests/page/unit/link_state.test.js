import assert from "node:assert/strict";
import { test } from "node:test";

import { noticeOf } from "../../../ingress/page/static/words.js";
import { Talk, closed } from "./talking.js";

const retries = (talk) => talk.commands.filter((command) => command.do === "connectIn");

test("a lost connection is told, and tried again with longer and longer waits", () => {
  const talk = new Talk().open().tell(closed({}));
  assert.equal(noticeOf(talk.state).title, "The connection was lost");
  assert.deepEqual(talk.texts, ["note: The connection was lost."]);
  for (let attempt = 0; attempt < 8; attempt += 1) {
    talk.tell({ type: "page.retry" }, closed({ opened: false, server: "unreachable" }));
  }
  const waits = retries(talk).map(({ ms }) => ms);
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000, 15_000]);
  assert.equal(noticeOf(talk.state).title, "The server cannot be reached");
  assert.match(noticeOf(talk.state).detail, /attempt 9/);
});

test("pages that were cut off together do not come back together", () => {
  const wait = (chance) => retries(new Talk().open().tell(closed({ chance })))[0].ms;
  assert.deepEqual([wait(0), wait(1)], [375, 625]);
});

test("back again: the agent is told what was said and heard, and the page says so", () => {
  const talk = new Talk().open().caller("u1", "What is the time?").agent("a1", "It is nine o'clock", 800);
  talk.tell({ type: "page.playing", item: "a1", played: 9600, buffered: 1, underruns: 0 });
  talk.tell(closed({}), { type: "page.retry" });
  talk.commands = [];
  talk.tell({ type: "session.created", session: {} });
  const items = talk.sent.slice(1).map(({ item }) => [item.role, item.content[0]]);
  assert.deepEqual(items, [
    ["user", { type: "input_text", text: "What is the time?" }],
    ["assistant", { type: "output_text", text: "It is nine" }],
  ]);
  assert.deepEqual(talk.sent.slice(1).map(({ item }) => item.status), ["completed", "incomplete"]);
  assert.equal(talk.texts.at(-1), "note: Connected again. The conversation goes on.");
  assert.ok(talk.line("a1").cut);
  assert.equal(noticeOf(talk.state), null);
});

test("a line that was never understood is gone with the connection", () => {
  const talk = new Talk().open().tell({ type: "input_audio_buffer.speech_started", item_id: "u1" });
  talk.tell(closed({}));
  assert.deepEqual(talk.texts, ["note: The connection was lost."]);
});

for (const full of [{ code: 1013 }, { code: 1013, opened: false, server: "ready" }]) {
  test(`a full server is told as such: ${JSON.stringify(full)}`, () => {
    const talk = new Talk().tell({ type: "page.call" }, closed(full));
    assert.equal(noticeOf(talk.state).title, "All lines are busy");
    assert.ok(retries(talk)[0].ms >= 3000);
    assert.equal(noticeOf(talk.state).action, "retry");
  });
}

test("a proxy that passes no WebSockets is no full server, nor is one that begins no session", () => {
  const told = (fields) => {
    const talk = new Talk().tell({ type: "page.call" }, closed({ opened: false, ...fields }));
    assert.equal(talk.state.link.phase, "waiting");
    return noticeOf(talk.state);
  };
  assert.match(told({ code: 1006 }).title, /does not get through/);
  assert.match(told({ code: 1006 }).detail, /a proxy .* has to pass WebSockets/);
  for (const code of [1011, 4000]) assert.match(told({ code }).title, /does not take the call/);
});

for (const refusal of [
  { code: 1008, opened: false, reason: "no value for company: give it:" },
  { code: 1006, opened: false, server: "refused", reason: "no value for company: give it" },
]) {
  test(`a call that the server refuses is over, with its reason: ${JSON.stringify(refusal)}`, () => {
    const talk = new Talk().tell({ type: "page.call" }, closed(refusal));
    assert.equal(talk.state.link.phase, "ended");
    assert.deepEqual(talk.texts, ["note: The server has refused the call: no value for company: give it."]);
    assert.deepEqual(talk.does, ["connect", "flush", "release"]);
  });
}

test("a server whose models still load is told as such", () => {
  const loading = closed({ code: 1013, opened: false, server: "starting" });
  const talk = new Talk().tell({ type: "page.call" }, loading);
  assert.equal(noticeOf(talk.state).title, "The server is still starting");
});

test("a call that the server ended is over, with its reason", () => {
  const talk = new Talk().open().tell(closed({ code: 1000, reason: "nobody has spoken" }));
  assert.equal(talk.state.link.phase, "ended");
  assert.deepEqual(talk.texts, ["note: The call has ended: nobody has spoken."]);
  assert.deepEqual(retries(talk), []);
  assert.deepEqual([talk.does.at(-1), talk.state.microphone], ["release", "off"]);
  assert.deepEqual(talk.tell({ type: "page.call" }).texts, []);
});

test("a server that stops says so, and is asked for again", () => {
  for (const code of [1001, 1012]) {
    const talk = new Talk().open().tell(
      { type: "error", error: { code: "server_shutdown", message: "the server stops" } },
      closed({ code, reason: "the server stops" }),
    );
    assert.equal(noticeOf(talk.state).title, "The server has stopped");
    assert.deepEqual(talk.texts, ["note: The server has stopped."]);
    assert.deepEqual(retries(talk).map(({ ms }) => ms), [500]);
    talk.tell({ type: "page.retry" }, closed({ opened: false, server: "unreachable" }));
    assert.equal(noticeOf(talk.state).title, "The server cannot be reached");
    assert.equal(noticeOf(talk.tell({ type: "session.created", session: {} }).state), null);
  }
});

test("a session that has expired is told once, by the call's end", () => {
  const talk = new Talk().open().tell(
    { type: "error", error: { code: "session_expired", message: "the session is over" } },
    closed({ code: 1000, reason: "idle call" }),
  );
  assert.equal(noticeOf(talk.state), null);
  assert.deepEqual(talk.texts, ["note: The call has ended: idle call."]);
});

test("who hung up hears nothing of the close", () => {
  const talk = new Talk().open().tell({ type: "page.hangUp" });
  assert.deepEqual(talk.does, ["disconnect", "flush", "release"]);
  const before = talk.state;
  assert.equal(talk.tell(closed({})).state, before);
});

test("a key is asked for, and a wrong one is told", () => {
  const talk = new Talk().tell({ type: "page.keyWanted" });
  assert.deepEqual([talk.state.link.phase, talk.state.link.why], ["key", ""]);
  assert.equal(talk.tell({ type: "page.keyWanted" }).state.link.why, "rejected");
  assert.equal(talk.tell({ type: "page.keyTaken" }).state.link.phase, "idle");
  const expired = new Talk().tell({ type: "page.call" }, closed({ opened: false, server: "key" }));
  assert.deepEqual([expired.state.link.phase, expired.state.link.why], ["key", "rejected"]);
});

for (const asked of [{ type: "page.keyWanted" }, closed({ opened: false, server: "key" })]) {
  test(`while a key is asked for, nobody listens: ${asked.type}`, () => {
    const talk = new Talk().tell({ type: "page.call" }, { type: "page.microphone", now: "on" }, asked);
    assert.deepEqual([talk.state.microphone, talk.does.at(-1)], ["off", "release"]);
    talk.commands = [];
    talk.tell({ type: "page.microphone", now: "on" });
    assert.deepEqual([talk.state.microphone, talk.does], ["off", ["release"]]);
  });
}

for (const over of [{ type: "page.hangUp" }, closed({ code: 1000 })]) {
  test(`a microphone that is allowed after the call is given back: ${over.type}`, () => {
    const talk = new Talk().open().tell({ type: "page.microphone", now: "asking" }, over);
    talk.commands = [];
    talk.tell({ type: "page.microphone", now: "on" });
    assert.deepEqual([talk.state.microphone, talk.does], ["off", ["release"]]);
  });
}

test("what was typed in vain is not asked in another call", () => {
  const typed = { type: "page.typed", id: "t1", text: "Hello" };
  const unreachable = closed({ opened: false, server: "unreachable" });
  for (const gone of [{ type: "page.hangUp" }, { type: "page.agent", agent: "sales" }]) {
    const talk = new Talk().tell(typed, unreachable, gone, { type: "page.call" });
    talk.tell({ type: "session.created", session: {} });
    assert.deepEqual(talk.sent.map(({ type }) => type), ["session.update"], gone.type);
  }
});
