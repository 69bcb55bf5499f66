// openai-node's OpenAIRealtimeWS, which speaks nothing but wss.
import OpenAI from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import { RATE_HZ, WEATHER } from './caller.mjs';
import { base64, run } from './program.mjs';

class Client {
  #caller;
  #realtime;
  #answers = new Map();
  #playing = null; // the item whose sound is heard, and since when

  constructor(caller, realtime) {
    this.#caller = caller;
    this.#realtime = realtime;
    realtime.on('event', (event) => {
      caller.report.events += 1;
      this.#take(event);
      caller.noticed();
    });
    realtime.on('error', (error) => caller.report.errors.push(error.message));
  }

  write(text) {
    const content = [{ type: 'input_text', text }];
    this.#realtime.send({
      type: 'conversation.item.create',
      item: { type: 'message', role: 'user', content },
    });
    this.#realtime.send({ type: 'response.create' });
  }

  #take(event) {
    const { report } = this.#caller;
    switch (event.type) {
      case 'conversation.item.input_audio_transcription.completed':
        report.said.push(event.transcript);
        break;
      case 'response.output_item.added':
        if (event.item.type === 'message') this.#answers.set(event.item.id, this.#caller.beginAnswer());
        break;
      case 'response.output_audio.delta':
        this.#playing ??= { item: event.item_id, sinceMs: performance.now() };
        this.#caller.hear(new Int16Array(Uint8Array.from(Buffer.from(event.delta, 'base64')).buffer));
        break;
      case 'response.output_audio_transcript.done':
        this.#answers.get(event.item_id).text = event.transcript;
        break;
      case 'input_audio_buffer.speech_started':
        this.#cutOff();
        break;
      case 'response.output_item.done':
        if (event.item.type === 'function_call') this.#callTool(event.item);
        break;
      case 'response.done':
        this.#finish(event.response);
        break;
      case 'conversation.item.retrieved':
        report.kept = event.item.content[0].transcript;
        break;
    }
  }

  #cutOff() {
    if (this.#playing === null) return;
    const { item, sinceMs } = this.#playing;
    this.#playing = null;
    const heardMs = Math.min(performance.now() - sinceMs, this.#answers.get(item).seconds * 1_000);
    this.#realtime.send({
      type: 'conversation.item.truncate',
      item_id: item,
      content_index: 0,
      audio_end_ms: Math.floor(heardMs),
    });
    this.#realtime.send({ type: 'conversation.item.retrieve', item_id: item });
  }

  #callTool(call) {
    this.#caller.report.tool = { name: call.name, ...JSON.parse(call.arguments) };
    this.#realtime.send({
      type: 'conversation.item.create',
      item: { type: 'function_call_output', call_id: call.call_id, output: WEATHER },
    });
    this.#realtime.send({ type: 'response.create' });
  }

  #finish(response) {
    for (const item of response.output) {
      const answer = this.#answers.get(item.id);
      if (!answer) continue;
      answer.done = response.status === 'completed';
      answer.cut_off = response.status === 'cancelled';
    }
    if (response.status === 'completed') this.#playing = null;
  }
}

await run(async (caller, url, key, sentences) => {
  const realtime = new OpenAIRealtimeWS(
    { model: 'default' },
    new OpenAI({ baseURL: url, apiKey: key }),
  );
  const client = new Client(caller, realtime);
  await new Promise((resolve, reject) => {
    realtime.socket.once('open', resolve);
    realtime.socket.once('error', reject);
  });
  const input = {
    format: { type: 'audio/pcm', rate: RATE_HZ },
    transcription: { model: 'whisper-1' },
    turn_detection: { type: 'server_vad' },
  };
  realtime.send({
    type: 'session.update',
    session: {
      type: 'realtime',
      tools: caller.tools.map((tool) => ({ type: 'function', ...tool })),
      audio: { input },
    },
  });
  caller.speakTo((frame) => realtime.send({ type: 'input_audio_buffer.append', audio: base64(frame) }));
  await caller.holdDialogue(sentences, (text) => client.write(text));
  caller.hangUp();
  realtime.close();
});
