import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";

import { chromium, opened, parley, press, say, shows, voice } from "./harness.js";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const SIZES = [
  { width: 1280, height: 800 },
  { width: 360, height: 640 },
];
const SCHEMES = ["light", "dark"];
const LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft";

let browser, server, axe;

before(async () => {
  [browser, server, axe] = await Promise.all([chromium({ wav: voice("once") }), parley(), readFile(AXE, "utf8")]);
});

after(async () => {
  await browser?.close();
  await server?.kill();
});

/** What axe finds against WCAG 2.1 AA, in a few words each. */
async function violations(tab) {
  await tab.evaluate(axe);
  const { violations: found } = await tab.evaluate(() =>
    axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] }),
  );
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 80))}`);
}

async function looksRight(tab, state) {
  for (const size of SIZES) {
    for (const value of SCHEMES) {
      await tab.setViewport(size);
      await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value }]);
      const where = `${state}: ${value}, ${size.width} px`;
      assert.deepEqual(await violations(tab), [], where);
      const { scrollWidth, clientWidth } = await tab.$eval("html", (html) => ({
        scrollWidth: html.scrollWidth,
        clientWidth: html.clientWidth,
      }));
      assert.equal(scrollWidth, clientWidth, where);
    }
  }
  await tab.setViewport(SIZES[0]);
}

test("everything is reached by the tab key, and shows that it is", async () => {
  const tab = await opened(browser, server.url);
  await say(tab, "Hello");
  await shows(tab, ".agent .heard", "It is");
  await tab.click("h1");
  const reached = [];
  for (let step = 0; step < 6; step += 1) {
    await tab.keyboard.press("Tab");
    const [name, outlined] = await tab.evaluate(() => {
      const { activeElement } = document;
      const shown = activeElement.type === "radio" ? activeElement.nextElementSibling : activeElement;
      const label = activeElement.closest("label")?.textContent ?? activeElement.textContent;
      return [label.trim().split(/\s{2,}/)[0], getComputedStyle(shown).outlineStyle];
    });
    assert.equal(outlined, "solid", name);
    reached.push(name);
  }
  assert.deepEqual(reached, ["Agent", "Voice", "Hang up", "Open microphone", "Message", "Send"]);
});

test("a screen reader is told who has the floor, and whole lines", async () => {
  const tab = await opened(browser, server.url);
  assert.equal(await tab.$eval("[role=status]", (status) => status.ariaLive), "polite");
  await shows(tab, "[role=status]", "Not connected");
  await say(tab, "Hello");
  await shows(tab, "[role=status]", "You said: Hello");
  await shows(tab, "[role=status]", "The agent said: It is a long story");
});

test("for who wants less motion the meter stands still: a bar from the left", async () => {
  const tab = await opened(browser, server.url);
  await tab.emulateMediaFeatures([{ name: "prefers-reduced-motion", value: "reduce" }]);
  await say(tab, "Hello");
  await shows(tab, ".agent .heard", "It is");
  await tab.waitForFunction(() => {
    const canvas = document.getElementById("levels");
    const dots = devicePixelRatio;
    const left = [2 * dots, canvas.height / 2 + 3 * dots, 1, 1];
    return canvas.getContext("2d").getImageData(...left).data[3] > 0;
  });
});

test("every state is legible and within the screen, dark or light, phone or desk", async () => {
  const tab = await opened(browser, server.url);
  await looksRight(tab, "before the first word");
  await press(tab, "Start talking");
  await shows(tab, ".agent .heard", "It is a long story");
  await looksRight(tab, "while the agent speaks");
  await say(tab, LONG_WORD);
  await shows(tab, ".agent .heard", "That was message 2.");
  await tab.waitForSelector(".timing svg");
  await looksRight(tab, "after an interruption");
  await server.kill();
  await shows(tab, ".notice h2", "The server cannot be reached");
  await looksRight(tab, "without a server");
});
