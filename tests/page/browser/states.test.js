import assert from "node:assert/strict";
import { after, test } from "node:test";

import { ELSEWHERE, chromium, opened, parley, press, say, shows, textOf } from "./harness.js";

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

test("another agent is another call, another voice is not", async () => {
  await anew();
  const tab = await opened(browser, server.url);
  const [agent, voice] = await tab.$$("select");
  const chosen = () => voice.evaluate((select) => select.selectedOptions[0].textContent);
  assert.equal(await chosen(), "the agent's own");
  await say(tab, "Hello");
  await shows(tab, ".agent .heard", "It is");
  assert.equal(await chosen(), "af_heart");
  await voice.select("am_adam");
  await shows(tab, ".agent .heard", "story");
  await agent.select("sales");
  await shows(tab, ".welcome h2", "Say something.");
  await say(tab, "Who is there?");
  await shows(tab, ".agent .who", "sales");
  assert.equal(await textOf(tab, ".caller .settled"), "Who is there?");
  assert.equal(await tab.$(".notice"), null);
  assert.deepEqual(tab.faults, []);
});
