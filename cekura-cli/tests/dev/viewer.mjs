// Drives the pages of `cekura dev` in Chromium; browser.mjs says how it is run.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { began, browser, end, FAILED, folder, inner, open, port, run, send, span, tell, turn, url } from './browser.mjs';

const checks = {
  async a_call_is_seen_while_it_runs() {
    const page = await open('/');
    await page.getByText('No call has come yet').waitFor();
    await page.locator('#live', { hasText: 'live' }).waitFor();
    await send(turn(1, 'do you open on sundays', 'we open at noon'));
    const row = page.getByRole('row', { name: /trace 00000000/ });
    await row.waitFor({ timeout: 5000 });
    assert.match(await row.innerText(), /900 ms.*120 → 12.*clinic\s+1\.0.*no end yet/s);
    await row.getByRole('link').click();
    await page.getByText('Its end is not known').waitFor();
    await inner(page).getByRole('treeitem', { name: /llm/ }).waitFor();
    await page.evaluate(() => { window.kept = true; });
    await send([span(1, 7, 2, 'tool_call', [3, 3.5], { 'function.name': 'book_table' }, FAILED)]);
    await inner(page).getByRole('treeitem', { name: /tool_call book_table/ }).waitFor({ timeout: 5000 });
    assert.equal(await page.evaluate(() => window.kept), true, 'the page itself stays');
    assert.equal(await page.locator('iframe').count(), 1);

    // Who looks at something goes on looking at it.
    await inner(page).getByRole('treeitem', { name: /book_table/ }).click();
    await inner(page).locator('#details', { hasText: 'no answer' }).waitFor();
    await send([span(1, 8, 2, 'llm', [3.5, 4], { output: 'in between' })]);
    await inner(page).getByRole('treeitem', { name: /llm/ }).nth(1).waitFor();
    await inner(page).locator('#details', { hasText: 'no answer' }).waitFor();
    assert.match(await inner(page).locator('[aria-selected=true]').innerText(), /book_table/);

    // Who does something in it keeps it until he wants to see more.
    await inner(page).getByRole('button', { name: 'Copy error' }).focus();
    await send(end(1, 'clinic-1'));
    const button = page.getByRole('button', { name: 'Show what is new' });
    await button.waitFor();
    assert.equal(await page.locator('#state').innerText(), '');
    assert.equal(await inner(page).getByRole('treeitem', { name: /conversation/ }).count(), 0);
    await button.click();
    await inner(page).getByRole('treeitem', { name: /conversation/ }).waitFor();
    await button.waitFor({ state: 'hidden' });
    await page.getByRole('link', { name: 'Calls' }).click();
    await page.getByRole('row', { name: /clinic-1/ }).waitFor();
  },

  async what_goes_on_is_drawn_as_an_open_bar() {
    const now = (Date.now() / 1000) - began;
    const [root, first] = [span(1, 1, 0, 'conversation', [now, now]), span(1, 2, 1, 'turn', [now, now], { 'turn.number': 1 })];
    await tell([root]);
    const page = await open('/');
    await page.getByRole('row', { name: /goes on/ }).getByRole('link').click();
    await inner(page).getByRole('treeitem', { name: /conversation, goes on/ }).waitFor();
    await tell([first, span(1, 3, 2, 'llm', [now, now], { 'gen_ai.request.model': 'gpt-4o' })]);
    const row = inner(page).getByRole('treeitem', { name: /llm.*goes on/ });
    await row.locator('.bar.open').waitFor();
    const time = () => row.locator('.time').innerText();
    const before = await time();
    await page.waitForFunction((old) => {
      const rows = [...document.querySelector('iframe').contentDocument.querySelectorAll('.row')];
      return rows.at(-1).querySelector('.time').textContent !== old;
    }, before);
    const lane = await row.locator('.lane').boundingBox();
    const drawn = await row.locator('.bar').boundingBox();
    assert.ok(drawn.x + drawn.width <= lane.x + lane.width + 1, 'the axis grows with the bar');

    // It is looked at while it goes on, and ends.
    await row.click();
    await inner(page).locator('#details', { hasText: 'goes on' }).waitFor();
    await send([span(1, 3, 2, 'llm', [now, now + 0.5], { output: 'we open at noon' })]);
    await inner(page).locator('#details', { hasText: 'we open at noon' }).waitFor();
    assert.equal(await inner(page).locator('.bar.open').count(), 2);

    // A page that was away catches up.
    await page.context().setOffline(true);
    await send([span(1, 2, 1, 'turn', [now, now + 1], { 'turn.number': 1 })]);
    await send([span(1, 1, 0, 'conversation', [now, now + 1], { call_id: 'seen' })]);
    await page.context().setOffline(false);
    await inner(page).getByRole('treeitem', { name: /conversation, 1.00 s/ }).waitFor();
    assert.equal(await inner(page).locator('.bar.open').count(), 0);
    assert.equal(await page.locator('#state').innerText(), '');
  },

  async a_list_is_live_and_keeps_the_focus() {
    await send([...turn(1, 'hello', 'hi'), ...end(1, 'first')]);
    const page = await open('/');
    await page.locator('#live', { hasText: 'live' }).waitFor();
    await page.getByRole('link', { name: 'first' }).focus();
    const sent = performance.now();
    await send([...turn(2, 'hello', 'hi'), ...end(2, 'second')]);
    await page.getByRole('link', { name: 'second' }).waitFor({ timeout: 5000 });
    console.log(`seen in the list after ${Math.round(performance.now() - sent)} ms`);
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'first');
    await page.keyboard.press('Enter');
    await inner(page).getByRole('treeitem', { name: /stt/ }).waitFor();
  },

  async filters_and_search_find_calls() {
    await send([...turn(1, 'do you open on sundays', 'we open at noon'), ...end(1, 'sunday')]);
    await send([...turn(2, 'is there parking', 'behind the house'), ...end(2, 'parking')], { 'service.name': 'clinic', 'service.version': '2.0' });
    await send([
      ...turn(3, 'book a table', 'gladly', { 'turn.was_interrupted': true, 'turn.user_bot_latency_seconds': 2.5 }),
      span(3, 9, 2, 'tool_call', [1, 2], { 'function.name': 'book' }, FAILED), ...end(3, 'table'),
    ]);
    const page = await open('/');
    const shown = () => page.locator('tbody th').allInnerTexts();
    assert.deepEqual(await shown(), ['table', 'parking', 'sunday']);
    const find = async (fill, expected) => {
      await page.goto(url);
      await fill();
      await page.getByRole('button', { name: 'Show' }).click();
      await page.waitForURL(/\?/);
      assert.deepEqual(await shown(), expected);
    };
    await find(() => page.getByLabel('Said').fill('NOON sund'), ['sunday']);
    await find(() => page.getByLabel('Said').fill('house sundays'), []);
    await page.getByText('No call is like that').waitFor();
    await find(() => page.getByLabel('Said').fill('"quoted OR NEAR(* noon'), []);
    await find(() => page.getByLabel('Call or trace').fill('park'), ['parking']);
    await find(() => page.getByLabel('Version').selectOption('2.0'), ['parking']);
    await find(() => page.getByLabel('Service').selectOption('clinic'), ['table', 'parking', 'sunday']);
    await find(() => page.getByLabel('Begun in').selectOption('the last hour'), ['table', 'parking', 'sunday']);
    await page.goto(`${url}/?since=1`);
    await page.getByText('No call is like that').waitFor();
    await find(() => page.getByLabel('Slower than').fill('1000'), ['table']);
    await find(() => page.getByLabel('failed').check(), ['table']);
    await find(() => page.getByLabel('interrupted').check(), ['table']);
    assert.ok(await page.getByLabel('interrupted').isChecked(), 'what was asked stays in the form');
    // With the keyboard alone.
    await page.goto(url);
    await page.getByLabel('Said').focus();
    await page.keyboard.type('parking');
    await page.keyboard.press('Enter');
    await page.waitForURL(/said=parking/);
    assert.deepEqual(await shown(), ['parking']);
  },

  async content_is_only_text() {
    const evil = '"\'><script>document.title="ran"</script><img src=x onerror=alert(1)><b>&lt;\u202e';
    await send([
      ...turn(1, evil, evil), span(1, 8, 2, evil, [1, 2], { [evil]: evil }), ...end(1, evil),
    ], { 'service.name': evil, 'service.version': evil });
    const page = await open(`/?said=${encodeURIComponent(evil)}&id=${encodeURIComponent(evil)}&version=${encodeURIComponent(evil)}`);
    assert.equal(await page.getByLabel('Said').inputValue(), evil);
    await page.goto(url);
    assert.equal(await page.locator('script, img, b').count(), 1, 'the page has its own script only');
    await page.locator('tbody a').click();
    await inner(page).getByRole('treeitem').first().waitFor();
    assert.match(await page.title(), /^"'><script>/);
    assert.equal(await inner(page).locator('img, b[onerror]').count(), 0);
  },

  async pages_of_others_are_kept_out() {
    await send([...turn(1, 'a secret', 'indeed'), ...end(1, 'private-call')]);
    const bait = createServer((_, answer) => {
      answer.setHeader('content-type', 'text/html');
      answer.end('<!doctype html><title>bait</title><body>');
    });
    await new Promise((ready) => { bait.listen(0, '127.0.0.1', ready); });
    const page = await (await browser.newContext()).newPage();
    const tries = (own) => page.evaluate(async ([target, form]) => {
      const said = {};
      const post = (path, type, body) => fetch(target + path, { method: 'POST', mode: 'no-cors', headers: { 'content-type': type }, body });
      await post('/v1/traces', 'text/plain', form).catch(() => {});
      await post('/observability/v1/observe/', 'text/plain', '{"call_id":"planted"}').catch(() => {});
      const parts = new FormData();
      parts.append('call_id', 'planted');
      await fetch(`${target}/observability/v1/observe/`, { method: 'POST', mode: 'no-cors', body: parts }).catch(() => {});
      said.read = await fetch(`${target}/`).then((answer) => answer.text(), () => 'blocked');
      said.list = await fetch(`${target}/observability/v1/call-logs/`).then((answer) => answer.text(), () => 'blocked');
      said.events = await new Promise((done) => {
        const events = new EventSource(`${target}/events`);
        events.onmessage = () => done('heard');
        events.onerror = () => done('blocked');
      });
      const frame = document.createElement('iframe');
      frame.src = `${target}/`;
      document.body.append(frame);
      await new Promise((done) => { frame.onload = done; setTimeout(done, 2000); });
      try {
        said.frame = frame.contentDocument?.body?.innerText ?? 'blocked';
      } catch {
        said.frame = 'blocked';
      }
      return said;
    }, [own, JSON.stringify({ resourceSpans: [] })]);
    // Another port of the same machine, which is another origin.
    await page.goto(`http://127.0.0.1:${bait.address().port}/`);
    for (const target of [url, `http://localhost:${port}`]) {
      for (const [what, got] of Object.entries(await tries(target))) assert.ok(!/private-call|heard/.test(got), `${what}: ${got}`);
    }
    // A name of somebody else that leads here.
    const answer = await page.goto(`http://evil.example:${port}/`);
    assert.equal(answer.status(), 403);
    for (const [what, got] of Object.entries(await tries(`http://evil.example:${port}`))) {
      assert.ok(!/private-call|heard/.test(got), `${what}: ${got}`);
    }
    const list = await (await fetch(`${url}/`)).text();
    assert.ok(list.includes('private-call') && !list.includes('planted'));
    bait.close();
  },

  async it_is_readable_in_both_themes_and_at_every_width() {
    for (let number = 1; number <= 12; number += 1) {
      await send([
        ...turn(number, 'do you open on sundays', 'we open at noon', { 'turn.was_interrupted': number % 3 === 0 }),
        ...(number % 4 === 0 ? [span(number, 9, 2, 'tool_call', [1, 2], { 'function.name': 'book' }, FAILED)] : []),
        ...(number < 12 ? end(number, `clinic-2026-11-30-${number}`) : []),
      ]);
    }
    for (const colorScheme of ['light', 'dark']) {
      for (const width of [400, 1200, 2000]) {
        const page = await open('/', { colorScheme, viewport: { width, height: 700 } });
        await page.screenshot({ path: `${folder}/list-${colorScheme}-${width}.png` });
        const isWide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
        assert.ok(!isWide, `the list is wider than ${width} pixels`);
        await page.getByRole('link', { name: 'clinic-2026-11-30-8' }).click();
        await inner(page).getByRole('treeitem', { name: /llm/ }).waitFor();
        await page.screenshot({ path: `${folder}/call-${colorScheme}-${width}.png` });
        assert.ok(!await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), `the call is wider than ${width}`);
        await page.context().close();
      }
    }
  },
};

await run(checks);
