import assert from "node:assert/strict";
import { test } from "node:test";

import * as pcm from "../../../ingress/page/static/pcm.js";
import { Resampler } from "../../../ingress/page/static/resampling.js";

const tone = (hz, rateHz, seconds) =>
  Float32Array.from({ length: rateHz * seconds }, (_, at) => Math.sin((2 * Math.PI * hz * at) / rateHz));

/** Through a resampler in blocks of 128, as an audio worklet has them. */
function resampled(samples, fromHz, toHz) {
  const resampler = new Resampler(fromHz, toHz);
  const out = [];
  for (let at = 0; at < samples.length; at += 128) out.push(...resampler.push(samples.slice(at, at + 128)));
  return Float32Array.from(out);
}

test("int16 survives base64", () => {
  const samples = Int16Array.from({ length: 480 }, (_, at) => (at * 137) % 65_536 - 32_768);
  assert.deepEqual(pcm.fromBase64(pcm.toBase64(samples)), samples);
});

test("a view into a larger buffer is sent as the view, not as the buffer", () => {
  const samples = Int16Array.from([1, 2, 3, 4]).subarray(1, 3);
  assert.deepEqual([...pcm.fromBase64(pcm.toBase64(samples))], [2, 3]);
});

test("what is louder than full scale is clipped, not wrapped", () => {
  assert.deepEqual([...pcm.toInt16(Float32Array.from([2, -2, 0, 0.5]))], [32_767, -32_768, 0, 16_384]);
});

for (const fromHz of [48_000, 44_100, 16_000]) {
  test(`a voice's tone comes through from ${fromHz} Hz as loud as it was`, () => {
    const out = resampled(tone(1_000, fromHz, 1), fromHz, 24_000);
    assert.ok(Math.abs(out.length - 24_000) < 60, `${out.length} samples`);
    assert.ok(Math.abs(pcm.loudness(out.slice(500, -500)) - Math.SQRT1_2) < 0.01);
  });
}

test("what 24 kHz cannot hold does not come back as another tone", () => {
  const out = resampled(tone(18_000, 48_000, 1), 48_000, 24_000);
  assert.ok(pcm.loudness(out.slice(500, -500)) < 0.005);
});

test("blocks leave no seam", () => {
  const samples = tone(440, 48_000, 0.5);
  const whole = new Resampler(48_000, 24_000).push(samples);
  assert.deepEqual(resampled(samples, 48_000, 24_000), whole);
});
