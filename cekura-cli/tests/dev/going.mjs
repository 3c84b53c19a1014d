// Watches calls that run in Chromium: what grows, what stops, what comes later; browser.mjs says how it is run.

import assert from 'node:assert/strict';
import { began, browser, folder, inner, open, run, send, span, tell, url, wav } from './browser.mjs';

const passed = () => Date.now() / 1000 - began;
const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

/** Asks until the answer is so. */
async function until(ask, is, what) {
  const limit = Date.now() + 20_000;
  for (;;) {
    const answer = await ask();
    if (is(answer)) return answer;
    assert.ok(Date.now() < limit, `${what}: ${answer}`);
    await pause(20);
  }
}

const checks = {
  async numbers_grow_with_a_call_and_stop_with_it() {
    const start = passed() - 8;
    const root = span(1, 1, 0, 'conversation', [start, start + 12.34], { call_id: 'growing' });
    const turn = span(1, 2, 1, 'turn', [start, start + 12], { 'turn.number': 1 });
    await tell([root, turn]);
    const page = await open('/calls/1');
    const list = await open('/');
    const number = inner(page).locator('#duration');
    const text = () => number.innerText();
    const boxes = () => inner(page).locator('#totals li').evaluateAll((all) => all.map((tile) => JSON.stringify(tile.getBoundingClientRect())).join());
    const [first, before] = [await text(), await boxes()];
    await until(text, (now) => now !== first, 'the duration grows');
    // From three digits of seconds to a tenth: nothing moves.
    await until(text, (now) => /^1\d\.\d s$/.test(now), 'it passes ten seconds');
    assert.equal(await boxes(), before);
    assert.equal(await number.evaluate((one) => one.closest('[aria-live], [role=status], [role=alert], output')), null, 'nobody hears each change');
    await inner(page).getByRole('button', { name: 'Zoom in' }).click();
    const range = inner(page).locator('#range');
    const whole = await range.innerText();
    await until(() => range.innerText(), (now) => now !== whole, 'so does the length of the axis');
    assert.equal(await range.getAttribute('aria-live'), 'off');
    const cell = list.locator('[data-since]');
    const listed = await cell.innerText();
    await until(() => cell.innerText(), (now) => now !== listed, 'and the duration in the list');

    // What is saved stands still.
    const saved = await (await fetch(`${url}/calls/1/export.html`)).text();
    const alone = await (await browser.newContext()).newPage();
    await alone.setContent(saved);
    const still = () => alone.locator('#duration').innerText();
    const then = await still();
    await pause(500);
    assert.equal(await still(), then);

    // Whoever is at a button keeps the page, in which nothing goes on any more.
    await send([turn, root]);
    await page.getByRole('button', { name: 'Show what is new' }).waitFor();
    const exact = (now) => now === '12.3 s';
    await until(text, exact, 'it stops at the end');
    await until(() => inner(page).locator('.bar.open').count(), (count) => count === 0, 'its bars are closed');
    await pause(500);
    assert.equal(await text(), '12.3 s');
    await page.getByRole('button', { name: 'Show what is new' }).click();
    await inner(page).getByRole('treeitem', { name: /conversation, 12.3 s/ }).waitFor();
    await pause(500);
    assert.equal(await text(), '12.3 s');
    await list.getByRole('row', { name: /growing.*12\.3 s/ }).waitFor();
    assert.equal(await cell.count(), 0);
  },

  async an_end_is_drawn_while_all_clocks_stand_still() {
    const start = passed();
    await tell([span(1, 1, 0, 'conversation', [start, start]), span(1, 2, 1, 'turn', [start, start]), span(1, 3, 2, 'llm', [start, start])]);
    const page = await open('/calls/1');
    await page.locator('#live', { hasText: 'live' }).waitFor();
    await inner(page).locator('.bar.open').nth(2).waitFor();
    await page.clock.install();
    await page.clock.pauseAt(Date.now() + 1000);
    await page.evaluate(() => setTimeout(() => { window.late = true; }, 0));
    await send([span(1, 3, 2, 'llm', [start, start + 0.25], { output: 'we open at noon' })]);
    await inner(page).getByRole('treeitem', { name: /llm, 250 ms/ }).waitFor({ timeout: 20_000 });
    assert.equal(await inner(page).locator('.bar.open').count(), 2);
    await inner(page).locator('.line.agent', { hasText: 'noon' }).waitFor({ timeout: 20_000 });
    assert.equal(await page.evaluate(() => window.late), undefined, 'they stood still');
  },

  async what_may_come_later_is_not_said_to_be_missing() {
    const start = passed() - 5;
    const root = span(1, 1, 0, 'conversation', [start, start + 4], { call_id: 'spoken' });
    const turn = span(1, 2, 1, 'turn', [start, start + 4], { 'turn.number': 1 });
    await tell([root, turn]);
    await send([span(1, 3, 2, 'tts', [start, start + 3], { text: 'we open at noon' })]);
    const page = await open('/calls/1');
    const said = inner(page).locator('.line.agent', { hasText: 'noon' });
    await said.getByText('not all of it may be heard').waitFor();
    const unheard = inner(page).locator('#unheard');
    assert.ok(await unheard.isHidden());
    await page.screenshot({ path: `${folder}/open.png` });
    await send([turn, root]);
    await unheard.getByText('it comes with the call log').waitFor();
    assert.equal(await said.getByText('not all of it').count(), 0);
    const form = new FormData();
    for (const [key, value] of [['call_id', 'spoken'], ['agent', '1'], ['trace_id', root.traceId]]) form.append(key, value);
    form.append('voice_recording', new Blob([wav(4)], { type: 'audio/wav' }), 'a.wav');
    assert.equal((await fetch(`${url}/observability/v1/observe/`, { method: 'POST', body: form })).status, 201);
    // It is played in the page that was there before.
    await inner(page).locator('#position', { hasText: '0:00.0 of 0:04.0' }).waitFor();
    assert.ok(await unheard.isHidden());
    await inner(page).getByRole('button', { name: 'Play', exact: true }).click();
    await until(() => inner(page).locator('#position').innerText(), (now) => !now.startsWith('0:00.0'), 'it plays');
  },

  /** One agent was killed, another one has a call in which nothing happens. */
  async a_killed_agent_is_told_from_a_silent_one() {
    const page = await open('/');
    const killed = page.getByRole('row', { name: /killed.*no news since \d/ });
    await killed.waitFor({ timeout: 60_000 });
    await page.getByRole('row', { name: /silent.*goes on/ }).waitFor();
    assert.equal(await page.locator('[data-since]').count(), 1, 'one of them goes on');
    await killed.getByRole('link').click();
    assert.match(await page.locator('#state').innerText(), /no news since .*\d/);
    const time = () => inner(page).getByRole('treeitem', { name: /conversation/ }).locator('.time').innerText();
    const [bar, number] = [await time(), await inner(page).locator('#duration').innerText()];
    await pause(1000);
    assert.deepEqual([await time(), await inner(page).locator('#duration').innerText()], [bar, number]);
    await page.screenshot({ path: `${folder}/killed.png` });
    await page.goto(url);
    await page.getByRole('link', { name: 'silent' }).click();
    const before = await time();
    await until(time, (now) => now !== before, 'the silent one goes on');
  },
};

await run(checks);
