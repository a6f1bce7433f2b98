// SPDX-License-Identifier: Apache-2.0
// How fast the page of a large study opens and moves: node large_test.mjs URL RUNS. SEXTANT_STRICT_TIMES=1 holds it to 3 s and
// 30 frames per second.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [url, runs] = process.argv.slice(2);
const OPEN_MS = 3000, FRAMES_PER_S = 30, DRAGS = 60;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
const page = await browser.newPage({ viewport: { width: 1000, height: 900 } });
const faults = [];
page.on("pageerror", (error) => faults.push(error.message));

const begin = performance.now();
await page.goto(url);
const every = page.locator("figure", { hasText: "Every run by compute and loss" });
await every.locator(".plot svg").waitFor();
const opened = performance.now() - begin;
assert.match(await page.locator("section", { has: page.locator("#run-filter") }).textContent(), new RegExp(`of ${runs} runs`));

await every.scrollIntoViewIfNeeded();
const box = await every.locator(".plot").boundingBox();
// Moves come as fast as frames are shown; what is counted is frames in which the chart had been drawn anew.
const frames = await page.evaluate(async ({ x, y, drags }) => {
  const plot = [...document.querySelectorAll("figure")].find((f) => f.textContent.includes("Every run by compute")).querySelector(".plot");
  plot.setPointerCapture = () => undefined;
  let redrawn = 0;
  new MutationObserver(() => { ++redrawn; }).observe(plot, { childList: true });
  const send = (type, at) => plot.dispatchEvent(new PointerEvent(type, { clientX: x + at, clientY: y, button: 0, pointerType: "mouse", bubbles: true }));
  send("pointerdown", 0);
  const start = performance.now();
  for (let i = 1; i <= drags; ++i) {
    send("pointermove", 5 * (i % 20) - 40);
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
  await new Promise((resolve) => requestAnimationFrame(resolve));
  const seconds = (performance.now() - start) / 1000;
  send("pointerup", 0);
  return { redrawn, rate: redrawn / seconds };
}, { x: box.x + box.width / 2, y: box.y + box.height / 2, drags: DRAGS });
console.log(`${runs} runs: open in ${opened.toFixed(0)} ms, panned at ${frames.rate.toFixed(1)} frames per second`);
await browser.close();
assert.deepEqual(faults, []);
assert.ok(frames.redrawn >= DRAGS / 2, `only ${frames.redrawn} of ${DRAGS} moves were drawn`);
// Where other tests share the processor, twice as long is allowed.
const slack = process.env.SEXTANT_STRICT_TIMES ? 1 : 2;
assert.ok(opened < OPEN_MS * slack, `opened in ${opened.toFixed(0)} ms`);
assert.ok(frames.rate >= FRAMES_PER_S / slack, `${frames.rate.toFixed(1)} frames per second`);
