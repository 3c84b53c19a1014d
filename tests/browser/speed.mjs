// How soon a page of thousands of spans can be used, beside a plain page of as many rows.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const rows = (page) => page.getByRole('treeitem').count();

/** Waits until all was made, and says when that was. */
export async function whole(page) {
  await page.waitForFunction(() => document.documentElement.dataset.ready);
  return page.evaluate(() => Number(document.documentElement.dataset.ready));
}

/** Milliseconds from the start of the navigation until a frame was drawn and an event would be answered. */
const drawn = () => new Promise((done) => {
  requestAnimationFrame(() => setTimeout(() => done(Math.round(performance.now()))));
});

/**
 * Opens the page three times, and as often in between a plain page of as many rows: what this machine needs for these
 * now. Limits are of that, for how fast a machine is says nothing of the page.
 */
async function compared(page, rows, opened) {
  const cells = '<span>llm</span><i style="left: 10%; width: 5%"></i><b>12.3 ms</b><em>What time is it?</em>';
  const html = `<!doctype html><style>div { display: flex } i { position: relative; height: 1em; background: teal }</style>
    ${`<div role="treeitem" tabindex="-1">${cells}</div>`.repeat(rows)}`;
  const other = join(dirname(fileURLToPath(page.url())), `plain-${rows}.html`);
  writeFileSync(other, html);
  const plain = await page.context().browser().newPage({ viewport: page.viewportSize() });
  const times = { ours: [], plain: [] };
  for (let round = 0; round < 3; round += 1) {
    await plain.bringToFront();
    await plain.goto(pathToFileURL(other).href);
    times.plain.push(await plain.evaluate(drawn));
    await page.bringToFront();
    await page.reload();
    times.ours.push(await opened());
  }
  await plain.context().close();
  const [ours, best] = [Math.min(...times.ours), Math.min(...times.plain)];
  return { ours, plain: best, ratio: ours / best, said: `${times.ours} ms, a plain page ${times.plain} ms` };
}

export const speedChecks = {
  async opens_20000_lines_in_seconds(page) {
    // When a frame was drawn and an event would be answered, and when all was there.
    const usable = [];
    const seen = await compared(page, 20_001, async () => {
      usable.push(await page.evaluate(drawn));
      assert.ok(await page.locator('.row').count() >= 100 && await page.locator('.line').count() >= 100, 'more than a window');
      return whole(page);
    });
    console.log(`20,000 lines are usable after ${usable} ms, and whole after ${seen.said}`);
    assert.ok(seen.ratio < 4, seen.said);
    assert.ok(Math.min(...usable) < 0.6 * seen.ours, `usable after ${usable} ms, whole after ${seen.said}`);
    assert.equal(await page.locator('.line').count(), 20_000);
    assert.equal(await page.evaluate(() => window.find('for the 9999th time')), true, 'the search of the browser reaches all');
    assert.equal(await rows(page), 20_001, 'and so do screen readers');
    await page.locator('#fold').click();
    assert.equal(await page.locator('.row:not([hidden])').count(), 10_001);
    assert.equal(await page.locator('.row:not([hidden]) .echo').count(), 10_000, 'each folded turn shows what is in it');
  },

  async opens_2000_spans_at_once(page) {
    const seen = await compared(page, 2000, async () => {
      await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length > 0);
      const painted = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime);
      return Math.round(Math.max(await whole(page), painted));
    });
    console.log(`2,000 spans are drawn and ready after ${seen.said}`);
    assert.ok(seen.ratio < 4, seen.said);
    assert.equal(await rows(page), 2000);
    const took = (action) => page.evaluate(async (id) => {
      const start = performance.now();
      document.getElementById(id).click();
      await new Promise((done) => { requestAnimationFrame(() => setTimeout(done)); });
      return Math.round(performance.now() - start);
    }, action);
    for (const action of ['in', 'fold', 'fold']) {
      const times = [await took(action), await took(action), await took(action)];
      console.log(`${action} took ${times} ms`);
      assert.ok(Math.min(...times) < 2 * seen.plain, `${action} took ${times} ms, the page ${seen.said}`);
    }
    await page.locator('[role=treeitem][tabindex="0"]').focus();
    await page.keyboard.press('End');
    await page.getByRole('treeitem', { name: /^guardrail/ }).last().waitFor({ state: 'visible' });
    assert.ok(await page.evaluate(() => document.activeElement.getBoundingClientRect().bottom <= innerHeight), 'the last row is in view');
  },
};
