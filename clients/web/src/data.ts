// SPDX-License-Identifier: Apache-2.0
// What the program gathered of a study (server/report/report_data.cc), and how a page comes by it.

export type Maybe = number | null;

export interface Values {
  value: Maybe[];
  low: Maybe[];
  high: Maybe[];
}

export interface Fit {
  name: string;
  law: string;
  predicts?: string;
  estimator?: string;
  runs_used?: number;
  cells_used?: number;
  parameters?: { name: string; estimate?: number; low?: number; high?: number; at_bound?: boolean }[];
  objective?: number;
  starts?: number;
  starts_at_optimum?: number;
  condition_number?: number | string;
  holdout?: { runs?: number; mean_relative_error?: number; mean_excess_loss?: number };
  warnings?: string[];
  fitted_ranges?: { variable: string; low?: number; high?: number }[];
  loss?: string;
  filter?: string;
  holdout_filter?: string;
  seed?: string;
  bootstrap_replicates?: number;
  data_digest?: string;
  version?: string;
  create_time?: string;
}

export interface Law {
  title?: string;
  expression?: string;
  citation?: string;
  predicts?: string;
}

export interface ReportFit {
  fit: Fit;
  law: Law;
  over: string;
  lines: ({ params: Maybe; x: number[] } & Values)[];
  at_cells: Values;
}

export interface Grid {
  params: number[];
  tokens: number[];
  warnings: string[];
  quantities: Record<string, Values & { near_low: Maybe[]; near_high: Maybe[] }>;
}

export interface Interval {
  value: number;
  low: number;
  high: number;
}

export interface CriticalCell {
  params: number;
  tokens: number;
  points?: { batch_size_tokens: number; learning_rate: number; steps: number; tokens: number }[];
  estimates?: { definition: string; batch_size_tokens?: Interval; target_loss?: number; min_steps?: Interval }[];
}

export interface Compared {
  estimators?: { estimator: string; split: string; mean_excess_pct?: number; max_excess_pct?: number; cells?: number }[];
  laws?: { law: string; mean_relative_error?: number; aic?: number; bic?: number; rank_by_aic?: number; error?: string }[];
  verdict?: string;
}

export interface Forecast {
  name?: string;
  seal_time?: string;
  inputs?: { params?: number; tokens?: number; interval?: number };
  prediction?: Record<string, unknown>;
  seal_broken?: boolean;
  scores?: { quantity: string; run?: string; actual?: number; error?: number; verdict?: string }[];
}

export interface Report {
  version: string;
  generated: string;
  study: {
    name: string;
    title?: string;
    description?: string;
    param_count?: string;
    loss_unit?: string;
    labels?: Record<string, string>;
    run_count?: number;
    fit_count?: number;
  };
  runs: {
    total: number;
    id: string[];
    params: Maybe[];
    tokens: Maybe[];
    learning_rate: Maybe[];
    batch_size_tokens: Maybe[];
    loss: Maybe[];
    cell: number[]; // of `cells`; -1: none of them
    state: string[];
  };
  cells: {
    params: number[];
    tokens: number[];
    runs: number[];
    diverged: number[];
    learning_rate: Maybe[];
    batch_size_tokens: Maybe[];
    loss: Maybe[];
  };
  fits: ReportFit[];
  grid: Partial<Grid>;
  curves: { run: string; params: Maybe; tokens: Maybe; validation: boolean; step: number[]; loss: number[] }[];
  critical_batch?: { cells?: CriticalCell[] };
  compared_estimators?: Compared;
  compared_laws?: Compared;
  forecasts?: Forecast[];
}

/** The data in the page itself; null in the page that a server sends. */
export function embeddedReport(): Report | null {
  const text = document.getElementById("sextant-data")?.textContent ?? "";
  if (!text.startsWith("{")) return null;
  return JSON.parse(text) as Report;
}

export class ServerError extends Error {
  constructor(message: string, readonly status: number) {
    super(message);
  }
}

async function answer(response: Response): Promise<unknown> {
  const body = (await response.json()) as { message?: string };
  if (!response.ok) throw new ServerError(body.message ?? response.statusText, response.status);
  return body;
}

function headers(token: string): Record<string, string> {
  return token ? { Authorization: `Bearer ${token}` } : {};
}

export interface StudyLine {
  name: string;
  title?: string;
  runCount?: number;
  fitCount?: number;
  readOnly?: boolean;
}

/** Every study of the server that sent the page. */
export async function listStudies(token: string): Promise<StudyLine[]> {
  const studies: StudyLine[] = [];
  let pageToken = "";
  do {
    const response = await fetch("/sextant.v1.StudyService/ListStudies", {
      method: "POST",
      headers: { "Content-Type": "application/json", "Connect-Protocol-Version": "1", ...headers(token) },
      body: JSON.stringify({ pageSize: 1000, pageToken }),
    });
    const page = (await answer(response)) as { studies?: StudyLine[]; nextPageToken?: string };
    studies.push(...(page.studies ?? []));
    pageToken = page.nextPageToken ?? "";
  } while (pageToken);
  return studies.filter((study) => !study.readOnly);
}

/** What takes seconds: critical batches, estimators and laws compared. */
export async function fetchAnalyses(study: string, token: string): Promise<Pick<Report, "critical_batch" | "compared_estimators" | "compared_laws">> {
  return (await answer(await fetch(`/report?study=${encodeURIComponent(study)}&part=analyses`, { headers: headers(token) }))) as Report;
}

export async function fetchReport(study: string, token: string): Promise<Report> {
  return (await answer(await fetch(`/report?study=${encodeURIComponent(study)}`, { headers: headers(token) }))) as Report;
}
