/**
 * The server's HTTP side: agents, voices, client secrets, and whether it lives. Owns the API key,
 * which is kept in the tab's session storage and nowhere else.
 */

const KEY = "parley.api_key";
const PROTOCOL = "realtime";
const KEY_PROTOCOL = "openai-insecure-api-key.";
const PATIENCE_MS = 10_000;

/** The server wants an API key, or another one. */
export class KeyWanted extends Error {}

/** The server does not serve this page here, and says why in the message; no key would help. */
export class Refused extends Error {}

export class Server {
  #storage;
  #base;

  /** @param {string} base the page's own address @param {Storage} storage */
  constructor(base, storage) {
    this.#base = base;
    this.#storage = storage;
  }

  useKey(key) {
    this.#storage.setItem(KEY, key);
  }

  /** @returns {Promise<string[]>} names of agents @throws {KeyWanted} @throws {Error} */
  async agents() {
    const { data } = await this.#json("v1/models");
    return data.filter((model) => model.owned_by === "parley").map((model) => model.id);
  }

  /** @returns {Promise<string[]>} @throws {KeyWanted} @throws {Error} */
  async voices() {
    const { data } = await this.#json("v1/audio/voices");
    return data.map((voice) => voice.id);
  }

  /**
   * Where a call to `agent` goes, and with what: with a key the browser is given a secret for a
   * minute, since a WebSocket from a page can carry nothing but subprotocols.
   * @returns {Promise<{url: string, protocols: string[]}>}
   * @throws {KeyWanted} @throws {Refused} @throws {Error}
   */
  async address(agent) {
    const url = new URL("v1/realtime", this.#base);
    url.protocol = url.protocol.replace("http", "ws");
    if (agent) url.searchParams.set("model", agent);
    if (!this.#key) return { url: url.href, protocols: [PROTOCOL] };
    const session = { type: "realtime", ...(agent && { model: agent }) };
    const { value } = await this.#json("v1/realtime/client_secrets", { session });
    return { url: url.href, protocols: [PROTOCOL, KEY_PROTOCOL + value] };
  }

  /**
   * What stands behind a connection that did not come about; a page is not told its status.
   * @returns {Promise<{server: "ready" | "starting" | "unreachable" | "key" | "refused",
   *   reason?: string}>} `reason`: of a refusal
   */
  async look() {
    try {
      const { status } = await this.#ask("health");
      if (status === 503) return { server: "starting" };
      await this.agents();
      return { server: "ready" };
    } catch (error) {
      if (error instanceof Refused) return { server: "refused", reason: error.message };
      return { server: error instanceof KeyWanted ? "key" : "unreachable" };
    }
  }

  get #key() {
    return this.#storage.getItem(KEY);
  }

  async #json(path, body) {
    const answer = await this.#ask(path, body);
    if (answer.status === 401) throw new KeyWanted();
    if (answer.status === 403) throw new Refused(await complaintOf(answer));
    if (!answer.ok) throw new Error(`${path} was answered with status ${answer.status}`);
    return answer.json();
  }

  #ask(path, body) {
    const headers = this.#key ? { Authorization: `Bearer ${this.#key}` } : {};
    if (body) headers["Content-Type"] = "application/json";
    return fetch(new URL(path, this.#base), {
      headers,
      method: body ? "POST" : "GET",
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  }
}

/** Ours is in OpenAI's shape; a proxy's may be anything. */
async function complaintOf(answer) {
  const body = await answer.json().catch(() => null);
  return body?.error?.message ?? "access is forbidden (403)";
}
