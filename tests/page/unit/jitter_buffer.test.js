import assert from "node:assert/strict";
import { test } from "node:test";

import { JitterBuffer } from "../../../ingress/page/static/jitter_buffer.js";
import { samplesIn } from "../../../ingress/page/static/pcm.js";

const sound = (ms, value = 0.5) => new Float32Array(samplesIn(ms)).fill(value);

/** Pull `ms` in the worklet's blocks: the samples, and the items that were finished. */
function pulled(buffer, ms) {
  const samples = [];
  const finished = [];
  while (samples.length < samplesIn(ms)) {
    const block = new Float32Array(128);
    finished.push(...buffer.pull(block));
    samples.push(...block);
  }
  return { samples, finished, audible: samples.filter(Boolean).length };
}

test("silent until 80 ms are there, then every sample in order", () => {
  const buffer = new JitterBuffer();
  buffer.push("a", sound(60, 0.1));
  assert.equal(pulled(buffer, 50).audible, 0);
  buffer.push("a", sound(60, 0.2));
  const { samples } = pulled(buffer, 120);
  assert.deepEqual(samples.slice(0, samplesIn(60)), [...sound(60, 0.1)]);
  assert.deepEqual(samples.slice(samplesIn(60), samplesIn(120)), [...sound(60, 0.2)]);
});

test("what is shorter than the pre-roll plays when nothing more will come", () => {
  const buffer = new JitterBuffer();
  buffer.push("a", sound(30));
  buffer.end("a");
  const { audible, finished } = pulled(buffer, 40);
  assert.equal(audible, samplesIn(30));
  assert.deepEqual(finished, [{ item: "a", played: samplesIn(30) }]);
  assert.equal(buffer.progress.underruns, 0);
});

test("an item whose end is told only after its last sample is finished all the same", () => {
  const buffer = new JitterBuffer();
  buffer.push("a", sound(100));
  assert.deepEqual(pulled(buffer, 150).finished, []);
  buffer.end("a");
  assert.deepEqual(pulled(buffer, 10).finished, [{ item: "a", played: samplesIn(100) }]);
});

test("running dry is counted, and the next wait is longer", () => {
  const buffer = new JitterBuffer();
  buffer.push("a", sound(100));
  pulled(buffer, 150);
  assert.equal(buffer.progress.underruns, 1);
  buffer.push("a", sound(90));
  assert.equal(pulled(buffer, 30).audible, 0);
  buffer.push("a", sound(40));
  assert.equal(pulled(buffer, 140).audible, samplesIn(130));
});

test("a flush tells what was played of the item, and nothing of it sounds any more", () => {
  const buffer = new JitterBuffer();
  buffer.push("a", sound(500));
  pulled(buffer, 100);
  const { item, played } = buffer.progress;
  assert.deepEqual(buffer.flush(), { item, played });
  assert.ok(played >= samplesIn(100));
  assert.equal(buffer.progress.buffered, 0);
  assert.equal(pulled(buffer, 500).audible, 0);
  assert.equal(buffer.flush(), null);
});

test("an item that waits is cut at its very start", () => {
  const buffer = new JitterBuffer();
  buffer.push("a", sound(40));
  assert.deepEqual(buffer.flush(), { item: "a", played: 0 });
});

test("items follow each other, and each is counted for itself", () => {
  const buffer = new JitterBuffer();
  buffer.push("a", sound(100));
  buffer.end("a");
  buffer.push("b", sound(100));
  buffer.end("b");
  const { finished } = pulled(buffer, 210);
  const whole = samplesIn(100);
  assert.deepEqual(finished, [
    { item: "a", played: whole },
    { item: "b", played: whole },
  ]);
});

test("the end of an item that was flushed is not kept for later", () => {
  const buffer = new JitterBuffer();
  buffer.push("a", sound(100));
  buffer.flush();
  buffer.end("a");
  buffer.push("a", sound(30));
  assert.equal(pulled(buffer, 40).audible, 0);
});
