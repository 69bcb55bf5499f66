// @openai/agents-realtime over WebRTC, in a browser: its microphone is a stream of our own, so that
// the caller speaks when it wants to, and what the browser plays is listened to.
import { OpenAIRealtimeWebRTC } from '@openai/agents-realtime';
import { sessionFor } from './agents_session.mjs';
import { Caller, RATE_HZ } from './caller.mjs';

const CHUNK = 1024;

class BrowserCaller extends Caller {
  context = new AudioContext({ sampleRate: RATE_HZ });
  microphone = this.context.createMediaStreamDestination();

  constructor(tools) {
    super(tools);
    // A microphone never stops: between sentences it sends silence.
    const room = new ConstantSourceNode(this.context, { offset: 0 });
    room.connect(this.microphone);
    room.start();
  }

  say(samples) {
    const buffer = this.context.createBuffer(1, samples.length, RATE_HZ);
    buffer.copyToChannel(Float32Array.from(samples, (one) => one / 32_768), 0);
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.microphone);
    source.onended = () => this.spoken();
    source.start();
  }

  /** Everything audible that an element plays. */
  listenTo(element) {
    element.addEventListener('playing', () => {
      const source = this.context.createMediaStreamSource(element.srcObject);
      const ear = this.context.createScriptProcessor(CHUNK, 1, 1);
      ear.onaudioprocess = ({ inputBuffer }) => {
        const heard = inputBuffer.getChannelData(0);
        const samples = Int16Array.from(heard, (one) => Math.max(-1, Math.min(1, one)) * 32_767);
        if (this.report.answers.length && samples.some((one) => Math.abs(one) > 300)) {
          this.hear(samples);
        }
      };
      source.connect(ear).connect(this.context.destination);
    });
  }
}

/** What a page is given in place of the key. */
async function clientSecret(url, key) {
  const answer = await fetch(`${url}/realtime/client_secrets`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
    body: '{}',
  });
  return (await answer.json()).value;
}

/** Hold the dialogue, and give the report. `sentences` are arrays of samples at 24 kHz. */
globalThis.converse = async (url, key, sentences, tools) => {
  const caller = new BrowserCaller(tools);
  const { answers } = caller.report;
  let spoken = null;
  const audioElement = document.createElement('audio');
  caller.listenTo(audioElement);
  const transport = new OpenAIRealtimeWebRTC({
    mediaStream: caller.microphone.stream,
    audioElement,
    baseUrl: `${url}/realtime/calls?model=default`,
  });
  const session = sessionFor(caller, { transport });
  session.on('transport_event', (event) => {
    if (event.type === 'response.output_item.added' && event.item.type === 'message') {
      caller.beginAnswer();
      spoken = event.item.id;
    }
    if (event.type === 'output_audio_buffer.cleared') {
      answers.at(-1).cut_off = true;
      transport.sendEvent({ type: 'conversation.item.retrieve', item_id: spoken });
    }
    if (event.type === 'output_audio_buffer.stopped') answers.at(-1).done = true;
  });
  await session.connect({ apiKey: await clientSecret(url, key) });
  await caller.holdDialogue(
    sentences.map((one) => Int16Array.from(one)),
    (text) => session.sendMessage(text),
  );
  session.close();
  return caller.report;
};
