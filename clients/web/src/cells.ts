// SPDX-License-Identifier: Apache-2.0
// The runs of one N and D: loss over the rate, and over rate and batch with contours.
import { chart, Series } from "./chart";
import { Maybe, Report } from "./data";
import { h } from "./dom";
import { count, lossUnitWords, number, safe } from "./format";
import { fitBowl } from "./quadratic";

const NEAR = 1.1; // times a cell's best loss: beyond, a quadratic does not describe it
const PAST = Math.log(2); // how far beyond the runs contours are drawn
const MULTIPLES = [1.0025, 1.01, 1.03, 1.1]; // of a cell's best loss: what a wrong choice costs

/** The runs of one cell over rate and batch, with what is predicted there. */
export function cells(report: Report): HTMLElement | null {
  const { cells: all, runs } = report;
  const order = all.params.map((_, i) => i).filter((i) => all.learning_rate[i] !== null && all.runs[i] > 2);
  if (order.length === 0) return null;
  const unit = lossUnitWords(report.study.loss_unit);
  const holder = h("div");
  const draw = (cell: number): void => {
    const rows = runs.params.map((_, i) => i).filter((i) => runs.cell[i] === cell && runs.learning_rate[i] !== null);
    const good = rows.filter((i) => runs.state[i] === "f" && runs.loss[i] !== null);
    const best = good.reduce((a, b) => (runs.loss[b]! < runs.loss[a]! ? b : a), good[0]);
    const bad = rows.filter((i) => runs.state[i] === "d");
    const title = `N = ${count(all.params[cell])}, D = ${count(all.tokens[cell])}`;
    holder.replaceChildren(lossOverRate(report, unit, title, cell, good, bad, best));
    if (good.some((i) => runs.batch_size_tokens[i] !== null)) holder.append(map(report, title, cell, good, bad, best));
  };
  const select = h("select", { id: "cell", change: () => draw(Number(select.value)) },
    ...order.map((i) => h("option", { value: i }, `N = ${count(all.params[i])}, D = ${count(all.tokens[i])} (${all.runs[i]} runs)`)));
  draw(order[order.length - 1]);
  select.value = String(order[order.length - 1]);
  return h("section", {}, h("h2", {}, "The sweep, cell by cell"),
    h("p", {}, h("label", { for: "cell" }, "Runs of one N and D: "), select), holder);
}

function predictedAt(report: Report, predicts: string, cell: number): { value: number; low: Maybe; high: Maybe } | null {
  const fit = report.fits.find((each) => each.fit.predicts === predicts);
  const value = fit?.at_cells.value[cell];
  if (!fit || value === null || value === undefined) return null;
  return { value, low: fit.at_cells.low[cell], high: fit.at_cells.high[cell] };
}

function lossOverRate(report: Report, unit: string, title: string, cell: number, good: number[], bad: number[], best: number): HTMLElement {
  const { runs } = report;
  const batches = [...new Set(good.map((i) => runs.batch_size_tokens[i]))].sort((a, b) => (a ?? 0) - (b ?? 0));
  const series: Series[] = [];
  batches.forEach((batch, k) => {
    const rows = good.filter((i) => runs.batch_size_tokens[i] === batch).sort((a, b) => runs.learning_rate[a]! - runs.learning_rate[b]!);
    const name = batch === null ? "runs" : `batch ${count(batch)}`;
    const x = rows.map((i) => runs.learning_rate[i]!), y = rows.map((i) => runs.loss[i]);
    const notes = rows.map((i) => `${safe(runs.id[i], 60)}${batch === null ? "" : `, batch ${count(batch)}`}`);
    series.push({ name, kind: "line", x, y, color: k, key: false }, { name, kind: "points", x, y, color: k, notes });
  });
  if (good.length) {
    series.push({ name: "best run", kind: "points", hollow: true, x: [runs.learning_rate[best]!], y: [runs.loss[best]], color: "ink",
      notes: [`best run, ${safe(runs.id[best], 60)}`] });
  }
  const losses = good.map((i) => runs.loss[i]!);
  const predicted = predictedAt(report, "learning_rate", cell);
  if (predicted && losses.length) {
    const low = Math.min(...losses), high = Math.max(...losses);
    series.push({ name: "predicted rate", kind: "line", dashed: true, x: [predicted.value, predicted.value], y: [low, high], color: "ink" });
  }
  if (bad.length && losses.length) {
    series.push({ name: "diverged", kind: "points", cross: true, x: bad.map((i) => runs.learning_rate[i]!), y: bad.map(() => Math.max(...losses)), color: 1,
      notes: bad.map((i) => `diverged, ${safe(runs.id[i], 60)}`) });
  }
  return chart({
    title: `Loss over learning rate: ${title}`, x: { label: "peak learning rate", log: true }, y: { label: `loss (${unit})`, log: false }, series,
    note: bad.length ? "Diverged runs stand at the top: their loss is not a number to compare." : undefined,
  });
}

function map(report: Report, title: string, cell: number, good: number[], bad: number[], best: number): HTMLElement {
  const { runs } = report;
  const lowest = runs.loss[best]!;
  const series: Series[] = [];
  const groups = [...MULTIPLES, Infinity];
  groups.forEach((most, k) => {
    const least = k === 0 ? 0 : groups[k - 1];
    const rows = good.filter((i) => runs.loss[i]! / lowest <= most && runs.loss[i]! / lowest > least && runs.batch_size_tokens[i] !== null);
    if (!rows.length) return;
    const name = most === Infinity ? `more than ${number(100 * (least - 1), 2)} % above the best` : `within ${number(100 * (most - 1), 2)} % of the best`;
    series.push({ name, kind: "points", x: rows.map((i) => runs.learning_rate[i]!), y: rows.map((i) => runs.batch_size_tokens[i]), color: `q${k}`,
      notes: rows.map((i) => `${safe(runs.id[i], 60)}, loss ${number(runs.loss[i], 5)}`) });
  });
  const crosses = bad.filter((i) => runs.batch_size_tokens[i] !== null);
  if (crosses.length) {
    series.push({ name: "diverged", kind: "points", cross: true, x: crosses.map((i) => runs.learning_rate[i]!), y: crosses.map((i) => runs.batch_size_tokens[i]), color: 1,
      notes: crosses.map((i) => `diverged, ${safe(runs.id[i], 60)}`) });
  }
  series.push({ name: "best run", kind: "points", hollow: true, x: [runs.learning_rate[best]!], y: [runs.batch_size_tokens[best]], color: "ink" });
  const near = good.filter((i) => runs.batch_size_tokens[i] !== null && runs.loss[i]! / lowest <= NEAR);
  const bowl = fitBowl(near.map((i) => ({ x: Math.log(runs.learning_rate[i]!), y: Math.log(runs.batch_size_tokens[i]!), z: runs.loss[i]! })));
  if (bowl) {
    const xs = near.map((i) => Math.log(runs.learning_rate[i]!)), ys = near.map((i) => Math.log(runs.batch_size_tokens[i]!));
    const shown = (x: number, y: number): boolean => x >= Math.min(...xs) - PAST && x <= Math.max(...xs) + PAST && y >= Math.min(...ys) - PAST && y <= Math.max(...ys) + PAST;
    MULTIPLES.forEach((most, k) => {
      const line = bowl.contour(most * bowl.least);
      series.push({ name: `${number(100 * (most - 1), 2)} % above the fitted optimum`, kind: "line",
        x: line.map((p) => Math.exp(shown(p.x, p.y) ? p.x : xs[0])),
        y: line.map((p) => (shown(p.x, p.y) ? Math.exp(p.y) : null)), color: `q${k}`, key: false, still: true });
    });
    if (shown(bowl.x, bowl.y)) {
      series.push({ name: "fitted optimum", kind: "points", x: [Math.exp(bowl.x)], y: [Math.exp(bowl.y)], color: 2,
        notes: [`fitted optimum, loss ${number(bowl.least, 5)}`] });
    }
  }
  const rate = predictedAt(report, "learning_rate", cell), batch = predictedAt(report, "batch_size_tokens", cell);
  if (rate && batch) {
    series.push({ name: "predicted optimum", kind: "points", x: [rate.value], y: [batch.value], low: [batch.low], high: [batch.high], color: 4 });
  }
  return chart({ title: `What a wrong rate or batch costs: ${title}`, x: { label: "peak learning rate", log: true },
    y: { label: "batch size (tokens)", log: true, count: true }, series,
    note: bowl ? `Contours of a quadratic in the logarithms through ${near.length} runs within ${number(100 * (NEAR - 1), 2)} % of the best.` : undefined });
}
