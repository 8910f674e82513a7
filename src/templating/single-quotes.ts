import type { Program, Statement } from "./syntax-tree.ts";
import { templateError } from "./template-error.ts";

/** Where in a line of a HAProxy file the text has got to, as HAProxy's tokenizer sees it. */
type Place = "plain" | "single" | "double" | "comment";

/**
 * Refuses `'{{x}}'` in a template for HAProxy: inside single quotes nothing can be escaped, so the value would arrive
 * with backslashes in it. Throws E_TEMPLATE with file and line.
 */
export function refuseSingleQuotes(program: Program): void {
  after(program, "plain");
}

function after(program: Program, start: Place): Place {
  let place = start;
  for (const statement of program.body) place = afterStatement(statement, place);
  return place;
}

function afterStatement(statement: Statement, place: Place): Place {
  switch (statement.type) {
    case "ContentStatement":
      return afterText(statement.value, place);
    case "MustacheStatement":
      if (place !== "single" || !statement.escaped) return place;
      throw templateError(statement.loc.toJSON?.() ?? "", "HAProxy reads no escapes in single quotes", {
        hint: "Put it in double quotes, or in none: a value is one word without them too.",
      });
    case "BlockStatement": {
      const inverse = statement.inverse === undefined ? place : after(statement.inverse, place);
      return statement.program === undefined ? inverse : after(statement.program, place);
    }
    default:
      return place;
  }
}

function afterText(text: string, start: Place): Place {
  let place = start;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === "\n") place = "plain";
    else if (char === "\\" && place !== "single") i++;
    else place = next(char, place);
  }
  return place;
}

function next(char: string | undefined, place: Place): Place {
  if (place === "single") return char === "'" ? "plain" : place;
  if (place === "double") return char === '"' ? "plain" : place;
  if (place === "comment") return place;
  if (char === "'") return "single";
  if (char === '"') return "double";
  return char === "#" ? "comment" : place;
}
