import type { TemplateResource } from "../core/resource.ts";

/** What has to be watched for all resources together, each prefix or key once. */
export function prefixesOf(resources: readonly TemplateResource[]): readonly string[] {
  return [...new Set(resources.flatMap((resource) => resource.keys))];
}
