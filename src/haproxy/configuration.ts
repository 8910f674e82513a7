import { type Stretch, stretchesOf } from "./layout.ts";
import { nameOf, readSection, type Section } from "./section.ts";

/** A configuration with its sections, each read in full when first asked for. */
export interface Configuration {
  readonly text: string;
  readonly stretches: readonly Stretch[];
  /** The `defaults` sections. */
  readonly defaults: readonly Stretch[];
  section(stretch: Stretch): Section;
  /** The second word of the line that begins the section. */
  name(stretch: Stretch): string;
  /** The text of the section, for comparing. */
  raw(stretch: Stretch): string;
}

/** Finds the sections of a configuration; reads none of them yet. */
export function createConfiguration(text: string): Configuration {
  const sections = new Map<Stretch, Section>();
  const names = new Map<Stretch, string>();
  const stretches = stretchesOf(text);
  return {
    text,
    stretches,
    defaults: stretches.filter(({ keyword }) => keyword === "defaults"),
    section(stretch) {
      const section = sections.get(stretch) ?? readSection(text, stretch);
      sections.set(stretch, section);
      return section;
    },
    name(stretch) {
      const name = names.get(stretch) ?? nameOf(text, stretch);
      names.set(stretch, name);
      return name;
    },
    raw: (stretch) => text.slice(stretch.start, stretch.end),
  };
}
