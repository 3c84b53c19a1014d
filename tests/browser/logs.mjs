// What a page does with what the program logged in its call: marks each line on the axis of its waterfall, and says it.

import assert from 'node:assert/strict';

const WIDTHS = [400, 640, 900, 1280, 1600, 2000];
const data = (page) => page.evaluate(() => JSON.parse(document.getElementById('data').textContent));
const marks = (page) => page.getByRole('slider', { name: 'Log lines' });
const box = (page) => page.locator('#marked');
const said = (page) => box(page).innerText().then((text) => text.replaceAll(/\s+/g, ' ').trim());

/** The largest distance of a mark from where its line is on the axis, in pixels. */
const farthest = (page) => page.evaluate(() => {
  const { length, logs } = JSON.parse(document.getElementById('data').textContent);
  const [lane, strip] = ['#ticks', '#marks .strip'].map((each) => document.querySelector(each).getBoundingClientRect());
  const zoom = strip.width / lane.width;
  const first = strip.left - lane.left;
  const asked = logs.map(({ start }) => lane.left + first + (start / length) * lane.width * zoom).sort((a, b) => a - b);
  const found = [...document.querySelectorAll('.mark')].map((mark) => {
    const { left, width } = mark.getBoundingClientRect();
    return left + width / 2;
  });
  return found.length === asked.length ? Math.max(...found.map((each, at) => Math.abs(each - asked[at]))) : `${found.length} of ${asked.length}`;
});

/** Moves the pointer to the middle of a mark. */
async function point(page, selector) {
  const { x, y, width, height } = await page.locator(selector).first().boundingBox();
  await page.mouse.move(x + width / 2, y + height / 2);
}

export const logChecks = {
  async marks_log_lines_where_they_were_said(page) {
    const { logs } = await data(page);
    assert.equal(logs.length, 200);
    assert.ok(await farthest(page) <= 1, `${await farthest(page)} pixels away`);
    assert.deepEqual(await page.evaluate(() => ['.mark.error', '.mark.interrupted'].map((each) => document.querySelectorAll(each).length)), [2, 1]);
    for (const button of ['#in', '#in', '#later']) await page.locator(button).click();
    assert.ok(await farthest(page) <= 1, `${await farthest(page)} pixels away after a zoom`);
    const [lane, inside] = await page.evaluate(() => ['marks', 'ticks'].map((id) => document.getElementById(id).getBoundingClientRect().left));
    assert.equal(lane, inside);
    assert.equal(await page.locator('.line.log').count(), 200, 'the list has them too');
  },

  async says_the_line_under_the_pointer(page) {
    assert.ok(await box(page).isHidden());
    await point(page, '.mark.interrupted');
    // Quiet lines stand at the same place.
    assert.match(await said(page), /^0:00\.\d WARN the calendar is slow page_calls \{"seconds":3\} and \d+ others? here$/);
    await point(page, '.mark');
    assert.match(await said(page), /^0:00\.0 INFO step 0 page_calls( and \d+ others? here)?$/);
    await point(page, '.mark.error');
    assert.match(await said(page), /^0:00\.\d ERROR the calendar does not answer page_calls \{"status":503\}/);
    await point(page, '.mark.error >> nth=1');
    assert.match(await said(page), /ERROR <img src=x onerror=alert\(1\)>/);
    assert.equal(await page.locator('img').count(), 0);
    await page.locator('#all').hover({ force: true });
    assert.ok(await box(page).isHidden(), 'and nothing where no line is');
    await point(page, '.mark.error');
    await page.mouse.down();
    await page.mouse.up();
    assert.match(await page.evaluate(() => document.activeElement.innerText), /ERROR\s+the calendar does not answer/, 'a click goes to the list');
    assert.ok(await page.evaluate(() => {
      const [line, list] = [document.activeElement, document.getElementById('transcript')].map((each) => each.getBoundingClientRect());
      return line.top >= list.top - 1 && line.bottom <= list.bottom + 1;
    }), 'where it is in view');
  },

  async goes_from_line_to_line_by_keys(page) {
    const { logs } = await data(page);
    const value = () => marks(page).getAttribute('aria-valuetext');
    await page.locator('#all').focus();
    await page.evaluate(() => document.getElementById('in').focus());
    for (let stop = 0; stop < 5 && !await marks(page).evaluate((each) => each === document.activeElement); stop += 1) await page.keyboard.press('Tab');
    assert.match(await said(page), /INFO step 0/, 'the keyboard stops there once');
    const steps = { ArrowRight: 'step 1', End: 'step 199', ArrowLeft: 'step 198', PageUp: '<img src=x', Home: 'step 0', PageDown: 'calendar is slow', ArrowDown: 'step 51' };
    for (const [key, words] of Object.entries(steps)) {
      await page.keyboard.press(key);
      assert.ok((await value()).includes(words) && (await said(page)).includes(words), `${key}: ${await value()}, ${await said(page)}`);
    }
    for (const none of ['Home', 'ArrowLeft', 'PageUp']) await page.keyboard.press(none);
    assert.match(await value(), /^0:00\.\d INFO: step 0$/, 'there is none before the first');
    assert.deepEqual(await Promise.all(['aria-valuemin', 'aria-valuenow', 'aria-valuemax'].map((name) => marks(page).getAttribute(name))), ['1', '1', String(logs.length)]);
    for (const key of ['Escape', 'End', 'Escape']) await page.keyboard.press(key);
    assert.ok(await box(page).isHidden());
    for (let times = 0; times < 3; times += 1) await page.locator('#in').evaluate((button) => button.click());
    await page.keyboard.press('Home');
    const inView = () => page.evaluate(() => {
      const [mark, lane] = ['.mark.current', '#marks'].map((each) => document.querySelector(each).getBoundingClientRect());
      return mark.right > lane.left && mark.left < lane.right;
    });
    assert.ok(await inView(), 'the axis goes with it');
    await page.keyboard.press('End');
    assert.ok(await inView());
    await page.keyboard.press('Enter');
    assert.match(await page.evaluate(() => document.activeElement.innerText), /step 199/, 'Enter goes to the list');
    assert.ok(await box(page).isHidden());
    const snapshot = await page.locator('#timeline').ariaSnapshot();
    assert.ok(snapshot.includes('slider "Log lines"'), snapshot);
  },

  async plays_from_a_mark(page) {
    const { logs } = await data(page);
    const now = () => page.evaluate(() => document.getElementById('recording').currentTime);
    assert.ok(await farthest(page) <= 1);
    await marks(page).focus();
    await page.keyboard.press('PageDown');
    await page.keyboard.press('Enter');
    assert.ok(await page.evaluate(() => document.getElementById('recording').paused), 'who only reads hears nothing');
    await point(page, '.mark.interrupted');
    await page.mouse.down();
    await page.mouse.up();
    await page.waitForFunction(() => !document.getElementById('recording').paused);
    const asked = logs.find(({ level }) => level === 'WARN').start / 1e9;
    assert.ok(await now() >= asked - 0.1 && await now() <= asked + 1.5, `${await now()}, not ${asked}`);
  },

  async marks_keep_still_in_every_window(page) {
    await page.evaluate(() => {
      window.shifts = [];
      new PerformanceObserver((list) => window.shifts.push(...list.getEntries().map(({ value, sources }) => [value, ...sources.map(({ node }) => node?.id || node?.className || node?.nodeName)]))).observe({ type: 'layout-shift' });
    });
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 800 });
        await marks(page).scrollIntoViewIfNeeded();
        await page.waitForTimeout(100);
        await page.evaluate(() => { window.shifts.length = 0; });
        const seen = [];
        for (const selector of ['.mark >> nth=0', '.mark.interrupted', '.mark >> nth=-1']) {
          await point(page, selector);
          seen.push(await page.evaluate(() => {
            const shade = (colour) => {
              const [r, g, b] = colour.match(/[\d.]+/g).map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
              return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const style = (each) => getComputedStyle(document.querySelector(each)).backgroundColor;
            const [panel, mark] = [style('#timeline'), style('.mark.interrupted')].map(shade);
            const { left, right, width: wide, height } = document.getElementById('marked').getBoundingClientRect();
            return {
              isIn: left >= 0 && right <= innerWidth && wide > 100 && height > 15,
              overflow: document.documentElement.scrollWidth - innerWidth,
              contrast: (Math.max(panel, mark) + 0.05) / (Math.min(panel, mark) + 0.05),
              height: document.getElementById('logged').clientHeight,
            };
          }));
        }
        const where = `${width} ${colorScheme}: ${JSON.stringify(seen)}`;
        assert.ok(seen.every(({ isIn, overflow, contrast, height }) => isIn && overflow <= 0 && contrast >= 3 && height < 30), where);
        assert.deepEqual(await page.evaluate(() => window.shifts), [], where);
        assert.ok(await farthest(page) <= 1, where);
      }
    }
  },

  async has_no_marks(page) {
    assert.equal(await marks(page).count(), 0);
    assert.ok(await page.locator('#logged').isHidden() && await page.locator('#log-keys').isHidden());
  },
};
