// SPDX-License-Identifier: Apache-2.0
// A report and the served page in Chromium:
// node page_test.mjs REPORT.html HOSTILE.html LEDGER.html http://127.0.0.1:PORT [SCREENSHOTS]
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const require = createRequire(import.meta.url);
const axe = require.resolve("axe-core");
const [report, hostile, ledger, server, screenshots] = process.argv.slice(2);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});

/** A page on which errors, dialogs and requests to anywhere but `allowed` are failures. */
async function open(url, allowed) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 900 }, acceptDownloads: true, bypassCSP: true });
  const page = await context.newPage();
  const faults = [];
  page.on("console", (message) => message.type() === "error" && faults.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => { faults.push(`dialog: ${dialog.message()}`); void dialog.dismiss(); });
  page.on("request", (request) => {
    if (!["data:", "blob:", ...allowed].some((prefix) => request.url().startsWith(prefix))) faults.push(`request: ${request.url()}`);
  });
  await page.goto(url);
  await page.waitForSelector("h2");
  return { page, faults, close: () => context.close() };
}

async function checkAccessibility(page, name) {
  await page.addScriptTag({ path: axe });
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  assert.deepEqual(found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).slice(0, 3).join("; ")}`), [], name);
}

const tests = {
  async "a report draws every chart and asks nobody"() {
    const { page, faults, close } = await open(pathToFileURL(report).href, ["file:"]);
    const headings = await page.locator("h2").allTextContents();
    assert.deepEqual(headings, ["Decision", "The laws over their data", "The sweep, cell by cell", "Compute and size", "Critical batch",
      "Residuals and hold-outs", "Estimators and laws compared", "Identifiability and warnings", "Curves", "Provenance", "Data"]);
    const figures = page.locator("figure");
    const count = await figures.count();
    assert.ok(count >= 6, `${count} figures`);
    for (let i = 0; i < count; ++i) {
      const drawn = await figures.nth(i).locator(".plot svg g path, .plot svg g circle").count();
      assert.ok(drawn > 0, `figure ${i} is empty`);
    }
    assert.ok((await page.locator(".plot .dashed").count()) > 0, "nothing is extrapolated");
    if (screenshots) {
      await page.screenshot({ path: `${screenshots}/report-light.png` });
      await page.emulateMedia({ colorScheme: "dark" });
      await page.screenshot({ path: `${screenshots}/report-dark.png` });
    }
    assert.deepEqual(faults, []);
    await close();
  },

  async "the calculator answers and its address can be shared"() {
    const { page, faults, close } = await open(pathToFileURL(report).href, ["file:"]);
    const answer = page.locator(".scroll").first();
    const before = await answer.textContent();
    await page.fill("#calc-n", "64M");
    await page.press("#calc-n", "Enter");
    await page.fill("#calc-d", "2^30");
    await page.press("#calc-d", "Tab");
    assert.notEqual(await answer.textContent(), before);
    assert.match(page.url(), /#n=/);
    assert.match(await page.locator(".lead").first().textContent(), /64M parameters on 1.074B tokens/);
    const shared = await open(page.url(), ["file:"]);
    assert.equal(await shared.page.inputValue("#calc-n"), "64M");
    assert.equal(await shared.page.locator(".scroll").first().textContent(), await answer.textContent());
    await page.fill("#calc-n", "7 apples");
    await page.press("#calc-n", "Tab");
    assert.match(await page.locator(".problem").textContent(), /7 apples/);
    assert.deepEqual([...faults, ...shared.faults], []);
    await shared.close();
    await close();
  },

  async "charts answer the keyboard, the pointer and their buttons"() {
    const { page, faults, close } = await open(pathToFileURL(report).href, ["file:"]);
    const figure = page.locator("figure").first();
    await figure.locator(".plot").focus();
    await page.keyboard.press("ArrowRight");
    const first = await figure.locator(".readout").textContent();
    assert.ok(first.length > 10);
    await page.keyboard.press("ArrowRight");
    assert.notEqual(await figure.locator(".readout").textContent(), first);
    const shapes = () => figure.locator(".plot svg g > *").count();
    const all = await shapes();
    await figure.locator(".legend button").first().click();
    assert.ok((await shapes()) < all, "the legend hides nothing");
    await figure.locator(".legend button").first().click();
    const labels = async () => (await figure.locator(".plot text").allTextContents()).join(" ");
    const log = await labels();
    await figure.getByRole("button", { name: "log x" }).click();
    assert.notEqual(await labels(), log);
    for (const [name, end] of [["CSV", ".csv"], ["SVG", ".svg"]]) {
      const [download] = await Promise.all([page.waitForEvent("download"), figure.getByRole("button", { name, exact: true }).click()]);
      assert.ok(download.suggestedFilename().endsWith(end));
    }
    assert.deepEqual(faults, []);
    await close();
  },

  async "a cell has contours about a fitted optimum, and the predicted one"() {
    const { page, faults, close } = await open(pathToFileURL(report).href, ["file:"]);
    const map = page.locator("figure", { hasText: "What a wrong rate or batch costs" });
    const legend = await map.locator(".legend").textContent();
    for (const part of ["fitted optimum", "predicted optimum", "best run", "within 1 % of the best"]) assert.ok(legend.includes(part), `${part} is not in: ${legend}`);
    assert.ok((await map.locator(".plot svg g path.line").count()) >= 2, "no contour");
    assert.match(await map.locator(".note").textContent(), /quadratic/);
    // Contours are guides: the arrow keys go through runs and optima alone.
    await map.locator(".plot").focus();
    await page.keyboard.press("ArrowRight");
    assert.doesNotMatch(await map.locator(".readout").textContent(), /above the fitted optimum/);
    assert.deepEqual(faults, []);
    await close();
  },

  async "budgets have valleys and a frontier, batches a hyperbola"() {
    const { page, faults, close } = await open(pathToFileURL(report).href, ["file:"]);
    const valleys = page.locator("figure", { hasText: "Loss over N at equal compute" });
    assert.ok((await valleys.locator(".plot svg g circle").count()) >= 6, "too few cells of equal compute");
    assert.ok((await page.locator("figure", { hasText: "The frontier" }).locator(".plot svg g circle").count()) >= 2);
    assert.ok((await page.locator("figure", { hasText: "Loss over compute along the curves" }).locator(".plot .dashed").count()) === 1);
    const race = page.locator("figure", { hasText: "over batch:" });
    assert.match(await race.locator(".legend").textContent(), /critical batch/);
    const before = await race.locator("figcaption").textContent();
    await page.selectOption("#race", { index: 0 });
    assert.notEqual(await race.locator("figcaption").textContent(), before);
    for (const over of ["D", "loss", "N"]) {
      await page.selectOption("#critical-over", over);
      assert.ok((await page.locator("figure", { hasText: "Critical batch over" }).locator(".plot svg g circle").count()) > 0, over);
    }
    assert.deepEqual(faults, []);
    await close();
  },

  async "estimators and laws are compared, curves change their axis"() {
    const { page, faults, close } = await open(pathToFileURL(report).href, ["file:"]);
    const estimators = page.locator("figure", { hasText: "Estimators of rate and batch" });
    assert.match(await estimators.locator(".plot").textContent(), /hierarchical/);
    assert.match(await estimators.locator(".note").textContent(), /least excess loss/);
    assert.ok((await page.locator("figure", { hasText: "Laws of the loss by error" }).locator(".plot svg g circle").count()) === 2);
    const axis = async () => page.locator("figure", { hasText: "the best run of each cell" }).locator(".plot").textContent();
    const steps = await axis();
    for (const over of ["tokens", "FLOPs"]) {
      await page.selectOption("#curve-axis", over);
      assert.notEqual(await axis(), steps, over);
    }
    assert.deepEqual(faults, []);
    await close();
  },

  async "the ledger shows how forecasts turned out"() {
    const { page, faults, close } = await open(pathToFileURL(ledger).href, ["file:"]);
    const section = page.locator("section", { has: page.locator("h2", { hasText: "Forecasts" }) });
    assert.ok((await section.locator(".plot svg g circle").count()) >= 3);
    const text = await section.textContent();
    assert.match(text, /2 of 3/);
    assert.match(text, /<b>odd/);
    assert.match(text, /waiting/);
    await checkAccessibility(page, "ledger");
    assert.deepEqual(faults, []);
    await close();
  },

  async "every chart can be taken along as CSV and SVG"() {
    const { page, faults, close } = await open(pathToFileURL(report).href, ["file:"]);
    // Chromium asks before it saves more than ten files: what would be saved is read instead.
    await page.evaluate(() => {
      HTMLAnchorElement.prototype.click = function () { globalThis.taken = fetch(this.href).then((r) => r.text()); };
    });
    const figures = page.locator("figure");
    for (let i = 0; i < (await figures.count()); ++i) {
      for (const [name, begins] of [["CSV", "series,"], ["SVG", "<svg"]]) {
        await figures.nth(i).getByRole("button", { name, exact: true }).click();
        const text = await page.evaluate(() => globalThis.taken);
        assert.ok(text.startsWith(begins) && text.length > 60, `figure ${i}: ${name} begins ${text.slice(0, 20)}`);
        assert.doesNotMatch(text, /<script/);
      }
    }
    assert.deepEqual(faults, []);
    await close();
  },

  async "charts are moved and looked at closer"() {
    const { page, faults, close } = await open(pathToFileURL(report).href, ["file:"]);
    const figure = page.locator("figure", { hasText: "Every run by compute and loss" });
    await figure.scrollIntoViewIfNeeded();
    const labels = async () => {
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
      return (await figure.locator(".plot text").allTextContents()).join(" ");
    };
    const all = await labels();
    await figure.getByRole("button", { name: "closer" }).click();
    const near = await labels();
    assert.notEqual(near, all);
    const box = await figure.locator(".plot").boundingBox();
    await page.mouse.move(box.x + 300, box.y + 150);
    await page.mouse.down();
    await page.mouse.move(box.x + 420, box.y + 190, { steps: 4 });
    await page.mouse.up();
    assert.notEqual(await labels(), near);
    await figure.locator(".plot").focus();
    await page.keyboard.press("0");
    assert.equal(await labels(), all);
    await page.keyboard.press("Shift+ArrowRight");
    assert.notEqual(await labels(), all);
    await figure.getByRole("button", { name: "all", exact: true }).click();
    assert.equal(await labels(), all);
    assert.deepEqual(faults, []);
    await close();
  },

  async "runs are filtered, cells are chosen"() {
    const { page, faults, close } = await open(pathToFileURL(report).href, ["file:"]);
    const status = page.locator("section", { has: page.locator("#run-filter") }).locator("p[role=status]:not(.readout)");
    const all = Number.parseInt(await status.textContent(), 10);
    await page.fill("#run-filter", "r0-0");
    const some = Number.parseInt(await status.textContent(), 10);
    assert.ok(some > 0 && some < all, `${some} of ${all}`);
    const title = page.locator("figure", { hasText: "Loss over learning rate" }).locator("figcaption");
    const before = await title.textContent();
    await page.selectOption("#cell", { index: 0 });
    assert.notEqual(await title.textContent(), before);
    assert.deepEqual(faults, []);
    await close();
  },

  async "light, dark and print are readable"() {
    const { page, faults, close } = await open(pathToFileURL(report).href, ["file:"]);
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.emulateMedia({ colorScheme: "light" });
    assert.equal(await ground(), "rgb(255, 255, 255)");
    await checkAccessibility(page, "light");
    await page.emulateMedia({ colorScheme: "dark" });
    assert.equal(await ground(), "rgb(13, 17, 23)");
    await checkAccessibility(page, "dark");
    await page.emulateMedia({ colorScheme: "dark", media: "print" });
    assert.equal(await ground(), "rgb(255, 255, 255)");
    assert.equal(await page.locator(".tools").first().isVisible(), false);
    assert.deepEqual(faults, []);
    await close();
  },

  async "hostile names are text"() {
    const { page, faults, close } = await open(pathToFileURL(hostile).href, ["file:"]);
    assert.match(await page.locator("h1").textContent(), /<script>alert\(1\)<\/script>/);
    assert.equal(await page.locator("main script, main img").count(), 0);
    assert.doesNotMatch(await page.locator("main").textContent(), /[\u202e\u0007]/);
    assert.deepEqual(faults, []);
    await close();
  },

  async "a server's page shows its studies"() {
    const { page, faults, close } = await open(`${server}/?study=rich`, [server]);
    await page.waitForSelector("figure");
    // What takes seconds comes behind what does not.
    await page.locator("h2", { hasText: "Estimators and laws compared" }).waitFor({ timeout: 60_000 });
    assert.ok((await page.locator("h2", { hasText: "Critical batch" }).count()) === 1);
    assert.ok((await page.locator("#study option").count()) >= 1);
    assert.ok((await page.locator("figure").count()) >= 6);
    await checkAccessibility(page, "served");
    assert.deepEqual(faults, []);
    await close();
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    console.log(`ok ${name}`);
  } catch (error) {
    ++failed;
    console.log(`FAILED ${name}\n${error.stack}`);
  }
}
await browser.close();
process.exit(failed ? 1 : 0);
