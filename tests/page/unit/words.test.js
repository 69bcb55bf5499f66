import assert from "node:assert/strict";
import { test } from "node:test";

import { lengthOfWords } from "../../../ingress/page/static/lines.js";
import { barsOf, firstSoundMs, scaleOf, wasTyped } from "../../../ingress/page/static/stages.js";
import { announcement, floorWords, noticeOf } from "../../../ingress/page/static/words.js";
import { Talk } from "./talking.js";

for (const now of ["refused", "absent", "insecure", "failed"]) {
  test(`a microphone that is ${now} is told, and typing is offered`, () => {
    const talk = new Talk().open().tell({ type: "page.microphone", now });
    const { title, detail, action } = noticeOf(talk.state);
    assert.match(title, /microphone/);
    assert.match(detail, /typ(e|ing)/i);
    assert.equal(action, "microphone");
    assert.equal(floorWords(talk.state), "Your turn: type below");
  });
}

test("whose turn it is depends on how one is heard", () => {
  const talk = new Talk().open().tell({ type: "page.microphone", now: "asking" });
  assert.equal(floorWords(talk.state), "Waiting for the microphone");
  talk.tell({ type: "page.microphone", now: "on" });
  assert.equal(floorWords(talk.state), "Your turn");
  assert.equal(floorWords(talk.tell({ type: "page.muted", on: true }).state), "You are muted");
  talk.tell({ type: "page.mode", mode: "hold" });
  assert.equal(floorWords(talk.state), "Your turn: hold the button");
});

test("a screen reader is told whole lines only", () => {
  const talk = new Talk().open().caller("u1", "Hello.");
  talk.agent("a1", "Hi, how can", 100, { done: false });
  assert.equal(announcement(talk.state), "You said: Hello.");
});

test("bars begin where the stage before ended; the endpoint runs beside them", () => {
  const stages = { endpoint: 500, transcript: 150, first_token: 210, first_phrase: 400, first_audio: 700 };
  const bars = Object.fromEntries(barsOf(stages).map((bar) => [bar.name, [bar.fromMs, bar.toMs]]));
  assert.deepEqual(bars, {
    endpoint: [0, 500],
    transcript: [0, 150],
    first_token: [150, 210],
    first_phrase: [210, 400],
    first_audio: [400, 700],
  });
  assert.deepEqual([firstSoundMs(stages), firstSoundMs({ ...stages, sent: 710 })], [700, 710]);
});

test("the last bar is the first sound: it waits for the answer and for the endpoint", () => {
  const stages = { endpoint: 500, transcript: 150, first_audio: 420, sent: 510 };
  const last = barsOf(stages).at(-1);
  assert.deepEqual([last.label, last.fromMs, last.toMs], ["first sound", 500, firstSoundMs(stages)]);
});

test("of an answer to what was typed there are the stages since it was asked for", () => {
  const stages = { first_token: 60, first_phrase: 90, first_audio: 300, sent: 301 };
  assert.ok(wasTyped(stages) && !wasTyped({ ...stages, endpoint: 500 }));
  assert.deepEqual(barsOf(stages).map(({ fromMs }) => fromMs), [0, 60, 90, 300]);
});

test("a stage that did not happen has no bar, and one that came early none that runs backwards", () => {
  assert.deepEqual(barsOf({ transcript: 300, first_token: 200 }).at(-1), {
    name: "first_token",
    label: "first token",
    fromMs: 200,
    toMs: 200,
  });
  assert.equal(firstSoundMs({ transcript: 100 }), null);
});

test("all turns share one scale, of whole half seconds", () => {
  assert.deepEqual([scaleOf([]), scaleOf([{ sent: 700 }]), scaleOf([{ sent: 700 }, { sent: 1501 }])], [1000, 1000, 2000]);
});

test("words are counted as the server counts them", () => {
  assert.equal(lengthOfWords("Sure. The  train leaves", "Sure. The"), 9);
  assert.equal(lengthOfWords("Sure.", "Sure. And more —"), 5);
  assert.equal(lengthOfWords("Sure.", ""), 0);
});
