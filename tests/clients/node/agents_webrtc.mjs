// Runs agents_webrtc_page.mjs in Chromium. These files come to the page under Parley's own address
// (the browser's requests for them are answered here), so nothing is asked across origins.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { run } from './program.mjs';

const HERE = import.meta.dirname;
const { default: puppeteer } = createRequire(path.join(HERE, '../../page/'))('puppeteer-core');
const FILES = '/client/';
const BUNDLE = `${FILES}node_modules/@openai/agents-realtime/dist/bundle/openai-realtime-agents.mjs`;
const PAGE = `<!doctype html>
<script type="importmap">{"imports": {"@openai/agents-realtime": "${BUNDLE}"}}</script>
<script type="module" src="${FILES}agents_webrtc_page.mjs"></script>`;

async function answer(request) {
  const { pathname } = new URL(request.url());
  if (!pathname.startsWith(FILES)) return request.continue();
  if (pathname === FILES) return request.respond({ contentType: 'text/html', body: PAGE });
  const body = await readFile(path.join(HERE, pathname.slice(FILES.length)));
  return request.respond({ contentType: 'text/javascript', body });
}

await run(async (caller, url, key, sentences) => {
  const browser = await puppeteer.launch({
    executablePath: process.env.PARLEY_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required'],
  });
  try {
    const page = await browser.newPage();
    await page.setRequestInterception(true);
    page.on('request', answer);
    page.on('pageerror', (error) => caller.report.errors.push(String(error)));
    await page.goto(new URL(FILES, url).href);
    await page.waitForFunction('globalThis.converse');
    const said = sentences.map((one) => Array.from(one));
    const given = [url, key, said, caller.tools];
    const report = await page.evaluate((...all) => globalThis.converse(...all), ...given);
    Object.assign(caller.report, report, { errors: [...caller.report.errors, ...report.errors] });
  } finally {
    await browser.close();
  }
});
