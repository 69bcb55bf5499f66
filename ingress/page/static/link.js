/** The WebSocket of a call: one at a time. Tells what came as events; decides nothing. */

import { RATE_HZ } from "./pcm.js";
import { KeyWanted, Refused } from "./server.js";

/** How long a session may take to begin. */
const PATIENCE_MS = 10_000;

/** Five seconds of sound, in base64: nobody reads at the other end, or not in time to talk. */
const MOST_WAITING_BYTES = (5 * RATE_HZ * 2 * 4) / 3;

/** WebSocket's code where no close came (RFC 6455, 7.4.1), and our own where no session did. */
const NO_CLOSE = { code: 1006, reason: "" };
const NO_SESSION = { code: 4000, reason: "" };

/** What holds the place of a socket that is not there yet, or not any more. */
const place = () => ({ close() {} });

export class Link {
  #server;
  #tell;
  #socket = null;
  #opened = false; // the session has begun
  #timer = null;

  /**
   * @param {import("./server.js").Server} server
   * @param {(event: object) => void} tell takes the server's events, `page.closed`, `page.keyWanted`
   */
  constructor(server, tell) {
    this.#server = server;
    this.#tell = tell;
  }

  async connect(agent) {
    this.disconnect();
    const mine = (this.#socket = place());
    try {
      const { url, protocols } = await this.#server.address(agent);
      if (this.#socket === mine) this.#open(url, protocols);
    } catch (error) {
      if (this.#socket === mine) await this.#failed(error);
    }
  }

  connectIn(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tell({ type: "page.retry" }), ms);
  }

  /** Nothing of the old connection is told any more. */
  disconnect() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    this.#opened = false;
    socket?.close(1000);
  }

  /** What waits is counted before the event: a long text may go out at once. */
  send(event) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    if (this.#socket.bufferedAmount > MOST_WAITING_BYTES) this.#giveUp(NO_CLOSE);
    else this.#socket.send(JSON.stringify(event));
  }

  #open(url, protocols) {
    const socket = (this.#socket = new WebSocket(url, protocols));
    this.#timer = setTimeout(() => this.#giveUp(NO_SESSION), PATIENCE_MS);
    socket.onmessage = ({ data }) => {
      if (this.#socket !== socket) return;
      const event = JSON.parse(data);
      if (event.type === "session.created") this.#begun();
      this.#tell(event);
    };
    socket.onclose = (close) => {
      if (this.#socket === socket) this.#lost(close);
    };
  }

  #begun() {
    this.#opened = true;
    clearTimeout(this.#timer);
  }

  /** A close that is not answered takes minutes: it is not waited for. */
  #giveUp(close) {
    const socket = this.#socket;
    this.#lost(close);
    socket.close();
  }

  async #failed(error) {
    if (error instanceof KeyWanted) {
      this.#socket = null;
      this.#tell({ type: "page.keyWanted" });
      return;
    }
    const refusal = { server: "refused", reason: error.message };
    await this.#lost(NO_CLOSE, error instanceof Refused ? refusal : null);
  }

  /** Told when it is known why (as `Server.look` has it), unless another call has begun by then. */
  async #lost({ code, reason }, found = null) {
    clearTimeout(this.#timer);
    const opened = this.#opened;
    const mine = (this.#socket = place());
    const known = await (found ?? (opened ? { server: "ready" } : this.#server.look()));
    if (this.#socket !== mine) return;
    this.disconnect();
    this.#tell({ type: "page.closed", code, reason, opened, chance: Math.random(), ...known });
  }
}
