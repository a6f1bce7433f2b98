// SPDX-License-Identifier: Apache-2.0
// The ledger of forecasts: what was said before runs, how it turned out, and how well the stated intervals held.
import { chart, Series } from "./chart";
import { Forecast, Report } from "./data";
import { h, table } from "./dom";
import { lossUnitWords, number, quantity as shown, quantityName, safe } from "./format";

interface Scored {
  quantity: string;
  forecast: Forecast;
  ratio: number; // of what was said to what happened
  low: number | null;
  high: number | null;
  verdict: string;
  error: number;
  beyond: number; // how far the target lay outside the runs
}

function scoredOf(forecasts: Forecast[]): Scored[] {
  const found: Scored[] = [];
  for (const forecast of forecasts) {
    for (const score of forecast.scores ?? []) {
      const said = forecast.prediction?.[score.quantity] as { value?: number; low?: number; high?: number } | undefined;
      if (!said?.value || !score.actual) continue;
      const far = forecast.prediction?.extrapolation as { params?: number; tokens?: number } | undefined;
      found.push({ quantity: score.quantity, forecast, ratio: said.value / score.actual, low: said.low === undefined ? null : said.low / score.actual,
        high: said.high === undefined ? null : said.high / score.actual, verdict: score.verdict ?? "", error: score.error ?? 0,
        beyond: Math.max(1, far?.params ?? 1, far?.tokens ?? 1) });
    }
  }
  return found;
}

function outcomes(scored: Scored[], unit: string): HTMLElement {
  const series: Series[] = [...new Set(scored.map((s) => s.quantity))].map((name, k) => {
    const rows = scored.filter((s) => s.quantity === name);
    return { name: quantityName(name, unit), kind: "points" as const, x: rows.map((s) => s.beyond), y: rows.map((s) => s.ratio), low: rows.map((s) => s.low),
      high: rows.map((s) => s.high), color: k, notes: rows.map((s) => `${safe(s.forecast.name?.split("/").pop() ?? "", 60)}, ${s.verdict || "no interval"}`) };
  });
  const far = Math.max(...scored.map((s) => s.beyond), 1.1);
  series.push({ name: "as it turned out", kind: "line", dashed: true, x: [1, far], y: [1, 1], color: "ink" });
  return chart({ title: "Forecasts over how far they extrapolated", x: { label: "times beyond the runs", log: true }, y: { label: "forecast / actual", log: true }, series,
    note: "A bar that crosses 1 held what happened." });
}

/** Wilson's interval of a share, at 90 %. */
function wilson(hits: number, of: number): [number, number] {
  const z = 1.6448536, share = hits / of, z2 = (z * z) / of;
  const middle = (share + z2 / 2) / (1 + z2), half = (z / (1 + z2)) * Math.sqrt((share * (1 - share)) / of + z2 / (4 * of));
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}

function calibration(scored: Scored[], unit: string): HTMLElement {
  const rows = [...new Set(scored.map((s) => s.quantity))].map((name) => {
    const of = scored.filter((s) => s.quantity === name), judged = of.filter((s) => s.low !== null);
    const inside = judged.filter((s) => s.verdict === "inside").length;
    const nominal = judged.reduce((sum, s) => sum + (s.forecast.inputs?.interval ?? 0.9), 0) / Math.max(1, judged.length);
    const [low, high] = judged.length ? wilson(inside, judged.length) : [0, 1];
    const bias = of.reduce((sum, s) => sum + s.error, 0) / of.length;
    return [quantityName(name, unit), String(of.length), judged.length ? `${inside} of ${judged.length}` : "–", judged.length ? `${number(100 * nominal, 3)} %` : "–",
      judged.length ? `${number((100 * inside) / judged.length, 3)} % [${number(100 * low, 3)}, ${number(100 * high, 3)}]` : "–", `${number(100 * (Math.exp(bias) - 1), 3)} %`];
  });
  return table(["Quantity", "Scored", "Inside", "Stated coverage", "Coverage", "Actual above forecast"], rows, [false, true, true, true, true, true], "How well the stated intervals held");
}

function ledger(forecasts: Forecast[], unit: string): HTMLElement {
  const rows = forecasts.slice(0, 200).map((f) => {
    const loss = f.prediction?.loss as { value?: number; low?: number; high?: number } | undefined;
    return [safe(f.name?.split("/").pop() ?? "", 80), (f.seal_time ?? "").slice(0, 16).replace("T", " "), shown("params", f.inputs?.params), shown("tokens", f.inputs?.tokens),
      loss?.value === undefined ? "–" : `${number(loss.value)}${loss.low === undefined ? "" : ` [${number(loss.low)}, ${number(loss.high)}]`}`,
      (f.scores ?? []).map((s) => `${s.quantity.replace(/_/g, " ")} ${s.verdict ?? ""}`).join(", ") || "waiting", f.seal_broken ? "broken" : "holds"];
  });
  return table(["Forecast", "Sealed", "N", "D", `Loss (${unit})`, "Outcome", "Seal"], rows, [false, false, true, true, true, false, false], "Forecasts");
}

export function forecasts(report: Report): HTMLElement | null {
  const all = report.forecasts ?? [];
  if (all.length === 0) return null;
  const unit = lossUnitWords(report.study.loss_unit);
  const scored = scoredOf(all);
  return h("section", {}, h("h2", {}, "Forecasts and how they turned out"),
    ...(scored.length ? [outcomes(scored, unit), calibration(scored, unit)] : [h("p", {}, "No run tells of a forecast yet.")]), ledger(all, unit));
}
