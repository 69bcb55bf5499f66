import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { chromium, history, opened, parley, press, shows, textOf, voice } from "./harness.js";

const FIRST = "he was not an ill disposed young man";
const SECOND = "he might even have been made amiable himself";

let server, browser;

before(async () => {
  server = await parley();
});

after(async () => {
  await browser?.close();
  await server?.kill();
});

test("a call by voice: words, sound, an interruption, and how long each answer took", async (t) => {
  browser = await chromium({ wav: voice("interrupting") });
  const tab = await opened(browser, server.url);
  await press(tab, "Start talking");

  await t.test("the meter shows the caller's voice, above the line", async () => {
    await tab.waitForFunction(() => {
      const canvas = document.getElementById("levels");
      const above = [0, 0, canvas.width, canvas.height / 3];
      return canvas.getContext("2d").getImageData(...above).data.some((value) => value > 0);
    });
  });

  await t.test("the caller's words grow while they are spoken, and settle", async () => {
    await shows(tab, ".caller .settled", FIRST);
    const forming = (await history(tab, "forming")).filter(Boolean);
    assert.ok(forming.length > 0, "no word was shown before the last");
    assert.ok(forming[0].length < FIRST.length, forming[0]);
    [...forming, FIRST].reduce((shorter, longer) => {
      assert.ok(longer.startsWith(shorter), `${shorter} became ${longer}`);
      return longer;
    });
  });

  await t.test("the agent is heard, and its words are ahead of its sound", async () => {
    await shows(tab, ".agent .heard", "It is a long story");
    await tab.waitForFunction(() => window.loudest() > 0.1);
    assert.ok((await textOf(tab, ".agent .coming")).length > 0);
    const played = await tab.$eval(".playback", (output) => Number(output.dataset.played));
    assert.ok(played > 0);
  });

  await t.test("a voice silences it at once, and what was not heard is struck through", async () => {
    await tab.waitForSelector(".agent .unheard");
    assert.equal(await tab.$eval(".playback", (output) => output.dataset.buffered), "0");
    await tab.waitForFunction(() => window.loudest() === 0);
    const [said, unheard] = await tab.$eval(".agent", (line) => [
      line.querySelector(".heard").textContent,
      line.querySelector(".unheard").textContent,
    ]);
    assert.match(said, /^It is a long story/);
    assert.match(unheard, /on and on\.$/);
  });

  await t.test("the next answer is to the interruption", async () => {
    await shows(tab, ".caller .settled", SECOND);
    await shows(tab, ".agent .heard", `You said: ${SECOND}`);
    await shows(tab, ".floor", "Your turn");
  });

  await t.test("the floor went from one to the other, and said so", async () => {
    const floors = (await history(tab, "floor")).filter((floor) => /caller|agent/.test(floor));
    const changes = floors.filter((floor, at) => floor !== floors[at - 1]);
    assert.deepEqual(changes, ["caller", "agent", "caller", "agent"]);
  });

  await t.test("each answer has its picture", async () => {
    await tab.waitForFunction(() => document.querySelectorAll(".agent .timing svg").length === 2);
    const pictures = await tab.$$eval(".timing svg", (all) =>
      all.map((picture) => [picture.querySelectorAll(".bar").length, picture.ariaLabel]),
    );
    for (const [bars, spoken] of pictures) {
      assert.equal(bars, 6, spoken);
      assert.match(spoken, /endpoint \d+ ms, transcript \d+ ms, first token \d+ ms/);
    }
    const [, title] = (await textOf(tab, ".timing figcaption")).match(/^First sound after (\d+) ms$/);
    assert.match(pictures[0][1], new RegExp(`first sound ${title} ms$`));
  });

  assert.deepEqual(tab.faults, []);
});

test("hold to talk: the space bar is the button; a browser that mixes no rates is heard, too", async () => {
  await browser.close();
  browser = await chromium({ wav: voice("once") });
  const tab = await opened(browser, server.url, { before: asFirefox });
  await tab.click("input[name=mode] + span::-p-text(Hold to talk)");
  await press(tab, "Start talking");
  await tab.waitForSelector("#hold:not([disabled])");
  await tab.focus("body");
  await tab.keyboard.down("Space");
  await shows(tab, "#hold", "Release to send");
  await tab.waitForSelector(".caller");
  await tab.waitForFunction(() => window.voiceIsOver());
  const forming = (await history(tab, "forming")).filter(Boolean);
  assert.ok(forming.length > 0, "no word was shown while the key was down");
  assert.ok(FIRST.startsWith(forming.at(-1)), forming.at(-1));
  await tab.keyboard.up("Space");
  await shows(tab, ".caller .settled", FIRST);
  await tab.waitForFunction(() => window.loudest() > 0.1);
  await tab.waitForFunction(() => window.refusals === 1);
  assert.deepEqual(tab.faults, []);
});

/** Runs in the page: Firefox connects no microphone to a context of another rate. */
function asFirefox() {
  const connect = AudioContext.prototype.createMediaStreamSource;
  window.refusals = 0;
  AudioContext.prototype.createMediaStreamSource = function (stream) {
    if (this.sampleRate !== 24_000) return connect.call(this, stream);
    window.refusals += 1;
    throw new DOMException("different sample rates", "NotSupportedError");
  };
}

test("a microphone that is pulled out is told", async () => {
  const tab = await opened(browser, server.url, { before: keepStream });
  await press(tab, "Start talking");
  await tab.waitForSelector("button::-p-text(Mute):not([disabled])");
  await tab.evaluate(() => window.stream.getTracks()[0].dispatchEvent(new Event("ended")));
  await shows(tab, ".notice h2", "No microphone was found");
  assert.equal(await tab.evaluate(() => window.stream.getTracks()[0].readyState), "ended");
});

/** Runs in the page. */
function keepStream() {
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => (window.stream = await ask(wanted));
}
