// SPDX-License-Identifier: Apache-2.0
// Which estimator and which law of the loss to trust on this study, by evidence that was held out.
import { chart, Series } from "./chart";
import { Report } from "./data";
import { h, table } from "./dom";
import { number, safe } from "./format";

const SPLITS: Record<string, string> = { "leave-one-cell-out": "one cell left out", "leave-one-N-out": "one N left out", "small-to-large": "small to large" };

function estimators(report: Report): HTMLElement | null {
  const scores = report.compared_estimators?.estimators ?? [];
  if (scores.length === 0) return null;
  const names = [...new Set(scores.map((s) => s.estimator))];
  const series: Series[] = [...new Set(scores.map((s) => s.split))].map((split, k) => {
    const rows = scores.filter((s) => s.split === split);
    return { name: SPLITS[split] ?? split, kind: "points" as const, x: rows.map((s) => s.mean_excess_pct ?? 0), y: rows.map((s) => names.indexOf(s.estimator)), color: k,
      hollow: k > 0, notes: rows.map((s) => `${s.estimator}, ${SPLITS[split] ?? split}: at worst ${number(s.max_excess_pct ?? 0, 3)} % over ${s.cells ?? 0} cells`) };
  });
  return chart({ title: "Estimators of rate and batch by loss given away where they did not look", x: { label: "mean excess loss (%)", log: false },
    y: { label: "", log: false, names }, series, note: report.compared_estimators?.verdict ? safe(report.compared_estimators.verdict, 1000) : undefined });
}

function laws(report: Report): HTMLElement | null {
  const scores = (report.compared_laws?.laws ?? []).filter((s) => !s.error);
  if (scores.length === 0) return null;
  const names = scores.map((s) => safe(s.law, 30));
  return h("div", {},
    chart({ title: "Laws of the loss by error on the largest scales", x: { label: "mean relative error (%)", log: false }, y: { label: "", log: false, names },
      series: [{ name: "held out", kind: "points", x: scores.map((s) => 100 * (s.mean_relative_error ?? 0)), y: scores.map((_, i) => i), color: 0 }],
      note: report.compared_laws?.verdict ? safe(report.compared_laws.verdict, 1000) : undefined }),
    table(["Law", "Held-out error", "AIC", "BIC", "Rank by AIC"], scores.map((s) => [safe(s.law, 60), `${number(100 * (s.mean_relative_error ?? 0), 3)} %`,
      number(s.aic ?? 0), number(s.bic ?? 0), String(s.rank_by_aic ?? "–")]), [false, true, true, true, true], "Laws of the loss"));
}

export function compared(report: Report): HTMLElement | null {
  const parts = [estimators(report), laws(report)].filter((part): part is HTMLElement => part !== null);
  return parts.length ? h("section", {}, h("h2", {}, "Estimators and laws compared"), ...parts) : null;
}
