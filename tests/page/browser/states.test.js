import assert from "node:assert/strict";
import { after, test } from "node:test";

import { ELSEWHERE, chromium, opened, parley, press, say, shows, textOf, voice } from "./harness.js";

const KEY = "a-key-for-this-test";

let browser, server;

/** A browser and a server, in place of those of the test before. */
async function anew(args = [], microphone = {}) {
  await browser?.close();
  await server?.kill();
  [browser, server] = await Promise.all([chromium(microphone), parley(args)]);
}

after(async () => {
  await browser?.close();
  await server?.kill();
});

test("a microphone that is refused: it says so, and what is typed is answered aloud", async () => {
  await anew([], { refused: true });
  await browser.defaultBrowserContext().overridePermissions(server.url, []);
  const tab = await opened(browser, server.url);
  await press(tab, "Start talking");
  await shows(tab, ".notice h2", "The microphone was refused");
  await shows(tab, ".floor", "Your turn: type below");
  await say(tab, "Tell me a story");
  await shows(tab, ".caller .settled", "Tell me a story");
  await shows(tab, ".agent .heard", "It is a long story");
  await tab.waitForFunction(() => window.loudest() > 0.1);

  await say(tab, "Stop");
  await tab.waitForSelector(".agent .unheard");
  await shows(tab, ".agent .heard", "You said: Stop That was message 2.");
  assert.deepEqual(tab.faults, []);
});

test("no microphone at all: it says so", async () => {
  await anew();
  const tab = await opened(browser, server.url);
  await press(tab, "Start talking");
  await shows(tab, ".notice h2", "No microphone was found");
  await shows(tab, ".floor", "Your turn: type below");
  assert.deepEqual(tab.faults, []);
});

test("typing alone begins a call, and no microphone is asked for", async () => {
  const tab = await opened(browser, server.url);
  await say(tab, "Hello");
  await shows(tab, ".agent .heard", "It is a long story");
  assert.equal(await tab.$(".notice"), null);
  await say(tab, "Enough");
  await shows(tab, ".timing figcaption", "after you asked");
  await press(tab, "Hang up");
  await shows(tab, ".floor", "Not connected");
  await tab.waitForFunction(() => window.loudest() === 0);
  assert.deepEqual(tab.faults, []);
});

test("a server that dies is told; when it is back, the conversation goes on", async () => {
  const tab = await opened(browser, server.url);
  await say(tab, "Tell me a story");
  await shows(tab, ".agent .heard", "It is a long story");
  await server.kill();
  await tab.waitForFunction(() => document.querySelector(".notice")?.textContent.includes("Trying again"));
  await shows(tab, ".note", "The connection was lost.");
  await shows(tab, ".floor", "Not connected");
  await shows(tab, ".notice h2", "The server cannot be reached");
  assert.equal(await tab.$eval(".playback", (output) => output.dataset.buffered), "0");

  server = await parley(["--port", server.port]);
  await shows(tab, ".note", "Connected again. The conversation goes on.");
  await tab.waitForFunction(() => !document.querySelector(".notice"));
  await say(tab, "Go on");
  await shows(tab, ".agent .heard", "You said: Go on That was message 2.");
});

test("a full server is told, and tried again", async () => {
  await anew(["--max-calls", "1"]);
  const first = await opened(browser, server.url);
  await say(first, "Hello");
  await shows(first, ".agent .heard", "It is");
  const second = await opened(browser, server.url);
  await say(second, "Hello");
  await shows(second, ".notice h2", "All lines are busy");
  await first.bringToFront();
  await press(first, "Hang up");
  await second.bringToFront();
  await press(second, "Try now");
  await shows(second, ".agent .heard", "It is a long story");
});

test("an API key is asked for, tried, kept in the tab only, and never sent in an address", async () => {
  await anew(["--key", KEY]);
  const tab = await opened(browser, server.url);
  await shows(tab, ".notice h2", "This server asks for an API key");
  await tab.type("input[name=key]", "not this one");
  await tab.keyboard.press("Enter");
  await shows(tab, ".notice h2", "That key was not accepted");
  await tab.$eval("input[name=key]", (field) => (field.value = ""));
  await tab.type("input[name=key]", KEY);
  await tab.keyboard.press("Enter");
  await tab.waitForFunction(() => !document.querySelector(".notice"));
  const protocols = tab.evaluate(
    () =>
      new Promise((resolve) => {
        const Native = WebSocket;
        window.WebSocket = class extends Native {
          constructor(url, offered) {
            super(url, offered);
            resolve([url, ...offered]);
          }
        };
      }),
  );
  await say(tab, "Hello");
  const [url, first, second] = await protocols;
  assert.equal(first, "realtime");
  assert.match(second, /^openai-insecure-api-key\.ek_/);
  assert.ok(!`${url}${second}`.includes(KEY));
  await shows(tab, ".agent .heard", "It is a long story");
  const kept = await tab.evaluate(() => [Object.values(sessionStorage), localStorage.length]);
  assert.deepEqual(kept, [[KEY], 0]);
});

test("over plain http there is neither microphone nor sound: it says so, and answers are read", async () => {
  const url = server.url.replace("127.0.0.1", ELSEWHERE);
  const tab = await opened(browser, url);
  await tab.waitForSelector("input[name=key]");
  await tab.type("input[name=key]", KEY);
  await tab.keyboard.press("Enter");
  await press(tab, "Start talking");
  await shows(tab, ".notice h2", "neither microphone nor loudspeaker");
  await say(tab, "Hello");
  await shows(tab, ".agent .heard", "It is a long story");
});

/** Agent and voice as the page has them chosen. */
const chosen = (tab) =>
  tab.$$eval("select", (both) => both.map((select) => select.selectedOptions[0].textContent));

test("another agent is another call, another voice is not", async () => {
  await anew();
  const tab = await opened(browser, server.url);
  const [agent, voices] = await tab.$$("select");
  assert.deepEqual(await chosen(tab), ["the server's own", "the agent's own"]);
  await say(tab, "Hello");
  await shows(tab, ".agent .heard", "It is");
  assert.deepEqual(await chosen(tab), ["default", "af_heart"]);
  await voices.select("am_adam");
  await shows(tab, ".agent .heard", "story");
  await agent.select("sales");
  await shows(tab, ".welcome h2", "Say something.");
  await say(tab, "Who is there?");
  await shows(tab, ".agent .who", "sales");
  assert.equal(await textOf(tab, ".caller .settled"), "Who is there?");
  assert.equal(await tab.$(".notice"), null);
  assert.deepEqual(tab.faults, []);
});

test("the agent that answers is the one that is shown, and any other can be chosen", async () => {
  const tab = await opened(browser, server.url);
  await say(tab, "Hello");
  await shows(tab, ".agent .who", "Agent");
  await tab.select("select", "billing");
  await shows(tab, ".welcome h2", "Say something.");
  await say(tab, "Who is there?");
  await shows(tab, ".agent .who", "billing");
  assert.equal((await chosen(tab))[0], "billing");
  assert.deepEqual(tab.faults, []);
});

test("an agent that the server cannot let speak: it says why, once, and another may be called", async () => {
  const tab = await opened(browser, server.url);
  await tab.select("select", "firm");
  await press(tab, "Start talking");
  await shows(tab, ".note", "The server has refused the call: no value for company");
  await shows(tab, "button", "Call again");
  assert.equal(await tab.$(".notice"), null);
  await tab.select("select", "sales");
  await say(tab, "Hello");
  await shows(tab, ".agent .who", "sales");
  assert.deepEqual(tab.faults, []);
});

test("a server that asks for no key and is not on this machine says so", async () => {
  const tab = await opened(browser, server.url.replace("127.0.0.1", ELSEWHERE));
  await press(tab, "Start talking");
  await shows(tab, ".note", "The server has refused the call: no API keys are configured");
  await shows(tab, "button", "Call again");
});

test("the button is let go of wherever the mouse is by then", async () => {
  await anew([], { wav: voice("once") });
  const tab = await opened(browser, server.url);
  await tab.click("input[name=mode] + span::-p-text(Hold to talk)");
  await press(tab, "Start talking");
  const button = await tab.waitForSelector("#hold:not([disabled])");
  await button.hover();
  await tab.mouse.down();
  await shows(tab, "#hold", "Release to send");
  await tab.mouse.move(20, 300);
  await tab.mouse.up();
  await shows(tab, "#hold", "Hold to talk");
  assert.deepEqual(tab.faults, []);
});

test("a microphone that is allowed after the call is given back, and not used by the next", async () => {
  const tab = await opened(browser, server.url, { before: slowToAllow });
  await press(tab, "Start talking");
  await press(tab, "Hang up");
  await tab.evaluate(() => window.allow());
  await tab.waitForFunction(() => window.tracks.length === 1 && window.tracks[0].readyState === "ended");
  await say(tab, "Hello");
  await shows(tab, ".agent .heard", "It is a long story");
  await shows(tab, "button", "Hang up");
  assert.equal(await tab.evaluate(() => window.appended), 0);
  assert.deepEqual(tab.faults, []);
});

test("two calls that waited for the microphone have one", async () => {
  const tab = await opened(browser, server.url, { before: slowToAllow });
  await press(tab, "Start talking");
  await press(tab, "Hang up");
  await press(tab, "Start talking");
  await tab.evaluate(() => window.allow());
  await tab.waitForSelector("button::-p-text(Mute):not([disabled])");
  await tab.waitForFunction(() => window.tracks.length === 2 && window.appended > 0);
  const states = await tab.evaluate(() => window.tracks.map(({ readyState }) => readyState).sort());
  assert.deepEqual(states, ["ended", "live"]);
  await press(tab, "Hang up");
  await tab.waitForFunction(() => window.tracks.every(({ readyState }) => readyState === "ended"));
  assert.deepEqual(tab.faults, []);
});

/** Runs in the page: the caller is asked for the microphone until `allow()`. */
function slowToAllow() {
  const allowed = new Promise((resolve) => (window.allow = resolve));
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  window.tracks = [];
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    await allowed;
    const stream = await ask(wanted);
    window.tracks.push(...stream.getTracks());
    return stream;
  };
  window.appended = 0;
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (message) {
    window.appended += JSON.parse(message).type === "input_audio_buffer.append";
    return send.call(this, message);
  };
}
