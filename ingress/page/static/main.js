/** Starts the page, and binds what belongs to no element of it: the space bar, the network. */

import { Page } from "./page.js";
import { Server } from "./server.js";

const page = new Page(
  document.getElementById("page"),
  new Server(document.baseURI, sessionStorage),
);

/** Whether the space bar means something else here: a letter, another button, a choice. */
const takesSpace = (element) => element.matches("input, select, button:not(#hold)");

addEventListener("keydown", (event) => {
  if (event.code !== "Space" || !page.holdsToTalk || takesSpace(event.target)) return;
  event.preventDefault();
  page.actions.hold();
});
addEventListener("keyup", (event) => {
  if (event.code !== "Space" || !page.holdsToTalk) return;
  if (!takesSpace(event.target)) event.preventDefault();
  page.actions.release();
});
addEventListener("blur", () => page.actions.release());
addEventListener("online", () => page.actions.retry());
addEventListener("pagehide", () => page.actions.hangUp());

await page.look();
