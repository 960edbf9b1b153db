/** What a source file says of itself, for pages that are written from it: drawings, constants, lists and message kinds. */
import ts from 'typescript';

export interface Declared {
  readonly name: string;
  readonly value: number | undefined;
  /** The doc comment in one line, or nothing. */
  readonly says: string;
}

/** One message of a union: its `kind`, and its other fields; those that may be left out end in a question mark. */
export interface Kind {
  readonly kind: string;
  readonly fields: readonly string[];
}

export class SourceText {
  readonly #path: string;
  readonly #file: ts.SourceFile;

  constructor(path: string, text: string) {
    this.#path = path;
    this.#file = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true);
  }

  /** The drawing in the header: what stands there between the fences. */
  drawing(): string {
    const header = /^\/\*\*[^]*?\*\//.exec(this.#file.text)?.[0] ?? '';
    const drawing = /^ \* ```\n([^]*?)^ \* ```$/m.exec(header)?.[1];
    return this.#found(drawing, 'a drawing in the header')
      .replace(/^ \* ?/gm, '')
      .trimEnd();
  }

  /** `const NAME = number`, exported or not. */
  constant(name: string): Declared {
    const { declaration, statement } = this.#variable(name);
    return { name, value: valueOf(declaration.initializer), says: commentOf(statement) };
  }

  /** The properties of `const NAME = { a: 1, ... }`, in the order in which they stand. */
  table(name: string): Declared[] {
    const initializer = bare(this.#variable(name).declaration.initializer);
    if (initializer === undefined || !ts.isObjectLiteralExpression(initializer))
      return this.#missing(`a table ${name}`);
    return initializer.properties.filter(ts.isPropertyAssignment).map((property) => ({
      name: property.name.getText(this.#file),
      value: valueOf(property.initializer),
      says: commentOf(property),
    }));
  }

  /** The texts of `const NAME = ['a', ...]`. */
  list(name: string): string[] {
    const initializer = bare(this.#variable(name).declaration.initializer);
    if (initializer === undefined || !ts.isArrayLiteralExpression(initializer))
      return this.#missing(`a list ${name}`);
    return initializer.elements.filter(ts.isStringLiteral).map((element) => element.text);
  }

  /** The members of a union of interfaces of this file, and of unions in it, in its order. */
  kinds(union: string): Kind[] {
    const alias = this.#file.statements.find(
      (each) => ts.isTypeAliasDeclaration(each) && each.name.text === union,
    );
    if (alias === undefined || !ts.isTypeAliasDeclaration(alias)) return this.#missing(`a type ${union}`);
    const parts = ts.isUnionTypeNode(alias.type) ? [...alias.type.types] : [alias.type];
    return parts.flatMap((part) => {
      const name = part.getText(this.#file);
      const members = this.#interface(name);
      if (members === undefined) return this.kinds(name);
      const kind = members.find((member) => member.name.getText(this.#file) === 'kind')?.type;
      if (kind === undefined || !ts.isLiteralTypeNode(kind) || !ts.isStringLiteral(kind.literal))
        return this.#missing(`a kind in ${name}`);
      const fields = members.filter(({ type }) => type !== kind).map((member) => this.#fieldName(member));
      return [{ kind: kind.literal.text, fields }];
    });
  }

  /** With what it inherits from others of this file, which comes first. */
  #interface(name: string): ts.PropertySignature[] | undefined {
    const found = this.#file.statements.find(
      (each) => ts.isInterfaceDeclaration(each) && each.name.text === name,
    );
    if (found === undefined || !ts.isInterfaceDeclaration(found)) return undefined;
    const inherited = (found.heritageClauses ?? []).flatMap((clause) =>
      clause.types.flatMap((type) => this.#interface(type.getText(this.#file)) ?? []),
    );
    return [...inherited, ...found.members.filter(ts.isPropertySignature)];
  }

  #fieldName(member: ts.PropertySignature): string {
    return `${member.name.getText(this.#file)}${member.questionToken === undefined ? '' : '?'}`;
  }

  #variable(name: string): { declaration: ts.VariableDeclaration; statement: ts.VariableStatement } {
    for (const statement of this.#file.statements.filter(ts.isVariableStatement)) {
      for (const declaration of statement.declarationList.declarations)
        if (declaration.name.getText(this.#file) === name) return { declaration, statement };
    }
    return this.#missing(`a constant ${name}`);
  }

  #found<T>(value: T | undefined, what: string): T {
    return value === undefined ? this.#missing(what) : value;
  }

  #missing(what: string): never {
    throw new Error(`${this.#path} has not ${what} any more: mend scripts/docs/protocol.ts`);
  }
}

/** Without `as const` and parentheses. */
function bare(node: ts.Expression | undefined): ts.Expression | undefined {
  if (node !== undefined && (ts.isAsExpression(node) || ts.isParenthesizedExpression(node)))
    return bare(node.expression);
  return node;
}

/** Of a number, and of sums and products of them. */
function valueOf(node: ts.Expression | undefined): number | undefined {
  const plain = bare(node);
  if (plain === undefined) return undefined;
  if (ts.isNumericLiteral(plain)) return Number(plain.text);
  if (!ts.isBinaryExpression(plain)) return undefined;
  const [left, right] = [valueOf(plain.left), valueOf(plain.right)];
  if (left === undefined || right === undefined) return undefined;
  if (plain.operatorToken.kind === ts.SyntaxKind.PlusToken) return left + right;
  return plain.operatorToken.kind === ts.SyntaxKind.AsteriskToken ? left * right : undefined;
}

function commentOf(node: ts.Node): string {
  const text = ts
    .getJSDocCommentsAndTags(node)
    .filter(ts.isJSDoc)
    .map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? '');
  return text.join(' ').replace(/\s+/g, ' ').trim();
}
