/**
 * The thin shell: hands events to `advance`, does what it commands, draws what has become of the
 * state. Owns the parts that touch the browser, and decides nothing.
 *
 * @typedef {Record<string, Function>} Actions what the caller can do, for the views
 */

import { render } from "./vendor/lit-html.js";
import { advance } from "./conversation.js";
import { Levels } from "./levels.js";
import { Link } from "./link.js";
import { page } from "./page_view.js";
import { msOf, toBase64 } from "./pcm.js";
import { append } from "./requests.js";
import { KeyWanted } from "./server.js";
import { Sound } from "./sound.js";
import { initial } from "./state.js";

const AT_THE_END_PX = 80;

/** What `Sound` reports, as the page's events. */
const REPORTS = {
  progress: { type: "page.playing" },
  finished: { type: "page.finished" },
  flushed: { type: "page.flushed" },
  gone: { type: "page.microphone", now: "absent" },
};

/** Not `randomUUID`, which a page over plain http does not have. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `item_${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

export class Page {
  #root;
  #server;
  #state = initial({ silent: !isSecureContext });
  #catalogue = { agents: [], voices: [] };
  #levels = new Levels();
  #sound = new Sound(
    (frame) => this.#hear(frame),
    (report) => this.#report(report),
  );
  #link;
  #due = false;
  #heldMs = 0;

  /** @param {HTMLElement} root @param {import("./server.js").Server} server */
  constructor(root, server) {
    this.#root = root;
    this.#server = server;
    this.#link = new Link(server, (event) => this.tell(event));
    this.#draw();
    this.#animate();
  }

  /** Something has happened. */
  tell(event) {
    const { state, commands } = advance(this.#state, event);
    this.#state = state;
    for (const command of commands) this.#perform(command);
    if (event.type === "session.created" && !this.#catalogue.agents.length) this.look();
    this.#soon();
  }

  /** Which agents and voices there are. A server that does not answer is asked again in a call. */
  async look() {
    try {
      const [agents, voices] = await Promise.all([this.#server.agents(), this.#server.voices()]);
      this.#catalogue = { agents, voices };
      this.tell({ type: "page.keyTaken" });
    } catch (error) {
      if (error instanceof KeyWanted) this.tell({ type: "page.keyWanted" });
    }
  }

  /** @type {Actions} */
  actions = {
    call: () => this.#call(),
    hangUp: () => this.tell({ type: "page.hangUp" }),
    type: (text) => this.#type(text),
    microphone: () => this.#listen(),
    mute: () => this.tell({ type: "page.muted", on: !this.#state.muted }),
    hold: () => this.#hold(),
    release: () => this.tell({ type: "page.released", ms: this.#heldMs }),
    mode: (mode) => this.tell({ type: "page.mode", mode }),
    agent: (agent) => this.tell({ type: "page.agent", agent }),
    voice: (voice) => this.tell({ type: "page.voice", voice }),
    retry: () => this.tell({ type: "page.retry" }),
    dismiss: () => this.tell({ type: "page.dismissed" }),
    key: (key) => this.#useKey(key),
  };

  get holdsToTalk() {
    return this.#state.wanted.mode === "hold" && this.#state.link.phase === "open";
  }

  async #call() {
    this.tell({ type: "page.call" });
    await this.#listen();
  }

  async #listen() {
    this.#sound.start();
    this.tell({ type: "page.microphone", now: "asking" });
    const now = await this.#sound.listen();
    if (now) this.tell({ type: "page.microphone", now });
  }

  #hold() {
    if (!this.#state.holding) this.#heldMs = 0;
    this.tell({ type: "page.held", id: newId() });
  }

  #type(text) {
    this.#sound.start();
    this.tell({ type: "page.typed", id: newId(), text });
  }

  async #useKey(key) {
    this.#server.useKey(key);
    await this.look();
  }

  #perform(command) {
    if (command.do === "send") this.#link.send(command.event);
    else if (command.do === "play") this.#sound.play(command.item, command.audio);
    else if (command.do === "end") this.#sound.end(command.item);
    else if (command.do === "flush") this.#sound.flush();
    else if (command.do === "connect") this.#link.connect(this.#state.wanted.agent);
    else if (command.do === "connectIn") this.#link.connectIn(command.ms);
    else if (command.do === "release") this.#sound.release();
    else this.#link.disconnect();
  }

  /** A muted microphone is silence, not nothing: the server still counts the time. */
  #hear({ pcm, level }) {
    const { link, muted, wanted, holding } = this.#state;
    if (wanted.mode === "hold" && !holding) return;
    this.#heldMs += msOf(pcm.length);
    if (!muted) this.#levels.heard("caller", level);
    if (link.phase === "open") this.#link.send(append(toBase64(muted ? pcm.fill(0) : pcm)));
  }

  #report({ kind, level, ...report }) {
    if (level) this.#levels.heard("agent", level);
    this.tell({ ...REPORTS[kind], ...report });
  }

  #soon() {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => this.#draw());
  }

  /** A reader at the end of the conversation stays at its end. */
  #draw() {
    this.#due = false;
    const view = document.documentElement;
    const below = view.scrollHeight - view.scrollTop - view.clientHeight;
    render(page(this.#state, this.#catalogue, this.actions), this.#root);
    if (below < AT_THE_END_PX) view.scrollTop = view.scrollHeight;
  }

  #animate() {
    requestAnimationFrame((nowMs) => {
      this.#levels.draw(document.getElementById("levels"), nowMs);
      this.#animate();
    });
  }
}
