// @openai/agents-realtime over a WebSocket.
import { sessionFor } from './agents_session.mjs';
import { run } from './program.mjs';

await run(async (caller, url, key, sentences) => {
  const { answers } = caller.report;
  const session = sessionFor(caller, { transport: 'websocket' });
  session.on('audio_start', () => caller.beginAnswer());
  session.on('audio', (event) => caller.hear(new Int16Array(event.data)));
  session.on('audio_interrupted', () => {
    if (answers.length) answers.at(-1).cut_off = true;
  });
  session.on('agent_end', () => {
    const answer = answers.at(-1);
    if (answer) answer.done = !answer.cut_off;
  });
  const address = `${url.replace(/^http/, 'ws')}/realtime?model=default`;
  await session.connect({ apiKey: key, url: address });
  caller.speakTo((frame) => session.sendAudio(frame.buffer));
  await caller.holdDialogue(sentences, (text) => session.sendMessage(text));
  caller.hangUp();
  session.close();
});
