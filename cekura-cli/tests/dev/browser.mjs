// What the checks of pages in Chromium share: calls to send, and a browser. Each check fails on an error in the console and on a
// request to anywhere else. A script with checks is run as `SCRIPT DRIVER URL FOLDER CHECK`; screenshots are in FOLDER.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const [driver, address, shots, name] = process.argv.slice(2);
export const url = address;
export const folder = shots;
const { chromium } = createRequire(`${driver}/node_modules/`)('playwright-core');
export const { port } = new URL(url);

const hex = (number, digits) => number.toString(16).padStart(digits, '0');
const seconds = (time) => String(BigInt(Math.round(time * 1000)) * 1_000_000n);
export const began = Date.now() / 1000 - 100;
const attribute = ([key, value]) => ({
  key,
  value: typeof value === 'string' ? { stringValue: value }
    : typeof value === 'boolean' ? { boolValue: value }
      : Number.isInteger(value) ? { intValue: value } : { doubleValue: value },
});

export function span(trace, id, parent, title, [from, to], attributes = {}, more = {}) {
  return {
    traceId: hex(trace, 32), spanId: hex(id, 16), parentSpanId: parent ? hex(parent, 16) : '', name: title,
    startTimeUnixNano: seconds(began + from), endTimeUnixNano: seconds(began + to),
    attributes: Object.entries(attributes).map(attribute), ...more,
  };
}

/** Sends spans as an agent does; gives up when they are not taken. */
export async function send(spans, service = { 'service.name': 'clinic', 'service.version': '1.0' }) {
  const resource = { attributes: Object.entries(service).map(attribute) };
  const body = JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'cekura' }, spans }] }] });
  const answer = await fetch(`${url}/v1/traces`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  assert.equal(answer.status, 200, await answer.text());
}

/** Tells of spans that have begun, as an agent does. */
export async function tell(spans) {
  const scopeSpans = [{ scope: { name: 'cekura' }, spans: spans.map(({ endTimeUnixNano, ...begun }) => begun) }];
  const body = JSON.stringify({ resourceSpans: [{ resource: { attributes: [] }, scopeSpans }] });
  const answer = await fetch(`${url}/dev/begun`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  assert.equal(answer.status, 200, await answer.text());
}

export const FAILED = { status: { code: 2, message: 'no answer' } };

/** A call of one turn; its root comes with `end`. */
export const turn = (trace, said, answer, more = {}) => [
  span(trace, 3, 2, 'stt', [0.1, 1], { 'stt.transcript': said, 'stt.provider': 'deepgram' }),
  span(trace, 4, 2, 'llm', [1, 2], { output: answer, 'gen_ai.usage.input_tokens': 120, 'gen_ai.usage.output_tokens': 12 }),
  span(trace, 5, 2, 'tts', [2, 3], { text: answer }),
  span(trace, 2, 1, 'turn', [0, 3], { 'turn.number': 1, 'turn.user_bot_latency_seconds': 0.9, ...more }),
];
export const end = (trace, id) => [span(trace, 1, 0, 'conversation', [0, 4], { call_id: id })];

export const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', `--host-resolver-rules=MAP evil.example 127.0.0.1`],
});

export async function open(path, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options });
  const page = await context.newPage();
  // A check may take the network away.
  const isWrong = (message) => message.type() === 'error' && !message.text().includes('ERR_INTERNET_DISCONNECTED');
  page.on('console', (message) => isWrong(message) && assert.fail(`${message.text()} ${message.location().url}`));
  page.on('pageerror', (error) => assert.fail(error));
  page.on('dialog', (dialog) => assert.fail(dialog.message()));
  page.on('request', (request) => assert.ok(request.url().startsWith(`${url}/`) || request.url().startsWith('data:'), request.url()));
  await page.goto(url + path);
  return page;
}

export const inner = (page) => page.frameLocator('iframe');

/** A WAV file of so many seconds of silence, in two channels. */
export function wav(length) {
  const [rate, head] = [8_000, Buffer.alloc(44)];
  head.write('RIFF\0\0\0\0WAVEfmt ', 'latin1');
  head.writeUInt32LE(16, 16);
  [[1, 20], [2, 22], [4, 32], [16, 34]].forEach(([number, at]) => head.writeUInt16LE(number, at));
  [[rate, 24], [rate * 4, 28], [length * rate * 4, 40], [36 + length * rate * 4, 4]].forEach(([number, at]) => head.writeUInt32LE(number, at));
  head.write('data', 36, 'latin1');
  return Buffer.concat([head, Buffer.alloc(length * rate * 4)]);
}

/** Runs the check that the command names. */
export async function run(checks) {
  try {
    await checks[name]();
  } finally {
    await browser.close();
  }
}
