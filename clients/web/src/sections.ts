// SPDX-License-Identifier: Apache-2.0
// The parts of a report, in the order in which a decision is made.
import { Axis } from "./scale";
import { chart, Series } from "./chart";
import { Answer, Target } from "./calculator";
import { Fit, Maybe, Report, ReportFit } from "./data";
import { h, save, table } from "./dom";
import { count, csv, isCount, lossUnitWords, number, quantity, quantityName, safe } from "./format";

const STATES: Record<string, string> = { f: "finished", d: "diverged", r: "running", c: "crashed", x: "excluded", "?": "not known" };
const MOST_ROWS = 500;
const OVER: Record<string, string> = { D: "tokens", N: "parameters", C: "compute 6ND (FLOPs)" };

export function decision(report: Report, target: Target, answers: Answer[]): HTMLElement {
  const unit = lossUnitWords(report.study.loss_unit);
  const lead = h("p", { class: "lead" });
  if (answers.length === 0) {
    lead.textContent = report.fits.length === 0
      ? "No law has been fitted to this study yet: `sextant fits create --study ID --law lr-power-nd` fits one."
      : "The study's fits answer nothing at this target.";
  } else {
    lead.append(`For ${count(target.params)} parameters on ${count(target.tokens)} tokens: `);
    answers.slice(0, 3).forEach((a, i) => {
      lead.append(i ? ", " : "", `${quantityName(a.name, unit)} `, h("strong", {}, quantity(a.name, a.value)),
        a.low !== null && a.high !== null ? ` [${quantity(a.name, a.low)}, ${quantity(a.name, a.high)}]` : "");
    });
    lead.append(".");
  }
  return lead;
}

function observed(report: Report, fit: ReportFit): Maybe[] | null {
  const { cells: all } = report;
  const columns: Record<string, Maybe[]> = { loss: all.loss, learning_rate: all.learning_rate, batch_size_tokens: all.batch_size_tokens };
  return columns[fit.fit.predicts ?? ""] ?? null;
}

function along(report: Report, over: string, i: number): number {
  const n = report.cells.params[i], d = report.cells.tokens[i];
  return over === "D" ? d : over === "N" ? n : 6 * n * d;
}

function modelOf(lines: { params: Maybe }[], params: number): number {
  let nearest = 0;
  lines.forEach((line, i) => {
    const far = (k: number): number => Math.abs(Math.log((lines[k].params ?? params) / params));
    if (line.params !== null && far(i) < far(nearest)) nearest = i;
  });
  return nearest;
}

export function laws(report: Report): HTMLElement | null {
  const unit = lossUnitWords(report.study.loss_unit);
  const drawn = report.fits.filter((each) => each.over && each.lines.length > 0);
  if (drawn.length === 0) return null;
  const section = h("section", {}, h("h2", {}, "The laws over their data"));
  for (const each of drawn) {
    const series: Series[] = [];
    const limits = each.fit.fitted_ranges?.find((range) => range.variable === each.over);
    const top = limits?.high ?? Math.max(...report.cells.params.map((_, i) => along(report, each.over, i)));
    each.lines.forEach((line, k) => {
      const name = line.params === null ? each.fit.law : `N = ${count(line.params, 3)}`;
      const split = line.x.findIndex((x) => x > top * (1 + 1e-9));
      const cut = split < 0 ? line.x.length : split;
      if (k === each.lines.length - 1) series.push({ name: "90 % interval", kind: "band", x: line.x, y: [], low: line.low, high: line.high, color: k });
      series.push({ name, kind: "line", x: line.x.slice(0, cut), y: line.value.slice(0, cut), color: k });
      series.push({ name: `${name}, extrapolated`, kind: "line", dashed: true, x: line.x.slice(Math.max(0, cut - 1)), y: line.value.slice(Math.max(0, cut - 1)), color: k, key: false });
    });
    const values = observed(report, each);
    if (values) {
      each.lines.forEach((_, k) => {
        const mine = report.cells.params.map((_, i) => i).filter((i) => values[i] !== null && modelOf(each.lines, report.cells.params[i]) === k);
        series.push({ name: "best run of a cell", kind: "points", x: mine.map((i) => along(report, each.over, i)), y: mine.map((i) => values[i]), color: k, key: k === 0,
          notes: mine.map((i) => `N = ${count(report.cells.params[i])}, D = ${count(report.cells.tokens[i])}`) });
      });
    }
    const predicts = each.fit.predicts ?? "value";
    const axis: Axis = { label: OVER[each.over], log: true, count: true };
    section.append(chart({
      title: `${safe(each.fit.law)}: ${quantityName(predicts, unit)}`, x: axis, y: { label: quantityName(predicts, unit), log: true, count: isCount(predicts) },
      series, note: "Solid: the fitted range. Dashed: beyond it. Points have the colour of the nearest N.",
    }));
  }
  return section;
}

export function residuals(report: Report): HTMLElement | null {
  const drawn = report.fits.filter((each) => observed(report, each));
  if (drawn.length === 0) return null;
  const section = h("section", {}, h("h2", {}, "Residuals and hold-outs"));
  for (const each of drawn) {
    const values = observed(report, each)!;
    const rows = values.map((_, i) => i).filter((i) => values[i] !== null && each.at_cells.value[i] !== null);
    if (!rows.length) continue;
    section.append(chart({
      title: `${safe(each.fit.law)}: observed above predicted`, x: { label: "compute 6ND (FLOPs)", log: true },
      y: { label: "relative difference (%)", log: false },
      series: [{ name: "best run of a cell", kind: "points", color: 0, x: rows.map((i) => along(report, "C", i)),
        y: rows.map((i) => 100 * (values[i]! / each.at_cells.value[i]! - 1)),
        notes: rows.map((i) => `N = ${count(report.cells.params[i])}, D = ${count(report.cells.tokens[i])}`) }],
    }));
  }
  const held = report.fits.filter((each) => each.fit.holdout);
  section.append(held.length
    ? table(["Law", "Runs held out", "Mean relative error", "Mean excess loss"], held.map(({ fit }) => [safe(fit.law), String(fit.holdout!.runs ?? 0),
      `${number(100 * (fit.holdout!.mean_relative_error ?? 0), 3)} %`,
      fit.holdout!.mean_excess_loss === undefined ? "–" : `${number(100 * fit.holdout!.mean_excess_loss, 3)} %`]), [false, true, true, true], "Scores on runs that the fits did not see")
    : h("p", {}, "No runs were held out: --holdout 'FILTER' of `sextant fits create` keeps some back and scores the fit on them."));
  return section;
}

function parameters(fit: Fit): HTMLElement {
  return table(["Parameter", "Estimate", "95 % interval", "Note"], (fit.parameters ?? []).map((p) => [safe(p.name), number(p.estimate ?? 0),
    p.low === undefined || p.high === undefined ? "–" : `${number(p.low)} to ${number(p.high)}`, p.at_bound ? "at its bound" : ""]),
    [false, true, true, false], `Parameters of ${safe(fit.law)}`);
}

export function identifiability(report: Report): HTMLElement | null {
  if (report.fits.length === 0) return null;
  const section = h("section", {}, h("h2", {}, "Identifiability and warnings"));
  for (const { fit, law } of report.fits) {
    section.append(h("details", { open: (fit.warnings ?? []).length > 0 },
      h("summary", {}, `${safe(fit.law)}${fit.estimator ? ` by ${safe(fit.estimator)}` : ""}: ${(fit.warnings ?? []).length || "no"} warnings`),
      law.expression ? h("p", {}, h("code", {}, safe(law.expression, 1000))) : null, parameters(fit),
      h("p", {}, `${fit.starts_at_optimum ?? 0} of ${fit.starts ?? 0} starts reached the optimum; condition number ${typeof fit.condition_number === "number" ? number(fit.condition_number, 3) : fit.condition_number ?? "–"}; objective ${number(fit.objective ?? 0, 6)}.`),
      h("ul", { class: "warnings" }, ...(fit.warnings ?? []).map((text) => h("li", {}, safe(text, 1000))))));
  }
  const warnings = report.grid.warnings ?? [];
  if (warnings.length) {
    section.append(h("h3", {}, "Far beyond the data"), h("ul", { class: "warnings" }, ...warnings.map((text) => h("li", {}, safe(text, 1000)))));
  }
  return section;
}

type Curve = Report["curves"][number];
// Of a curve at a step; null where the run does not say.
const CURVE_AXES: Record<string, { axis: Axis; at: (curve: Curve, step: number) => number | null }> = {
  steps: { axis: { label: "step", log: true, count: true }, at: (_, step) => step },
  tokens: { axis: { label: "tokens", log: true, count: true }, at: (c, step) => (c.tokens === null ? null : (c.tokens * step) / c.step[c.step.length - 1]) },
  FLOPs: { axis: { label: "compute 6ND (FLOPs)", log: true }, at: (c, step) => (c.tokens === null || c.params === null ? null : (6 * c.params * c.tokens * step) / c.step[c.step.length - 1]) },
};

export function curves(report: Report): HTMLElement | null {
  if (report.curves.length === 0) return null;
  const unit = lossUnitWords(report.study.loss_unit);
  const holder = h("div");
  const draw = (): void => {
    const { axis, at } = CURVE_AXES[over.value];
    const usable = report.curves.filter((curve) => at(curve, 1) !== null);
    holder.replaceChildren(chart({
      title: `Loss over ${over.value}: the best run of each cell`, x: axis, y: { label: `loss (${unit})`, log: true },
      series: usable.map((curve, i) => ({ name: `N = ${count(curve.params)}, D = ${count(curve.tokens)}`, kind: "line" as const,
        x: curve.step.map((step) => at(curve, step)!), y: curve.loss, color: i, dashed: curve.validation })),
      note: report.curves.some((curve) => curve.validation) ? "Dashed: validation loss, where no training loss was recorded." : undefined,
    }));
  };
  const over = h("select", { id: "curve-axis", change: draw }, ...Object.keys(CURVE_AXES).map((key) => h("option", { value: key }, key)));
  draw();
  return h("section", {}, h("h2", {}, "Curves"), h("p", { class: "screen" }, h("label", { for: "curve-axis" }, "Losses over "), over), holder);
}

export function provenance(report: Report): HTMLElement {
  const rows = report.fits.map(({ fit }) => [safe(fit.law), safe(fit.name.split("/").pop() ?? ""), String(fit.runs_used ?? 0), safe(fit.filter || "every finished run"),
    safe(fit.holdout_filter || "–"), safe(fit.loss || "–"), String(fit.bootstrap_replicates ?? 0), fit.seed ?? "0", fit.create_time ?? "", h("code", {}, fit.data_digest ?? "")]);
  return h("section", {}, h("h2", {}, "Provenance"),
    h("p", {}, `Study ${safe(report.study.name)}${report.study.title ? ` (${safe(report.study.title)})` : ""}: ${report.runs.total} runs; N counts ${lossUnitWords(report.study.param_count ?? "NON_EMBEDDING")} parameters; loss in ${lossUnitWords(report.study.loss_unit)}. Written by sextant ${safe(report.version)} at ${safe(report.generated)}.`),
    report.study.description ? h("p", {}, safe(report.study.description, 16000)) : null,
    rows.length ? table(["Law", "Fit", "Runs", "Filter", "Held out", "Loss", "Replicates", "Seed", "Made", "Digest of the data"], rows, [false, false, true, false, false, false, true, true], "Fits") : null);
}

/** Every run that the page holds, by what it cost and where it ended. */
function allRuns(report: Report): HTMLElement | null {
  const { runs } = report;
  const unit = lossUnitWords(report.study.loss_unit);
  const rows = runs.params.map((_, i) => i).filter((i) => runs.params[i] !== null && runs.tokens[i] !== null && runs.loss[i] !== null && runs.state[i] !== "d");
  if (rows.length < 2) return null;
  return chart({ title: "Every run by compute and loss", x: { label: "compute 6ND (FLOPs)", log: true }, y: { label: `loss (${unit})`, log: true },
    series: [{ name: "runs", kind: "points", color: 0, x: rows.map((i) => 6 * runs.params[i]! * runs.tokens[i]!), y: rows.map((i) => runs.loss[i]),
      notes: rows.map((i) => safe(runs.id[i], 60)) }],
    note: runs.id.length < runs.total ? `${runs.id.length} of ${runs.total} runs: every ${Math.ceil(runs.total / runs.id.length)}th.` : undefined });
}

export function data(report: Report): HTMLElement {
  const { runs } = report;
  const head = ["Run", "Parameters", "Tokens", "Learning rate", "Batch (tokens)", "Loss", "State"];
  const body = h("div");
  const filter = h("input", { id: "run-filter", type: "search", autocomplete: "off", input: () => show() });
  const state = h("select", { id: "run-state", change: () => show() }, h("option", { value: "" }, "every state"),
    ...Object.entries(STATES).filter(([key]) => runs.state.includes(key)).map(([key, name]) => h("option", { value: key }, name)));
  const chosen = (): number[] => runs.id.map((_, i) => i).filter((i) => runs.id[i].includes(filter.value) && (!state.value || runs.state[i] === state.value));
  const show = (): void => {
    const rows = chosen();
    body.replaceChildren(
      h("p", { role: "status" }, `${rows.length} of ${runs.total} runs${rows.length > MOST_ROWS ? `, the first ${MOST_ROWS} of them shown` : ""}` +
        (runs.id.length < runs.total ? `; this page holds every ${Math.ceil(runs.total / runs.id.length)}th` : "")),
      table(head, rows.slice(0, MOST_ROWS).map((i) => [safe(runs.id[i], 80), count(runs.params[i]), count(runs.tokens[i]), number(runs.learning_rate[i]),
        count(runs.batch_size_tokens[i]), number(runs.loss[i], 6), STATES[runs.state[i]] ?? runs.state[i]]), [false, true, true, true, true, true, false], "Runs"));
  };
  show();
  return h("section", {}, h("h2", {}, "Data"), allRuns(report),
    h("p", { class: "screen" }, h("label", { for: "run-filter" }, "Id holds "), filter, " ", h("label", { for: "run-state" }, "State "), state, " ",
      h("button", { type: "button", click: () => save("runs.csv", "text/csv", csv([
        ["run", "params", "tokens", "learning_rate", "batch_size_tokens", "loss", "state"],
        ...chosen().map((i) => [runs.id[i], runs.params[i], runs.tokens[i], runs.learning_rate[i], runs.batch_size_tokens[i], runs.loss[i], STATES[runs.state[i]] ?? ""])])) }, "CSV")),
    body);
}
