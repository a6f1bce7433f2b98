// SPDX-License-Identifier: Apache-2.0
// Critical batches: steps to one loss over the batch, with the hyperbola through them, and the estimates over N, D and loss.
import { Axis } from "./scale";
import { chart, Series } from "./chart";
import { CriticalCell, Report } from "./data";
import { h } from "./dom";
import { count, lossUnitWords, number } from "./format";

const STEPS = 40;
const name = (cell: CriticalCell): string => `N = ${count(cell.params, 3)}, D = ${count(cell.tokens, 3)}`;

function hyperbola(report: Report, cell: CriticalCell): HTMLElement {
  const unit = lossUnitWords(report.study.loss_unit);
  const points = [...(cell.points ?? [])].sort((a, b) => a.batch_size_tokens - b.batch_size_tokens);
  const series: Series[] = [{ name: "fewest steps over rates", kind: "points", x: points.map((p) => p.batch_size_tokens), y: points.map((p) => p.steps), color: 0,
    notes: points.map((p) => `rate ${number(p.learning_rate)}, ${count(p.tokens)} tokens`) }];
  const found = (cell.estimates ?? []).find((e) => e.definition === "hyperbola" && e.batch_size_tokens && e.min_steps);
  if (found && points.length) {
    const low = Math.log(points[0].batch_size_tokens / 2), high = Math.log(2 * points[points.length - 1].batch_size_tokens);
    const x = Array.from({ length: STEPS + 1 }, (_, i) => Math.exp(low + ((high - low) * i) / STEPS));
    const critical = found.batch_size_tokens!.value, least = found.min_steps!.value;
    series.push({ name: "steps = least (1 + critical / batch)", kind: "line", x, y: x.map((b) => least * (1 + critical / b)), color: 0 });
    series.push({ name: "critical batch", kind: "line", dashed: true, x: [critical, critical], y: [least, least * (1 + critical / x[0])], color: "ink" });
  }
  const loss = (cell.estimates ?? []).find((e) => e.target_loss !== undefined)?.target_loss;
  return chart({ title: `Steps to ${loss === undefined ? "one loss" : `loss ${number(loss)}`} over batch: ${name(cell)}`,
    x: { label: "batch size (tokens)", log: true, count: true }, y: { label: "steps", log: true, count: true }, series,
    note: `Loss in ${unit}.` });
}

function scatter(cells: CriticalCell[], over: string): HTMLElement {
  const axes: Record<string, Axis> = { N: { label: "parameters N", log: true, count: true }, D: { label: "tokens D", log: true, count: true },
    loss: { label: "loss raced to", log: false } };
  const definitions = [...new Set(cells.flatMap((cell) => (cell.estimates ?? []).filter((e) => e.batch_size_tokens).map((e) => e.definition)))];
  const series: Series[] = definitions.map((definition, k) => {
    const x: number[] = [], y: number[] = [], low: number[] = [], high: number[] = [], notes: string[] = [];
    for (const cell of cells) {
      for (const e of cell.estimates ?? []) {
        const at = over === "N" ? cell.params : over === "D" ? cell.tokens : e.target_loss;
        if (e.definition !== definition || !e.batch_size_tokens || at === undefined) continue;
        x.push(at);
        y.push(e.batch_size_tokens.value);
        low.push(e.batch_size_tokens.low);
        high.push(e.batch_size_tokens.high);
        notes.push(`${definition}, ${name(cell)}${e.target_loss === undefined ? "" : `, loss ${number(e.target_loss)}`}`);
      }
    }
    return { name: definition, kind: "points" as const, x, y, low, high, color: k, notes };
  });
  return chart({ title: `Critical batch over ${axes[over].label}`, x: axes[over], y: { label: "critical batch (tokens)", log: true, count: true }, series });
}

export function criticalBatches(report: Report): HTMLElement | null {
  const cells = (report.critical_batch?.cells ?? []).filter((cell) => (cell.estimates ?? []).some((e) => e.batch_size_tokens));
  if (cells.length === 0) return null;
  const race = h("div"), spread = h("div");
  const which = h("select", { id: "race", change: () => race.replaceChildren(hyperbola(report, cells[Number(which.value)])) },
    ...cells.map((cell, i) => h("option", { value: i }, name(cell))));
  const over = h("select", { id: "critical-over", change: () => spread.replaceChildren(scatter(cells, over.value)) },
    ...[["N", "parameters N"], ["D", "tokens D"], ["loss", "loss"]].map(([value, text]) => h("option", { value }, text)));
  // The largest that has a hyperbola, else the largest.
  const answered = cells.map((cell, i) => ((cell.estimates ?? []).some((e) => e.definition === "hyperbola" && e.batch_size_tokens) ? i : -1));
  const start = Math.max(...answered) >= 0 ? Math.max(...answered) : cells.length - 1;
  which.value = String(start);
  race.append(hyperbola(report, cells[start]));
  spread.append(scatter(cells, "N"));
  return h("section", {}, h("h2", {}, "Critical batch"),
    h("p", { class: "screen" }, h("label", { for: "race" }, "Race of batches at "), which), race,
    h("p", { class: "screen" }, h("label", { for: "critical-over" }, "Estimates over "), over), spread);
}
