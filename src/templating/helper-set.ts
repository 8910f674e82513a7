import { collectionHelpers } from "./collection-helpers.ts";
import type { HelperFunction } from "./container.ts";
import { encodingHelpers } from "./encoding-helpers.ts";
import { callable, type Helper, type Helpers } from "./helper.ts";
import { kvHelpers } from "./kv-helpers.ts";
import { logicHelpers, logicParams } from "./logic-helpers.ts";
import { type Machine, machineHelpers } from "./machine-helpers.ts";
import { numberHelpers } from "./number-helpers.ts";
import { partialHelpers } from "./partial-helpers.ts";
import { regexHelpers } from "./regex-helpers.ts";
import { createEachRemembered, EACH_REMEMBERED } from "./remembered-blocks.ts";
import type { Scope } from "./scope.ts";
import { stringHelpers } from "./string-helpers.ts";

/** What the helpers of one engine are made from. */
export interface HelperSources {
  readonly machine: Machine;
  readonly include: Helper;
  /** The render that is going on. */
  readonly current: () => Scope;
}

/** Every helper that a template may name. */
export interface HelperSet {
  readonly functions: Readonly<Record<string, HelperFunction>>;
  /** Its parameters, in the form of {@link Helper.params}. */
  readonly params: Readonly<Record<string, string>>;
  /** Those whose result may change though their arguments stay the same. */
  readonly impure: ReadonlySet<string>;
}

/** The helpers of one engine. */
export function createHelpers({ machine, include, current }: HelperSources): HelperSet {
  const { getenv, ...changing } = machineHelpers(machine);
  const impure: Helpers = { ...kvHelpers, ...changing, include };
  const helpers: Helpers = {
    ...impure,
    getenv,
    ...stringHelpers,
    ...regexHelpers,
    ...numberHelpers,
    ...collectionHelpers,
    ...encodingHelpers,
  };
  const simple = Object.entries(helpers);
  return {
    functions: {
      ...logicHelpers,
      ...partialHelpers,
      [EACH_REMEMBERED]: createEachRemembered(),
      ...Object.fromEntries(simple.map(([name, helper]) => [name, callable(name, helper, current)])),
    },
    impure: new Set(Object.keys(impure)),
    params: { ...logicParams, ...Object.fromEntries(simple.map(([name, helper]) => [name, helper.params])) },
  };
}
