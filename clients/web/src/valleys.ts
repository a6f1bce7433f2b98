// SPDX-License-Identifier: Apache-2.0
// Which size a budget wants: loss over N at equal compute, and what compute buys along the curves.
import { chart, Series } from "./chart";
import { Report } from "./data";
import { h } from "./dom";
import { count, lossUnitWords, number } from "./format";
import { fitValley } from "./quadratic";

const FLOPS = 6; // per parameter and token
const SAME_BUDGET = 1.15; // cells whose compute differs by less are of one budget
const LEAST_SIZES = 3;
const STEPS = 40;
const MOST_BUDGETS = 8;

interface Budget {
  flops: number;
  cells: number[];
}

/** Cells by compute, those budgets that hold several sizes. */
export function budgetsOf(report: Report): Budget[] {
  const { cells } = report;
  const order = cells.params.map((_, i) => i).filter((i) => cells.loss[i] !== null)
    .sort((a, b) => cells.params[a] * cells.tokens[a] - cells.params[b] * cells.tokens[b]);
  const budgets: Budget[] = [];
  for (const i of order) {
    const flops = FLOPS * cells.params[i] * cells.tokens[i];
    const last = budgets[budgets.length - 1];
    if (last && flops / last.flops < SAME_BUDGET) last.cells.push(i);
    else budgets.push({ flops, cells: [i] });
  }
  return budgets.filter((b) => new Set(b.cells.map((i) => cells.params[i])).size >= LEAST_SIZES);
}

function valleyChart(report: Report, budgets: Budget[]): { figure: HTMLElement; minima: { flops: number; params: number }[] } {
  const { cells } = report;
  const unit = lossUnitWords(report.study.loss_unit);
  const series: Series[] = [];
  const minima: { flops: number; params: number }[] = [];
  const stride = Math.ceil(budgets.length / MOST_BUDGETS);
  budgets.forEach((budget, k) => {
    const rows = [...budget.cells].sort((a, b) => cells.params[a] - cells.params[b]);
    const points = rows.map((i) => ({ x: Math.log(cells.params[i]), z: cells.loss[i]! }));
    const valley = fitValley(points);
    const low = points[0].x, high = points[points.length - 1].x;
    const inside = valley !== null && valley.x > low && valley.x < high;
    if (inside) minima.push({ flops: budget.flops, params: Math.exp(valley.x) });
    if (k % stride !== 0) return;
    const name = `${number(budget.flops, 3)} FLOPs`, color = k / stride;
    series.push({ name, kind: "points", x: rows.map((i) => cells.params[i]), y: rows.map((i) => cells.loss[i]), color,
      notes: rows.map((i) => `N = ${count(cells.params[i])}, D = ${count(cells.tokens[i])}`) });
    if (!valley) return;
    const xs = Array.from({ length: STEPS + 1 }, (_, s) => low + ((high - low) * s) / STEPS);
    series.push({ name: `parabola at ${name}`, kind: "line", x: xs.map(Math.exp), y: xs.map(valley.at), color, key: false });
    if (inside) {
      series.push({ name: `least at ${name}`, kind: "points", hollow: true, x: [Math.exp(valley.x)], y: [valley.least], color: "ink", key: false,
        notes: [`least at ${name}: N = ${count(Math.exp(valley.x))}`] });
    }
  });
  return { minima, figure: chart({ title: "Loss over N at equal compute", x: { label: "parameters N", log: true, count: true }, y: { label: `loss (${unit})`, log: false },
    series, note: "Best run of each cell; a parabola in ln N through each budget, its lowest point hollow where it lies between the sizes." }) };
}

/** The sizes that are best for their budgets, with the law that was fitted to them where there is one. */
function frontier(report: Report, minima: { flops: number; params: number }[]): HTMLElement | null {
  const law = report.fits.find((each) => each.fit.predicts === "params" && each.over === "C");
  if (minima.length < 2 && !law) return null;
  const series: Series[] = [];
  const line = law?.lines[0];
  if (line) {
    series.push({ name: "90 % interval", kind: "band", x: line.x, y: [], low: line.low, high: line.high, color: 0 });
    series.push({ name: law.fit.law, kind: "line", x: line.x, y: line.value, color: 0 });
  }
  series.push({ name: "lowest point of a budget", kind: "points", x: minima.map((m) => m.flops), y: minima.map((m) => m.params), color: 1 });
  return chart({ title: "The frontier: best N over compute", x: { label: "compute (FLOPs)", log: true }, y: { label: "parameters N", log: true, count: true }, series });
}

/** Curves over the compute spent, and the least loss that any of them has reached by then. */
function envelope(report: Report): HTMLElement | null {
  const unit = lossUnitWords(report.study.loss_unit);
  const usable = report.curves.filter((c) => c.params !== null && c.tokens !== null && c.step.length > 2);
  if (usable.length < 3) return null;
  const series: Series[] = [], all: { x: number; y: number }[] = [];
  usable.forEach((curve, k) => {
    const last = curve.step[curve.step.length - 1];
    const x = curve.step.map((step) => (FLOPS * curve.params! * curve.tokens! * step) / last);
    x.forEach((value, i) => all.push({ x: value, y: curve.loss[i] }));
    series.push({ name: `N = ${count(curve.params, 3)}, D = ${count(curve.tokens, 3)}`, kind: "line", x, y: curve.loss, color: k });
  });
  all.sort((a, b) => a.x - b.x);
  const best: { x: number; y: number }[] = [];
  for (const point of all) if (!best.length || point.y < best[best.length - 1].y) best.push(point);
  series.push({ name: "least loss so far", kind: "line", dashed: true, x: best.map((p) => p.x), y: best.map((p) => p.y), color: "ink" });
  return chart({ title: "Loss over compute along the curves", x: { label: "compute 6ND so far (FLOPs)", log: true }, y: { label: `loss (${unit})`, log: true }, series,
    note: "A curve in the middle of its schedule lies above what a run of that length would reach." });
}

export function valleys(report: Report): HTMLElement | null {
  const budgets = budgetsOf(report);
  const parts: (HTMLElement | null)[] = [];
  if (budgets.length) {
    const { figure, minima } = valleyChart(report, budgets);
    parts.push(figure, frontier(report, minima));
  } else {
    parts.push(frontier(report, []));
  }
  parts.push(envelope(report));
  const drawn = parts.filter((part): part is HTMLElement => part !== null);
  return drawn.length ? h("section", {}, h("h2", {}, "Compute and size"), ...drawn) : null;
}
