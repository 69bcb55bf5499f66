/** The WebSocket of a call: one at a time. Tells what came as events; decides nothing. */

import { KeyWanted } from "./server.js";

export class Link {
  #server;
  #tell;
  #socket = null;
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
    const mine = (this.#socket = { close() {} }); // until the address is there, a place that is held
    try {
      const { url, protocols } = await this.#server.address(agent);
      if (this.#socket === mine) this.#open(url, protocols);
    } catch (error) {
      if (this.#socket !== mine) return;
      this.#socket = null;
      if (error instanceof KeyWanted) this.#tell({ type: "page.keyWanted" });
      else await this.#lost({ code: 1006, reason: "" }, false);
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
    socket?.close(1000);
  }

  send(event) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(event));
  }

  #open(url, protocols) {
    const socket = (this.#socket = new WebSocket(url, protocols));
    let opened = false;
    socket.onmessage = ({ data }) => {
      if (this.#socket !== socket) return;
      const event = JSON.parse(data);
      opened ||= event.type === "session.created";
      this.#tell(event);
    };
    socket.onclose = (close) => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.#lost(close, opened);
    };
  }

  async #lost({ code, reason }, opened) {
    const server = opened ? "ready" : await this.#server.look();
    this.#tell({ type: "page.closed", code, reason, opened, server, chance: Math.random() });
  }
}
