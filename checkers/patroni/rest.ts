import type { Verdict } from "../../src/core/verdict.ts";
import type { HttpAnswer } from "../../src/lib/http-get.ts";

/** What Patroni's answer to a health check means: 200 and nothing else is yes (Patroni, "REST API"). */
export function judgeRest({ status, body }: HttpAnswer, endpoint: string): Verdict {
  const { role, state } = readBody(body);
  if (status === 200)
    return { state: "up", reason: role === undefined ? `Patroni says yes to /${endpoint}` : `it is ${role}` };
  const words = notWords(role, state);
  if (status === 503 && words !== undefined) return { state: "down", reason: words };
  return { state: "down", reason: `Patroni answers ${status} to /${endpoint}` };
}

function notWords(role: string | undefined, state: string | undefined): string | undefined {
  if (state !== undefined && state !== "running" && state !== "streaming") return `PostgreSQL is ${state}`;
  return role === undefined ? undefined : `it is ${role}`;
}

/** Patroni says `master` before version 4, for what it calls the primary everywhere else. */
function readBody(body: string): { readonly role?: string; readonly state?: string } {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return {};
  }
  if (typeof json !== "object" || json === null) return {};
  const { role, state } = json as { role?: unknown; state?: unknown };
  return {
    ...(typeof role === "string" ? { role: roleWords(role) } : {}),
    ...(typeof state === "string" ? { state: state.slice(0, 40) } : {}),
  };
}

function roleWords(role: string): string {
  if (role === "master" || role === "primary") return "the primary";
  return role === "standby_leader" ? "the standby leader" : `a ${role.slice(0, 40)}`;
}
