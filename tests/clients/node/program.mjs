// A client as a program of Node's: its arguments, recordings and report.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Caller, TOOL } from './caller.mjs';

/** A WAV file of 16 kHz, one channel, 16 bits, as Int16Array at 24 kHz (linearly interpolated). */
export function sentence(path) {
  const file = readFileSync(path);
  const data = file.indexOf('data', 12, 'latin1') + 8;
  const length = Math.floor((file.length - data) / 2);
  const from = Int16Array.from({ length }, (_, at) => file.readInt16LE(data + 2 * at));
  return Int16Array.from({ length: Math.floor(length * 1.5) - 1 }, (_, at) => {
    const place = at / 1.5;
    const left = Math.floor(place);
    return from[left] + (place - left) * ((from[left + 1] ?? from[left]) - from[left]);
  });
}

export const base64 = (frame) => Buffer.from(frame.buffer).toString('base64');

/** The client as a program: prints its report as one line of JSON. */
export async function run(converse) {
  const { values, positionals } = parseArgs({
    options: {
      url: { type: 'string', default: 'http://127.0.0.1:8000/v1' },
      key: { type: 'string', default: 'none' },
      'no-tools': { type: 'boolean', default: false }, // for models that call none
    },
    allowPositionals: true,
  });
  const caller = new Caller(values['no-tools'] ? [] : [TOOL]);
  await converse(caller, values.url, values.key, positionals.map(sentence));
  process.stdout.write(`${JSON.stringify(caller.report)}\n`);
}
