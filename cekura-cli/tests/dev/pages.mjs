// Drives the comparison of two calls, their stages and the files that are saved of them in Chromium; browser.mjs says how it is run.

import assert from 'node:assert/strict';
import { copyFile, readFile } from 'node:fs/promises';
import { browser, end, FAILED, folder, inner, open, run, send, span, turn, url } from './browser.mjs';

const PARTS = ['transcript', 'first_token', 'tools', 'first_byte'];

/** A call of two turns; `more` changes what is measured, said and done in the second one. */
function call(trace, id, { latency = 0.75, said = 'please book it for two', answer = 'booked, see you then', arguments: asked = '{"people":2}', extra = [] } = {}) {
  const parts = Object.fromEntries(PARTS.map((part, place) => [`turn.latency.${part}_seconds`, latency * [0.125, 0.5, 0.125, 0.25][place]]));
  return [
    ...turn(trace, 'do you open on sundays', 'we open at noon'),
    span(trace, 20, 1, 'turn', [4, 8], { 'turn.number': 2, 'turn.user_bot_latency_seconds': latency, ...parts }),
    span(trace, 21, 20, 'stt', [4, 5], { 'stt.transcript': said }),
    span(trace, 22, 20, 'tool_call', [5, 5.5], { 'function.name': 'book_table', 'function.input': asked, 'function.output': '"done"' }),
    span(trace, 23, 20, 'tts', [6, 8], { text: answer }),
    ...extra, ...end(trace, id),
  ];
}

const version = (number) => ({ 'service.name': 'clinic', 'service.version': number });

async function sendPair() {
  await send(call(1, 'before'), version('1.0'));
  await send(call(2, 'after', {
    latency: 1.5, said: 'please book it for three', arguments: '{"people":3}',
    extra: [span(2, 24, 20, 'tool_call', [5.5, 6], { 'function.name': 'send_mail' }, FAILED)],
  }), version('1.1'));
}

const cells = async (row) => (await row.locator('td').allInnerTexts()).map((text) => text.trim().replace(/\s+/g, ' '));

const checks = {
  async two_calls_are_chosen_by_keyboard_and_compared() {
    await sendPair();
    await send(call(3, 'third'));
    const page = await open('/');
    await page.locator('#live', { hasText: 'live' }).waitFor();
    const button = page.getByRole('button', { name: 'Compare two calls' });
    assert.ok(await button.isDisabled());
    await page.keyboard.press('/');
    assert.equal(await page.evaluate(() => document.activeElement.name), 'said');
    // In a field of the form it is a letter.
    await page.keyboard.type('/x');
    assert.equal(await page.getByLabel('Said').inputValue(), '/x');
    await page.getByLabel('Said').blur();
    const focused = () => page.evaluate(() => document.activeElement.textContent);
    await page.keyboard.press('ArrowDown');
    assert.equal(await focused(), 'third');
    await page.keyboard.press('x');
    await page.keyboard.press('End');
    assert.equal(await focused(), 'before');
    await page.keyboard.press('x');
    assert.equal(await page.locator('#chosen').innerText(), 'two calls are chosen');
    await page.keyboard.press('ArrowUp');
    // Of three the first is given up.
    await page.keyboard.press('x');
    assert.deepEqual(await page.locator('.choose :checked').evaluateAll((all) => all.map((box) => box.value)), ['2', '1']);
    // The list made anew keeps what is chosen, and the focus.
    await send(call(4, 'fourth'));
    await page.getByRole('link', { name: 'fourth' }).waitFor({ timeout: 20000 });
    assert.equal(await focused(), 'after');
    assert.match(await page.locator('#live').innerText(), /a new call/);
    assert.equal(await page.locator('.choose :checked').count(), 2);
    await button.focus();
    await page.keyboard.press('Enter');
    await page.waitForURL(`${url}/compare?call=1&call=2`);
    await page.getByRole('link', { name: 'after' }).click();
    await inner(page).getByRole('treeitem', { name: /send_mail/ }).waitFor();
    await page.getByRole('link', { name: 'Compare with the call before' }).click();
    await page.waitForURL(`${url}/compare?call=1&call=2`);
  },

  async two_calls_are_compared_turn_by_turn() {
    await sendPair();
    const page = await open('/compare?call=1&call=2');
    const second = page.locator('tbody.turn').nth(1);
    const row = (title) => second.getByRole('row', { name: title });
    assert.equal(await page.locator('tbody.turn').count(), 2);
    assert.deepEqual(await cells(row('Voice-to-voice')), ['750 ms', '1.50 s', '+750 ms +100 %']);
    assert.deepEqual(await cells(row('first token')), ['375 ms', '750 ms', '+375 ms +100 %']);
    assert.deepEqual(await cells(row('Caller')), ['please book it for two', 'please book it for three', 'differs']);
    assert.deepEqual(await row('Caller').locator('del, ins').allInnerTexts(), ['two', 'three']);
    assert.deepEqual(await cells(row('Agent')), ['booked, see you then', 'booked, see you then', 'same']);
    assert.match((await cells(row('Tools'))).join(), /book_table.*"people":2.*book_table.*"people":3.*send_mail failed.*differs/);
    assert.match((await cells(row(/^Failed/)))[1], /send_mail: no answer/);
    assert.deepEqual(await cells(page.locator('tbody').first().getByRole('row', { name: /^Failed/ })), ['0', '1', '+1']);
    await page.getByRole('link', { name: 'Change sides' }).click();
    await page.waitForURL(`${url}/compare?call=2&call=1`);
    assert.deepEqual(await cells(row('Voice-to-voice')), ['1.50 s', '750 ms', '−750 ms −50 %']);
    for (const wrong of ['', '?call=1', '?call=1&call=x', '?call=1&call=2&call=1']) {
      const answer = await fetch(`${url}/compare${wrong}`);
      assert.equal(answer.status, 400, wrong);
      assert.match(await answer.text(), /Choose two calls/);
    }
    assert.equal((await fetch(`${url}/compare?call=1&call=77`)).status, 404);
  },

  async without_a_script_the_list_compares_and_filters_too() {
    await sendPair();
    const page = await open('/', { javaScriptEnabled: false });
    await page.getByLabel('Compare before').check();
    await page.getByLabel('Compare after').check();
    await page.getByRole('button', { name: 'Compare two calls' }).click();
    await page.waitForURL(/compare\?call=2&call=1/);
    await page.getByRole('row', { name: 'first token' }).waitFor();
    await page.getByRole('link', { name: 'Stages' }).click();
    await page.getByRole('row', { name: /1\.1/ }).first().waitFor();
  },

  async stages_are_shown_by_version() {
    await sendPair();
    const page = await open('/');
    await page.getByLabel('Call or trace').fill('a');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.waitForURL(/id=a/);
    // The same question on the other page.
    await page.getByRole('link', { name: 'Stages' }).click();
    await page.waitForURL(/stages\?id=a/);
    assert.equal(await page.getByRole('row', { name: /^1\.0/ }).count(), 0);
    await page.getByRole('link', { name: 'All', exact: true }).click();
    const first = page.locator('tbody').first();
    assert.match(await first.innerText(), /^\s*voice-to-voice/);
    // Of 0.75 and 0.9, and of 0.9 and 1.5 seconds.
    const [count, p50, difference, p95] = await cells(first.getByRole('row', { name: /1\.1/ }));
    assert.deepEqual([count, p95], ['2', '–']);
    assert.match(`${p50} ${difference}`, /^(89|90)\d ms \+1[45]\d ms \+(19|20|21) %$/);
    assert.match(await page.locator('tbody', { hasText: 'tool_call' }).getByRole('row', { name: /1\.1/ }).innerText(), /same/);
    assert.ok(!await page.getByText('guardrail').count());
    // Compared with one that a person names.
    await send(call(3, 'later', { latency: 3 }), version('1.2'));
    await page.reload();
    await page.getByLabel('Compared with').selectOption('1.0');
    await page.getByRole('button', { name: 'Compare' }).click();
    await page.waitForURL(/base=1\.0/);
    assert.equal((await cells(page.locator('tbody').first().getByRole('row', { name: /1\.0/ })))[2], '');
    assert.match((await cells(page.locator('tbody').first().getByRole('row', { name: /1\.2/ })))[2], /^\+1[45]\d ms/);
  },

  async files_of_a_call_are_saved_and_open_without_the_server() {
    await sendPair();
    const page = await open('/calls/2');
    const save = async (name) => {
      const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name, exact: true }).click()]);
      return [file.suggestedFilename(), await file.path()];
    };
    const [html, path] = await save('HTML');
    assert.equal(html, 'after.html');
    const context = await browser.newContext();
    const alone = await context.newPage();
    alone.on('pageerror', (error) => assert.fail(error));
    alone.on('request', (request) => assert.ok(/^(file|data|blob):/.test(request.url()), request.url()));
    const copy = `${folder}/after.html`;
    await copyFile(path, copy);
    await alone.goto(`file://${copy}`);
    await alone.getByRole('treeitem', { name: /send_mail/ }).waitFor();
    const [json, data] = await save('JSON');
    assert.equal(json, 'after.json');
    const saved = JSON.parse(await readFile(data, 'utf8'));
    assert.equal(saved.turns[1].voice_to_voice_seconds, 1.5);
    assert.equal(saved.spans.length, 10);
    const [otlp, spans] = await save('OTLP');
    assert.equal(otlp, 'after.otlp.json');
    assert.equal(JSON.parse(await readFile(spans, 'utf8')).resourceSpans.length, 1);
  },

  async texts_of_calls_are_only_text_on_every_page() {
    const evil = '"\'></bdi></td><script>document.title="ran"</script><img src=x onerror=alert(1)><b>&lt;\u202e\u2028';
    const evilCall = (trace) => send([
      ...call(trace, `${evil}${trace}`, {
        said: `${evil} ${trace}`, answer: evil, arguments: evil,
        extra: [span(trace, 30, 20, evil, [5, 6], { [evil]: evil }, { status: { code: 2, message: evil } })],
      }),
    ], { 'service.name': evil, 'service.version': `${evil}${trace}` });
    await evilCall(1);
    await evilCall(2);
    const page = await open('/compare?call=1&call=2');
    const clean = async (query) => {
      assert.equal(await page.locator('script, img, b[onerror], iframe').count(), 1, `${query}: the page has its own script only`);
      assert.notEqual(await page.title(), 'ran');
    };
    await clean('compare');
    assert.match(await page.locator('main').innerText(), /<script>document\.title/);
    const asked = ['said', 'id', 'service', 'version', 'slower', 'since', 'before', 'base', evil].map((key) => `${encodeURIComponent(key)}=${encodeURIComponent(evil)}`).join('&');
    for (const path of ['/stages', `/stages?${asked}`, '/', `/?${asked}`]) {
      await page.goto(url + path);
      await clean(path);
    }
  },

  async all_pages_are_readable_in_both_themes_and_at_every_width() {
    await sendPair();
    for (let trace = 3; trace < 30; trace += 1) {
      const latency = 0.6 + ((trace * 7) % 10) / 9;
      await send(call(trace, `clinic-2026-11-30-${trace}`, {
        latency, extra: trace % 5 ? [] : [span(trace, 24, 20, 'guardrail', [5.5, 6], {}, FAILED)],
      }), version(trace % 2 ? '1.0' : '1.1'));
    }
    for (const [name, path] of [['list', '/'], ['stages', '/stages'], ['compare', '/compare?call=1&call=2'], ['call', '/calls/2']]) {
      const page = await open(path);
      if (name === 'call') await inner(page).getByRole('treeitem', { name: /send_mail/ }).waitFor();
      if (name === 'list') await page.locator('#live', { hasText: 'live' }).waitFor();
      // Whoever hears the page finds a name at everything that can be used.
      const nameless = await page.locator('a, button, input:not([type=hidden]), select').evaluateAll((all) => all.filter((one) =>
        !(one.getAttribute('aria-label') ?? one.textContent.trim()) && !one.labels?.[0]?.textContent.trim()).map((one) => one.outerHTML));
      assert.deepEqual(nameless, []);
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        for (const width of [400, 760, 1280, 2000]) {
          await page.setViewportSize({ width, height: 900 });
          await page.screenshot({ path: `${folder}/${name}-${colorScheme}-${width}.png` });
          assert.ok(!await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), `${name} is wider than ${width} pixels`);
        }
      }
      await page.context().close();
    }
  },
};

await run(checks);
