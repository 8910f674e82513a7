import { AppError } from "../core/errors.ts";
import type { Consistency, StoreOptions, TlsOptions } from "../core/store-options.ts";
import type { Values } from "./resolve.ts";

const DEFAULT_PORT = { http: 8500, https: 8501 };

/**
 * What `--store`, `--consul` and their companions come to. Throws E_USAGE for a store that is not understood.
 * `--store` wins over `--consul`; with neither it is the local Consul agent, as Consul's own tools do.
 */
export function storeOptions(values: Values): StoreOptions {
  const url = values["store"];
  if (typeof url !== "string") return consulOptions(text(values["consul"]) ?? "127.0.0.1", values);
  const file = /^file:(?:\/\/(?=\/))?(.+)$/.exec(url)?.[1];
  if (file !== undefined) return { type: "file", path: file };
  const consul = /^consul:\/\/(.+?)\/?$/.exec(url)?.[1];
  if (consul !== undefined) return consulOptions(consul, values);
  throw new AppError("E_USAGE", `--store: "${url}" is not understood`, {
    hint: "write consul://host:port[,host:port] or file:PATH; none is for checkers: with an agent port, or --once",
  });
}

function consulOptions(list: string, values: Values): StoreOptions {
  const https =
    values["tls"] === true || values["scheme"] === "https" || values["ca-file"] !== undefined || /^https:/.test(list);
  const addresses = list.split(",").map((word) => parseAddress(word.trim(), https));
  const optional = {
    ...defined("token", text(values["token"])),
    ...defined("tokenFile", text(values["token-file"])),
    ...defined("datacenter", text(values["datacenter"])),
    ...defined("namespace", text(values["namespace"])),
    ...sessionChecks(text(values["ha-check"])),
  };
  const consistency = (text(values["consistency"]) ?? "default") as Consistency;
  return { type: "consul", addresses, consistency, ...optional, ...(https ? { tls: tlsOptions(values) } : {}) };
}

function sessionChecks(list: string | undefined): { readonly sessionChecks?: readonly string[] } {
  if (list === undefined) return {};
  return { sessionChecks: list.split(",").flatMap((id) => id.trim() || []) };
}

function tlsOptions(values: Values): TlsOptions {
  return {
    verify: values["tls-verify"] !== false && values["client-insecure"] !== true,
    ...defined("caFile", text(values["ca-file"])),
    ...defined("certFile", text(values["cert-file"])),
    ...defined("keyFile", text(values["key-file"])),
    ...defined("serverName", text(values["tls-server-name"])),
  };
}

function parseAddress(word: string, https: boolean): { host: string; port: number } {
  const parts =
    /^(?:https?:\/\/)?(?:\[(?<ip6>[0-9a-fA-F:.]+)\]|(?<name>[A-Za-z0-9_.-]+))(?::(?<port>\d{1,5}))?\/?$/.exec(word);
  const host = parts?.groups?.["ip6"] ?? parts?.groups?.["name"];
  const port = Number(parts?.groups?.["port"] ?? (https ? DEFAULT_PORT.https : DEFAULT_PORT.http));
  if (host === undefined || port < 1 || port > 65_535) {
    throw new AppError("E_USAGE", `"${word}" is not the address of a Consul`, {
      hint: "write host:port, e.g. localhost:8500",
    });
  }
  return { host, port };
}

function text(value: Values[string]): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function defined<K extends string>(key: K, value: string | undefined): { readonly [P in K]?: string } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: string };
}
