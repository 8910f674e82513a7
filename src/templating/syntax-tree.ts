/** Handlebars' syntax tree, as far as this folder reads or changes it (Handlebars' docs/compiler-api.md). */
export interface Program {
  type: "Program";
  body: Statement[];
  blockParams?: string[];
  loc: Location;
}

/** Where a node stands in its file. What `toJSON` returns is what the compiled code hands to helpers as `loc`. */
export interface Location {
  readonly source: string;
  readonly start: Position;
  readonly end: Position;
  toJSON?: () => string;
}

export interface Position {
  readonly line: number;
  readonly column: number;
}

interface Node<Type extends string> {
  readonly type: Type;
  loc: Location;
}

/** A call of a helper, or a mere path. */
export interface Call {
  path: Expression;
  params: Expression[];
  hash?: { readonly pairs: readonly { readonly key: string; readonly value: Expression }[]; loc: Location } | undefined;
}

export type Content = Node<"ContentStatement"> & { readonly value: string; readonly original: string };
export type Mustache = Node<"MustacheStatement"> & Call & { readonly escaped: boolean };
export type Block = Node<"BlockStatement"> &
  Call & { program?: Program | undefined; inverse?: Program | undefined; openStrip: object; closeStrip: object };
export type Partial = Node<"PartialStatement"> & {
  readonly name: Expression;
  readonly params: Expression[];
  readonly hash?: Call["hash"];
  readonly indent: string;
};
export type SubExpression = Node<"SubExpression"> & Call;
export type PathExpression = Node<"PathExpression"> & {
  readonly original: string;
  readonly parts: readonly string[];
  readonly depth: number;
  readonly data: boolean;
};
export type Literal = Node<"StringLiteral" | "NumberLiteral"> & {
  readonly value: string | number;
  readonly original: string | number;
};
export type OtherExpression = Node<"BooleanLiteral" | "NullLiteral" | "UndefinedLiteral">;
export type Unsupported = Node<"PartialBlockStatement" | "Decorator" | "DecoratorBlock">;
export type Comment = Node<"CommentStatement">;

export type Statement = Content | Mustache | Block | Partial | Comment | Unsupported;
export type Expression = SubExpression | PathExpression | Literal | OtherExpression;
