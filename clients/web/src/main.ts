// SPDX-License-Identifier: Apache-2.0
import "./style.css";
import { calculator, defaultTarget, predict, targetFromAddress } from "./calculator";
import { embeddedReport, fetchAnalyses, fetchReport, listStudies, Report, ServerError } from "./data";
import { h } from "./dom";
import { safe } from "./format";
import { cells } from "./cells";
import { compared } from "./compared";
import { criticalBatches } from "./critical";
import { forecasts } from "./forecasts";
import * as sections from "./sections";
import { valleys } from "./valleys";

const main = document.getElementById("main") as HTMLElement;

/** The sections that need analyses, in their places; `analysed` fills them. */
function analyses(report: Report): { batches: HTMLElement; comparison: HTMLElement; analysed: () => void } {
  const batches = h("div"), comparison = h("div");
  const analysed = (): void => {
    batches.replaceChildren(...[criticalBatches(report)].filter((part): part is HTMLElement => part !== null));
    comparison.replaceChildren(...[compared(report)].filter((part): part is HTMLElement => part !== null));
  };
  analysed();
  return { batches, comparison, analysed };
}

/** Draws it all, and returns what draws the analyses once they have come. */
function render(report: Report, before: Node | null = null): () => void {
  const late = analyses(report);
  const id = safe(report.study.name.replace(/^studies\//, ""));
  document.title = `${id} – Sextant`;
  const heading = h("h1", {}, report.study.title ? safe(report.study.title) : id);
  const lead = h("div");
  const decide = (target = targetFromAddress() ?? defaultTarget(report)): void =>
    lead.replaceChildren(sections.decision(report, target, predict(report, target)));
  main.replaceChildren(...[
    before, heading,
    h("section", { "aria-labelledby": "decision" }, h("h2", { id: "decision" }, "Decision"), lead,
      report.fits.length && report.cells.params.length ? calculator(report, decide) : null),
    sections.laws(report), cells(report), valleys(report), late.batches, sections.residuals(report), forecasts(report), late.comparison,
    sections.identifiability(report), sections.curves(report),
    sections.provenance(report), sections.data(report),
  ].filter((part): part is HTMLElement => part !== null));
  if (!report.fits.length || !report.cells.params.length) lead.replaceChildren(sections.decision(report, { params: 0, tokens: 0 }, []));
  return late.analysed;
}

/** The page of a server: which study, and then its report. */
async function browse(): Promise<void> {
  let token = sessionStorage.getItem("sextant-token") ?? "";
  const status = h("p", { role: "status" });
  const choice = h("select", { id: "study" });
  const bar = h("form", { class: "bar", submit: (event: Event) => event.preventDefault() }, h("label", { for: "study" }, "Study "), choice);
  const fail = (error: unknown): void => {
    status.textContent = error instanceof Error ? safe(error.message, 500) : "the server does not answer";
    if (!(error instanceof ServerError) || error.status !== 401) return;
    const input = h("input", { id: "token", type: "password", autocomplete: "off" });
    main.replaceChildren(h("h1", {}, "Sextant"), status, h("form", { submit: (event: Event) => {
      event.preventDefault();
      sessionStorage.setItem("sextant-token", input.value);
      void browse();
    } }, h("label", { for: "token" }, "Token "), input, h("button", {}, "Go on")));
  };
  const open = async (study: string): Promise<void> => {
    status.textContent = `Reading ${safe(study)} …`;
    try {
      const report = await fetchReport(study, token);
      status.textContent = "";
      const analysed = render(report, bar);
      // What the runs do not tell is left out; that the analysis failed changes nothing of the rest.
      fetchAnalyses(study, token).then((more) => {
        Object.assign(report, more);
        if (choice.value === study) analysed();
      }).catch(() => undefined);
    } catch (error) {
      main.replaceChildren(bar, h("h1", {}, "Sextant"), status);
      fail(error);
    }
  };
  choice.addEventListener("change", () => {
    history.replaceState(null, "", `?study=${encodeURIComponent(choice.value)}`);
    void open(choice.value);
  });
  main.replaceChildren(h("h1", {}, "Sextant"), status);
  try {
    token = sessionStorage.getItem("sextant-token") ?? "";
    const studies = await listStudies(token);
    if (studies.length === 0) {
      status.textContent = "This server has no study yet: `sextant studies create ID` makes one.";
      return;
    }
    choice.replaceChildren(...studies.map((study) => {
      const id = study.name.replace(/^studies\//, "");
      return h("option", { value: id }, `${safe(id)} (${study.runCount ?? 0} runs, ${study.fitCount ?? 0} fits)`);
    }));
    const wanted = new URLSearchParams(location.search).get("study");
    if (wanted && studies.some((study) => study.name === `studies/${wanted}`)) choice.value = wanted;
    main.replaceChildren(bar, h("h1", {}, "Sextant"), status);
    await open(choice.value);
  } catch (error) {
    fail(error);
  }
}

const report = embeddedReport();
if (report) render(report);
else void browse();
