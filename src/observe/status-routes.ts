import type { Metrics } from "./metrics.ts";
import { statusHtml } from "./status-html.ts";
import { statusJson } from "./status-json.ts";
import { type StatusReport, unreadyLines } from "./status-report.ts";
import { statusText } from "./status-text.ts";

/** What is asked, of an HTTP request. */
export interface Question {
  readonly method: string;
  /** As it stands in the request line. */
  readonly url: string;
  /** The `Accept` header, empty without one. */
  readonly accept: string;
}

/** An HTTP answer. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What the answers are made of; nothing is made before it is asked for. */
export interface Sources {
  report(): StatusReport;
  metrics(): Promise<Metrics>;
}

type Route = (sources: Sources, question: Question, query: URLSearchParams) => Answer | Promise<Answer>;

const TEXT = "text/plain; charset=utf-8";

/** Columns of a terminal: what is taken without `?width=`, and what is reasonable. */
const WIDTH = { default: 80, min: 40, max: 1_000 } as const;

/** Nothing but the page's own style may do anything in a browser, were an escape ever forgotten. */
const PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const ROUTES: Readonly<Record<string, { readonly what: string; readonly route: Route }>> = {
  "/": { what: "the status of every tag, for a browser or as text", route: front },
  "/status": { what: "the same as JSON", route: ({ report }) => json(statusJson(report())) },
  "/status.txt": { what: "the same as text; ?width=120 for a wide terminal", route: text },
  "/metrics": { what: "metrics for Prometheus", route: metrics },
  "/healthz": { what: "200 while the process runs", route: () => plain(200, "ok") },
  "/readyz": { what: "200 when every tag has read its entry and asked its servers", route: ready },
};

/** Answers a question; rejects for a bug only, and when the process stops. */
export async function answer(question: Question, sources: Sources): Promise<Answer> {
  const url = URL.canParse(question.url, "http://status") ? new URL(question.url, "http://status") : undefined;
  const found = url === undefined || !Object.hasOwn(ROUTES, url.pathname) ? undefined : ROUTES[url.pathname];
  if (url === undefined || found === undefined) return plain(404, `There is no such page. There are:\n${pathList()}`);
  if (question.method !== "GET" && question.method !== "HEAD") {
    return { ...plain(405, "This can only be read: use GET or HEAD."), headers: { Allow: "GET, HEAD" } };
  }
  return await found.route(sources, question, url.searchParams);
}

function front(sources: Sources, question: Question, query: URLSearchParams): Answer {
  const vary = { Vary: "Accept" };
  if (!question.accept.includes("text/html")) return { ...text(sources, question, query), headers: vary };
  const headers = { ...vary, "Content-Security-Policy": PAGE_POLICY };
  return { status: 200, type: "text/html; charset=utf-8", body: statusHtml(sources.report()), headers };
}

function text({ report }: Sources, _question: Question, query: URLSearchParams): Answer {
  const width = Number(query.get("width") ?? WIDTH.default);
  if (!Number.isInteger(width) || width < WIDTH.min || width > WIDTH.max) {
    return plain(400, `width is a whole number from ${WIDTH.min} to ${WIDTH.max}: the columns of the terminal.`);
  }
  return { status: 200, type: TEXT, body: statusText(report(), width) };
}

async function metrics(sources: Sources): Promise<Answer> {
  const { contentType, scrape } = await sources.metrics();
  return { status: 200, type: contentType, body: await scrape() };
}

function ready({ report }: Sources): Answer {
  const lines = unreadyLines(report());
  return lines.length === 0 ? plain(200, "ready") : plain(503, `not ready\n${lines.join("\n")}`);
}

function pathList(): string {
  return Object.entries(ROUTES)
    .map(([path, { what }]) => `  ${path.padEnd(12)}${what}`)
    .join("\n");
}

function plain(status: number, body: string): Answer {
  return { status, type: TEXT, body: `${body}\n` };
}

function json(body: string): Answer {
  return { status: 200, type: "application/json", body };
}
