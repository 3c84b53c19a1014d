// What a page does with the turns of its call: lists them by latency, draws each by itself; and the list of all calls.

import assert from 'node:assert/strict';

const item = (page, text) => page.getByRole('treeitem', { name: text });
const focused = (page) => page.evaluate(() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.id);
const range = (page) => page.locator('#range').textContent();
const whole = (page) => page.waitForFunction(() => document.documentElement.dataset.ready);

async function press(page, ...keys) {
  for (const key of keys) await page.keyboard.press(key);
}

export const turnChecks = {
  async lists_the_turns(page) {
    const table = page.locator('#turn-table');
    const rows = table.locator('tbody tr');
    assert.equal(await rows.count(), 20);
    const times = (await table.locator('tbody td:nth-child(3)').allInnerTexts()).map((text) => (/ ms/.test(text) ? parseFloat(text) : parseFloat(text) * 1000));
    assert.deepEqual(times, [...times].sort((a, b) => b - a), 'the slowest first');
    assert.equal(await table.getByText('slow', { exact: true }).count(), 4);
    assert.match(await rows.first().innerText(), /turn 20\s+2:51\.0\s+3\.\d\d s slow/);
    assert.match(await rows.first().locator('.stacked').getAttribute('aria-label'), /^tools 2\.45 s, .*(transcript|first token|first byte) \d+ ms/);
    const widths = await rows.first().locator('.stacked .swatch').evaluateAll((parts) => parts.map((part) => part.getBoundingClientRect().width));
    const whole = await rows.first().locator('.stacked').evaluate((bar) => bar.getBoundingClientRect().width);
    assert.ok(Math.abs(widths.reduce((all, width) => all + width, 0) - whole) < 1 && Math.max(...widths) > whole * 0.7, `${widths} of ${whole}`);
    assert.match(await page.locator('#totals').innerText(), /median of 20\s+worst [\d.]+ s, p95 [\d.]+ s/);

    await rows.nth(3).click();
    const opened = (await rows.nth(3).locator('button').innerText()).trim();
    const row = item(page, new RegExp(`^${opened},`));
    assert.equal(await focused(page), await row.getAttribute('aria-label'));
    const [{ top }, said] = [await row.evaluate((each) => each.getBoundingClientRect()), page.locator('#transcript')];
    assert.ok(top >= 0 && top < 120, `at the top: ${top}`);
    const wide = (part) => part.evaluate((each) => each.getBoundingClientRect().width);
    assert.ok(await wide(row.locator('.bar').first()) > 0.7 * await wide(page.locator('#ticks')), 'and as wide as the axis');
    const heading = await said.locator('h3').filter({ hasText: new RegExp(`^T${opened.slice(1)}voice`) }).evaluate((each) => each.getBoundingClientRect().top);
    const box = await said.evaluate((each) => [each.getBoundingClientRect().top, each.getBoundingClientRect().bottom]);
    assert.ok(heading >= box[0] - 1 && heading < box[1], `its words are in view: ${heading} in ${box}`);

    await table.getByRole('button', { name: 'Turn', exact: true }).click();
    assert.equal((await rows.first().locator('button').innerText()).trim(), 'turn 1');
    assert.equal(await table.locator('th[aria-sort=ascending]').innerText(), 'Turn');
    assert.match(await rows.nth(2).locator('th').innerText(), /turn 3\s+■/);
  },

  async reaches_each_turn(page) {
    const buttons = page.locator('#turn-table tbody button');
    assert.equal(await buttons.count(), 200);
    assert.equal(await page.locator('#turn-table tbody button[tabindex="0"]').count(), 1, 'one stop for Tab');
    await buttons.first().focus();
    for (let at = 1; at < 200; at += 1) await press(page, 'ArrowDown');
    assert.equal(await page.evaluate(() => document.activeElement.innerText), await buttons.last().innerText());
    assert.ok(await buttons.last().evaluate((each) => each.getBoundingClientRect().bottom <= innerHeight), 'in view');
    await press(page, 'Home', 'ArrowDown', 'Enter');
    assert.match(await focused(page), new RegExp(`^${(await buttons.nth(1).innerText()).trim()},`), 'the keyboard is in the tree');
    await press(page, 'ArrowRight', 'ArrowDown');
    assert.match(await focused(page), /^(stt|llm)/);
  },

  async draws_each_turn_by_itself(page) {
    const width = (text) => item(page, text).first().locator('.bar').first().evaluate((bar) => bar.getBoundingClientRect().width);
    const own = page.getByRole('button', { name: 'Each turn by itself' });
    assert.equal(await own.getAttribute('aria-pressed'), 'true');
    const lane = await page.locator('#ticks').evaluate((each) => each.getBoundingClientRect().width);
    const alone = await width(/^turn 14,/);
    assert.ok(alone > lane * 0.7, `${alone} of ${lane}`);
    await own.click();
    assert.ok(await width(/^turn 14,/) < lane / 15, 'among the others it is small');
    const ticks = await page.locator('#ticks').innerText();
    assert.match(ticks, /2:00/);
    await own.click();
    assert.equal(await width(/^turn 14,/), alone);
    await item(page, /^turn 14,/).focus();
    await press(page, 'ArrowDown', 'z');
    assert.match(await range(page), /^0 to [\d.]+ s of 8\.00 s$/, 'in the time of its turn');
    await page.getByRole('button', { name: 'All', exact: true }).click();
    await page.getByRole('button', { name: 'Fold turns' }).click();
    assert.ok(await item(page, /^turn 14,/).locator('.echo').count() >= 3);
    await own.click();
    assert.ok(await item(page, /^turn 14,/).locator('.echo').count() >= 3, 'what is folded is drawn too');
  },

  async fits_every_window_with_turns(page) {
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      for (const width of [400, 640, 900, 1280, 2000]) {
        await page.setViewportSize({ width, height: 800 });
        const [over, wide, cut] = await page.evaluate(() => [
          document.documentElement.scrollWidth - innerWidth,
          document.getElementById('turn-table').scrollWidth - document.getElementById('turn-table').clientWidth,
          [...document.querySelectorAll('#turns button, #turns td:nth-child(3)')].filter((each) => each.clientWidth && each.scrollWidth > each.clientWidth + 1).length,
        ]);
        assert.deepEqual([over <= 0, wide <= 1, cut], [true, true, 0], `${width} ${colorScheme}: ${over} ${wide}`);
      }
    }
  },

  async lists_all_calls(page) {
    // The list is another file, beside the page.
    page.complaints.length = 0;
    await page.goto(new URL('index.html', page.url()).href);
    await whole(page);
    assert.deepEqual(page.complaints.filter((complaint) => !complaint.includes('/index.html')), []);
    page.complaints.length = 0;
    assert.match(await page.locator('#totals').innerText(), /Calls\s+1\s+4 turns[^]*Voice-to-voice, median\s+[\d.]+ m?s\s+p50 of 4 turns[^]*p95\s+–\s+needs 20 turns, there are 4/);
    const row = page.locator('#calls tbody tr');
    assert.match(await row.innerText(), /many-turns\s+.*\d\d:\d\d[^]*\s4\s+[\d.]+ m?s[^]*in turn \d[^]*■ 1[^]*clinic-agent 1\.4\.2 <b>staging<\/b>/);
    await page.getByRole('button', { name: 'Turns' }).click();
    assert.equal(await page.locator('#calls th[aria-sort=descending]').innerText(), 'Turns');
    for (const width of [400, 1280, 2000]) {
      await page.setViewportSize({ width, height: 800 });
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${width}`);
    }
    await row.getByRole('link', { name: 'many-turns' }).click();
    await whole(page);
    assert.match(await page.title(), /^many-turns/);
    page.complaints.length = 0;
  },
};
