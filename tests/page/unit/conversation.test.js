import assert from "node:assert/strict";
import { test } from "node:test";

import { samplesIn } from "../../../ingress/page/static/pcm.js";
import { floorOf } from "../../../ingress/page/static/state.js";
import { Talk, ending, message, silence, transcribed } from "./talking.js";

const DELTA = "conversation.item.input_audio_transcription.delta";
const playing = (item, ms, buffered = 100) => ({
  type: "page.playing",
  item,
  played: samplesIn(ms),
  buffered,
  underruns: 0,
});

const MICROPHONE = { type: "page.microphone", now: "on" };
const HELD = { type: "page.held", id: "h1" };
const kinds = (talk) => talk.sent.map(({ type }) => type);

test("a session is asked for turns, transcripts and Parley's figures", () => {
  const talk = new Talk().tell({ type: "page.call" });
  assert.deepEqual(talk.does, ["connect"]);
  const detection = { type: "semantic_vad", eagerness: "auto" };
  const audio = { input: { turn_detection: detection }, output: { voice: "bf_emma" } };
  talk.tell({ type: "session.created", session: { audio } });
  const [{ type, session }] = talk.sent;
  assert.equal(type, "session.update");
  assert.deepEqual(session.audio.input.turn_detection, detection);
  assert.ok(session.audio.input.transcription && session.parley.events);
  assert.deepEqual(session.output_modalities, ["audio"]);
  assert.equal(talk.state.wanted.voice, "bf_emma");
});

test("where nothing may be played answers are written, and heard when they are read", () => {
  const talk = new Talk({ silent: true }).tell({ type: "page.call" });
  talk.tell({ type: "session.created", session: {} });
  assert.deepEqual(talk.sent[0].session.output_modalities, ["text"]);
  talk.tell(
    { type: "response.created", response: { id: "r1" } },
    { type: "response.output_item.added", response_id: "r1", item: message("a1") },
    { type: "response.output_text.delta", item_id: "a1", delta: "It is " },
  );
  assert.deepEqual([talk.line("a1").text, talk.line("a1").heard], ["It is ", 0]);
  talk.tell({ type: "response.output_text.done", item_id: "a1", text: "It is nine." });
  assert.deepEqual([talk.line("a1").text, talk.line("a1").heard], ["It is nine.", 11]);
});

test("the caller's words grow, and are settled by the transcript", () => {
  const talk = new Talk().open();
  talk.tell({ type: "input_audio_buffer.speech_started", item_id: "u1" });
  assert.equal(floorOf(talk.state), "caller");
  talk.tell({ type: DELTA, item_id: "u1", delta: "what is " }, { type: DELTA, item_id: "u1", delta: "the" });
  assert.deepEqual([talk.line("u1").text, talk.line("u1").settled], ["what is the", false]);
  talk.tell({ type: "input_audio_buffer.speech_stopped", item_id: "u1" });
  assert.equal(floorOf(talk.state), "thinking");
  talk.tell(transcribed("u1", "What is the time?"));
  assert.deepEqual([talk.line("u1").text, talk.line("u1").settled], ["What is the time?", true]);
});

test("a cough leaves no line, and nobody is waited for", () => {
  const talk = new Talk().open().caller("u1", "");
  assert.deepEqual(talk.texts, []);
  assert.equal(floorOf(talk.state), "nobody");
});

test("speech that could not be transcribed is told", () => {
  const talk = new Talk().open();
  talk.tell({ type: "input_audio_buffer.speech_started", item_id: "u1" });
  talk.tell({ type: "conversation.item.input_audio_transcription.failed", item_id: "u1", error: {} });
  assert.deepEqual(talk.texts, ["note: That could not be transcribed."]);
});

test("the agent's words are heard as its sound is played, and solid at its end", () => {
  const talk = new Talk().open().agent("a1", "one two three four five six", 1000);
  assert.equal(talk.line("a1").heard, 0);
  talk.tell(playing("a1", 500));
  assert.equal(floorOf(talk.state), "agent");
  assert.equal(talk.line("a1").text.slice(0, talk.line("a1").heard), "one two three");
  talk.tell({ type: "page.finished", item: "a1", played: samplesIn(1000) });
  assert.equal(talk.line("a1").heard, talk.line("a1").text.length);
  assert.equal(floorOf(talk.state), "nobody");
  assert.equal(Math.round(talk.state.pace), 27);
});

test("while more sound is to come, the pace tells what was heard; it never goes back", () => {
  const text = "a reply of many words that goes on and on for quite a while";
  const talk = new Talk().open().agent("a1", text, 400, { done: false });
  talk.tell(playing("a1", 1000));
  assert.equal(talk.line("a1").text.slice(0, talk.line("a1").heard), "a reply of many");
  talk.tell(playing("a1", 900));
  assert.equal(talk.line("a1").text.slice(0, talk.line("a1").heard), "a reply of many");
});

test("a voice over the agent flushes; the server is told what was heard, and tells the words", () => {
  const text = "Sure. The train leaves at nine from platform four";
  const talk = new Talk().open().agent("a1", text, 2000, { done: false });
  talk.tell(playing("a1", 600), { type: "input_audio_buffer.speech_started", item_id: "u2" });
  assert.equal(talk.does.at(-1), "flush");
  talk.commands = [];
  talk.tell({ type: "page.flushed", cut: { item: "a1", played: samplesIn(640) } });
  talk.tell(...ending("a1", "Sure. The train", "cancelled"));
  const [truncation] = talk.sent;
  assert.deepEqual(truncation, {
    type: "conversation.item.truncate",
    item_id: "a1",
    content_index: 0,
    audio_end_ms: 640,
  });
  talk.tell({ type: "conversation.item.truncated", item_id: "a1", content_index: 0, audio_end_ms: 640 });
  assert.equal(talk.sent.at(-1).type, "conversation.item.retrieve");
  const told = [{ type: "output_audio", transcript: "Sure. The" }];
  talk.tell({ type: "conversation.item.retrieved", item: { id: "a1", content: told } });
  const { text: shown, heard, cut } = talk.line("a1");
  assert.deepEqual([shown, shown.slice(0, heard), cut], [text, "Sure. The", true]);
});

test("an agent that may not be interrupted speaks on", () => {
  const talk = new Talk().tell({ type: "page.call" });
  const detection = { type: "server_vad", interrupt_response: false };
  talk.tell({ type: "session.created", session: { audio: { input: { turn_detection: detection } } } });
  talk.tell({ type: "input_audio_buffer.speech_started", item_id: "u1" });
  assert.ok(!talk.does.includes("flush"));
});

test("a flush of nothing tells the server nothing", () => {
  const talk = new Talk().open().tell({ type: "page.flushed", cut: null });
  assert.deepEqual(talk.sent, []);
});

test("hold to talk: the server detects no turns, the button does", () => {
  const talk = new Talk().open().tell(MICROPHONE, { type: "page.mode", mode: "hold" });
  assert.equal(talk.sent[0].session.audio.input.turn_detection, null);
  talk.commands = [];
  talk.tell(HELD, { ...HELD, id: "h2" });
  assert.equal(floorOf(talk.state), "caller");
  assert.deepEqual(talk.does, ["flush", "send"]);
  talk.commands = [];
  talk.tell({ type: "page.released", ms: 900 }, { type: "page.released", ms: 900 });
  assert.deepEqual(kinds(talk), ["input_audio_buffer.commit", "response.create"]);
  assert.equal(floorOf(talk.state), "thinking");
});

test("a tap of the button asks nothing, nor does a button without a microphone", () => {
  const talk = new Talk().open().tell({ type: "page.mode", mode: "hold" });
  talk.commands = [];
  assert.deepEqual(talk.tell(HELD).commands, []);
  talk.tell(MICROPHONE, HELD, { type: "page.released", ms: 60 });
  assert.deepEqual(talk.texts, []);
  assert.deepEqual(kinds(talk), ["input_audio_buffer.clear"]);
  assert.equal(floorOf(talk.state), "nobody");
});

const holding = () => new Talk().open().tell(MICROPHONE, { type: "page.mode", mode: "hold" }, HELD);

test("the line is there with the button, its words grow, and the server names it", () => {
  const talk = holding();
  assert.deepEqual(talk.texts, ["caller: "]);
  talk.tell({ type: DELTA, item_id: "u1", delta: "what is" });
  assert.deepEqual([talk.texts, talk.line("u1").settled], [["caller: what is"], false]);
  talk.tell({ type: "page.released", ms: 900 }, { type: "input_audio_buffer.committed", item_id: "u1" });
  talk.tell(transcribed("u1", "What is it?"));
  assert.deepEqual([talk.texts, talk.line("u1").settled], [["caller: What is it?"], true]);
});

test("pressed again at once: each line gets its own name, and the caller keeps the floor", () => {
  const talk = holding().tell({ type: "page.released", ms: 900 }, { ...HELD, id: "h2" });
  talk.tell({ type: "input_audio_buffer.committed", item_id: "u1" });
  assert.equal(floorOf(talk.state), "caller");
  talk.tell({ type: DELTA, item_id: "u2", delta: "two" }, transcribed("u1", "One."));
  assert.deepEqual(talk.texts, ["caller: One.", "caller: two"]);
});

test("a microphone that is pulled out while the button is down lets go of it", () => {
  const talk = holding().tell({ type: "page.microphone", now: "absent" });
  assert.deepEqual([talk.texts, floorOf(talk.state)], [[], "nobody"]);
  talk.commands = [];
  talk.tell(MICROPHONE, { type: "page.released", ms: 900 });
  assert.deepEqual([talk.state.holding, talk.commands], [false, []]);
});

test("who was muted is heard with the button: it has no mute", () => {
  const talk = new Talk().open().tell(MICROPHONE, { type: "page.muted", on: true });
  assert.equal(talk.tell({ type: "page.mode", mode: "hold" }).state.muted, false);
});

test("a line of which nothing comes is gone", () => {
  const empty = { type: "error", error: { code: "input_audio_buffer_commit_empty", message: "none" } };
  const talk = holding().tell({ type: "page.released", ms: 900 }, empty);
  assert.deepEqual([talk.texts, talk.state.trouble], [[], null]);
  assert.deepEqual(holding().tell({ type: "page.mode", mode: "open" }).texts, []);
});

test("the button over the agent: cancelled, flushed, and its late sound is not played", () => {
  const talk = new Talk().open().tell(MICROPHONE, { type: "page.mode", mode: "hold" });
  talk.agent("a1", "one two three", 1000, { done: false }).tell(playing("a1", 100));
  talk.commands = [];
  talk.tell(HELD);
  assert.equal(talk.sent[0].type, "response.cancel");
  assert.ok(talk.does.includes("flush"));
  talk.commands = [];
  talk.tell({ type: "response.output_audio.delta", item_id: "a1", delta: silence(100) });
  assert.deepEqual(talk.commands, []);
});

test("what is typed before there is a session goes out once there is one", () => {
  const talk = new Talk().tell({ type: "page.typed", id: "t1", text: "Hello there" });
  assert.deepEqual([talk.does, talk.texts], [["connect"], ["caller: Hello there"]]);
  talk.tell({ type: "session.created", session: {} });
  assert.deepEqual(kinds(talk), ["session.update", "conversation.item.create", "response.create"]);
  assert.deepEqual(talk.sent[1].item.content, [{ type: "input_text", text: "Hello there" }]);
  assert.deepEqual(talk.texts, ["caller: Hello there"]);
});

test("what is typed interrupts; the answer is asked for when the other one is over", () => {
  const talk = new Talk().open().agent("a1", "one two three", 1000, { done: false });
  talk.tell(playing("a1", 100));
  talk.commands = [];
  talk.tell({ type: "page.typed", id: "t1", text: "Stop" });
  assert.deepEqual(kinds(talk), ["response.cancel", "conversation.item.create"]);
  talk.tell({ type: "page.flushed", cut: null }, ...ending("a1", "one two three", "cancelled"));
  assert.deepEqual(kinds(talk).slice(2), ["response.create"]);
  assert.equal(floorOf(talk.state), "thinking");
});

test("a question upon a question is answered once", () => {
  const talk = new Talk().open();
  talk.tell({ type: "page.typed", id: "t1", text: "One" }, { type: "page.typed", id: "t2", text: "Two" });
  talk.tell({ type: "response.done", response: { id: "r1", status: "cancelled" } });
  assert.deepEqual(kinds(talk), [
    "conversation.item.create",
    "response.create",
    "response.cancel",
    "conversation.item.create",
    "response.create",
  ]);
});

test("an answer that is refused is not waited for", () => {
  const talk = new Talk().open().tell({ type: "page.typed", id: "t1", text: "One" });
  assert.equal(floorOf(talk.state), "thinking");
  talk.tell({ type: "error", error: { code: "invalid_value", message: "No." } });
  assert.equal(floorOf(talk.state), "nobody");
});

test("a turn's figures stand beside its answer, or beside the words that got none", () => {
  const stages = { endpoint: 500, first_audio: 700 };
  const talk = new Talk().open().caller("u1", "Hello.").agent("a1", "Hi.", 300);
  talk.tell({ type: "parley.turn", item_id: "u1", response_id: "r-a1", stages_ms: stages });
  assert.deepEqual([talk.line("a1").stages, talk.line("u1").stages], [stages, null]);
  talk.caller("u2", "Hm?").tell({ type: "parley.turn", item_id: "u2", stages_ms: stages });
  assert.deepEqual(talk.line("u2").stages, stages);
});

test("a server's complaint is shown, one that crossed our own event is not", () => {
  const talk = new Talk().open();
  talk.tell({ type: "error", error: { code: "response_cancel_not_active", message: "none" } });
  assert.equal(talk.state.trouble, null);
  talk.tell({ type: "error", error: { code: "invalid_value", message: "No such voice." } });
  assert.equal(talk.state.trouble, "No such voice.");
  assert.equal(talk.tell({ type: "page.dismissed" }).state.trouble, null);
});

test("a failed answer says why", () => {
  const talk = new Talk().open().tell({
    type: "response.done",
    response: { id: "r", status: "failed", status_details: { error: { message: "Out of memory." } } },
  });
  assert.deepEqual(talk.texts, ["note: Out of memory."]);
});

test("another voice is asked of the session, another agent is another call", () => {
  const talk = new Talk().open().caller("u1", "Hello.").tell({ type: "page.voice", voice: "am_adam" });
  assert.equal(talk.sent[0].session.audio.output.voice, "am_adam");
  talk.commands = [];
  talk.tell({ type: "page.agent", agent: "sales" });
  assert.deepEqual(talk.does, ["flush", "connect"]);
  assert.deepEqual([talk.texts, talk.state.wanted.voice], [[], ""]);
});

test("the session tells which agent answers, and a choice stays as it was chosen", () => {
  const talk = new Talk().tell({ type: "page.call" });
  talk.tell({ type: "session.created", session: { model: "default" } });
  assert.equal(talk.state.wanted.agent, "default");
  talk.tell({ type: "page.agent", agent: "billing" });
  talk.tell({ type: "session.created", session: { model: "billing" } });
  assert.equal(talk.state.wanted.agent, "billing");
});

test("events that nobody knows change nothing", () => {
  const talk = new Talk().open();
  const before = talk.state;
  talk.tell({ type: "rate_limits.updated" }, { type: "toString" }, { type: "session.updated" });
  assert.equal(talk.state, before);
});
