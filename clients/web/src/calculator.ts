// SPDX-License-Identifier: Apache-2.0
// What to use for a run: predictions between the places of the grid that came with the data, kept in the address.
import { Grid, Maybe, Report } from "./data";
import { h, table } from "./dom";
import { count, lossUnitWords, number, parseCount, quantity, quantityName } from "./format";

export interface Target {
  params: number;
  tokens: number;
}

export interface Answer {
  name: string;
  value: number;
  low: Maybe;
  high: Maybe;
  nearLow: Maybe;
  nearHigh: Maybe;
}

const FLOPS = 6; // per parameter and token

function place(values: number[], value: number): { index: number; share: number } | null {
  const last = values.length - 1;
  if (last < 0 || value < values[0] * (1 - 1e-9) || value > values[last] * (1 + 1e-9)) return null;
  let index = 0;
  while (index < last - 1 && values[index + 1] <= value) ++index;
  if (last === 0) return { index: 0, share: 0 };
  return { index, share: Math.log(value / values[index]) / Math.log(values[index + 1] / values[index]) };
}

/** Linear in the logarithms, in which a power law is linear; null where a neighbour is not answered. */
function between(grid: Grid, values: Maybe[], target: Target): Maybe {
  const n = place(grid.params, target.params), d = place(grid.tokens, target.tokens);
  if (!n || !d) return null;
  let sum = 0;
  for (const [di, dw] of [[0, 1 - d.share], [1, d.share]]) {
    for (const [ni, nw] of [[0, 1 - n.share], [1, n.share]]) {
      if (dw * nw === 0) continue;
      const value = values[(n.index + ni) * grid.tokens.length + d.index + di];
      if (value === null || value === undefined || value <= 0) return null;
      sum += dw * nw * Math.log(value);
    }
  }
  return Math.exp(sum);
}

export function predict(report: Report, target: Target): Answer[] {
  const grid = report.grid as Grid;
  const answers: Answer[] = [];
  for (const [name, values] of Object.entries(grid.quantities ?? {})) {
    const value = between(grid, values.value, target);
    if (value === null) continue;
    answers.push({
      name, value, low: between(grid, values.low, target), high: between(grid, values.high, target),
      nearLow: between(grid, values.near_low, target), nearHigh: between(grid, values.near_high, target),
    });
  }
  const order = ["learning_rate", "batch_size_tokens", "loss", "critical_batch_size_tokens"];
  const rank = (answer: Answer): number => (order.indexOf(answer.name) + order.length + 1) % (order.length + 1);
  return answers.sort((a, b) => rank(a) - rank(b));
}

/** Ten times the largest model of the study, on ten times its longest run. */
export function defaultTarget(report: Report): Target {
  const largest = Math.max(...report.cells.params), longest = Math.max(...report.cells.tokens);
  return { params: Number((10 * largest).toPrecision(2)), tokens: Number((10 * longest).toPrecision(2)) };
}

/** "6.4e7": in an address "+" is a space. */
function forAddress(value: number): string {
  return String(Number(value.toPrecision(6))).replace("+", "");
}

export function targetFromAddress(): Target | null {
  const values = new URLSearchParams(location.hash.slice(1));
  const params = parseCount(values.get("n") ?? ""), tokens = parseCount(values.get("d") ?? "");
  return params && tokens ? { params, tokens } : null;
}

function beyond(report: Report, target: Target): string {
  const times = (value: number, values: number[]): number => Math.max(1, value / Math.max(...values), Math.min(...values) / value);
  const n = times(target.params, report.cells.params), d = times(target.tokens, report.cells.tokens);
  if (n === 1 && d === 1) return "Within the range of the study's runs.";
  return `Beyond the study's runs: ${number(n, 3)} times in parameters, ${number(d, 3)} times in tokens.`;
}

export function calculator(report: Report, onChange: (target: Target) => void): HTMLElement {
  let target = targetFromAddress() ?? defaultTarget(report);
  const unit = lossUnitWords(report.study.loss_unit);
  const answers = h("div", { "aria-live": "polite" });
  const note = h("p", { class: "note" });
  const problem = h("p", { class: "problem", role: "alert" });
  const field = (id: string, text: string): HTMLInputElement => {
    const input = h("input", { id, type: "text", inputmode: "text", autocomplete: "off", spellcheck: "false" });
    form.append(h("label", { for: id }, text), input);
    return input;
  };
  const form = h("form", { class: "calculator", submit: (event: Event) => event.preventDefault() });
  const params = field("calc-n", "Parameters N"), tokens = field("calc-d", "Tokens D"), flops = field("calc-c", "Compute 6ND (FLOPs)");

  const show = (): void => {
    const found = predict(report, target);
    const interval = (low: Maybe, high: Maybe, name: string): string =>
      low === null || high === null ? "–" : `${quantity(name, low)} to ${quantity(name, high)}`;
    answers.replaceChildren(found.length
      ? table(["Quantity", "Value", "90 % interval", "Hardly worse within"],
        found.map((a) => [quantityName(a.name, unit), quantity(a.name, a.value), interval(a.low, a.high, a.name),
          interval(a.nearLow, a.nearHigh, a.name)]), [false, true, true, true], "What the fits answer for this run")
      : h("p", {}, "The study's fits do not answer that far from their data."));
    note.textContent = beyond(report, target);
    problem.textContent = "";
    onChange(target);
  };
  const write = (): void => {
    params.value = count(target.params, 6);
    tokens.value = count(target.tokens, 6);
    flops.value = number(FLOPS * target.params * target.tokens, 6);
  };
  const read = (changed: HTMLInputElement): void => {
    const value = parseCount(changed.value);
    if (!value) {
      problem.textContent = `"${changed.value.slice(0, 40)}" is no positive number such as 7B, 1.4T, 2^20 or 7e9.`;
      return;
    }
    if (changed === params) target = { ...target, params: value };
    if (changed === tokens) target = { ...target, tokens: value };
    if (changed === flops) target = { ...target, tokens: value / (FLOPS * target.params) };
    write();
    history.replaceState(null, "", `#n=${forAddress(target.params)}&d=${forAddress(target.tokens)}`);
    show();
  };
  for (const input of [params, tokens, flops]) input.addEventListener("change", () => read(input));
  window.addEventListener("hashchange", () => {
    target = targetFromAddress() ?? target;
    write();
    show();
  });
  write();
  show();
  return h("div", {}, form, problem, answers, note,
    h("p", { class: "note screen" }, "The address of this page holds N and D: send it on to share the answer."));
}
