import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { KeyWanted, Refused, Server } from "../../../ingress/page/static/server.js";

const { fetch } = globalThis;

afterEach(() => {
  globalThis.fetch = fetch;
});

/** A server that gives these answers, by path. */
function serving(answers, key = null) {
  globalThis.fetch = async ({ pathname }) => {
    const answer = answers[pathname] ?? new TypeError("offline");
    if (answer instanceof Error) throw answer;
    return new Response(typeof answer[1] === "string" ? answer[1] : JSON.stringify(answer[1]), { status: answer[0] });
  };
  return new Server("http://here/", { getItem: () => key });
}

const HEALTHY = [200, {}];
const MODELS = [200, { data: [] }];
const FORBIDDEN = [403, { error: { message: "only localhost is served" } }];

for (const [name, answers, found] of [
  ["ready", { "/health": HEALTHY, "/v1/models": MODELS }, { server: "ready" }],
  ["starting", { "/health": [503, {}] }, { server: "starting" }],
  ["unreachable", {}, { server: "unreachable" }],
  ["key", { "/health": HEALTHY, "/v1/models": [401, {}] }, { server: "key" }],
  [
    "refused",
    { "/health": HEALTHY, "/v1/models": FORBIDDEN },
    { server: "refused", reason: "only localhost is served" },
  ],
  [
    "refused by a proxy",
    { "/health": HEALTHY, "/v1/models": [403, "<h1>No.</h1>"] },
    { server: "refused", reason: "access is forbidden (403)" },
  ],
]) {
  test(`what stands behind a connection that did not come about: ${name}`, async () => {
    assert.deepEqual(await serving(answers).look(), found);
  });
}

test("a secret that is refused says why, and one that wants another key asks for it", async () => {
  const path = "/v1/realtime/client_secrets";
  const refused = serving({ [path]: FORBIDDEN }, "a key").address("");
  await assert.rejects(refused, (error) => error instanceof Refused && /only localhost/.test(error.message));
  await assert.rejects(serving({ [path]: [401, {}] }, "a key").address(""), KeyWanted);
});
