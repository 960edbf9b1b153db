/**
 * Part of `npm run types`: tsconfig.tests.json checked, and with it what a linter needs types for - a promise that
 * nobody waits for, and whose failure nobody would hear of (no-floating-promises).
 *
 * A statement whose value is a promise, or a list of them, must be awaited, returned, kept, given a `catch` (or the second
 * function of a `then`), or marked with `void` by someone who knows that it cannot fail. The compiler's own API tells, so no
 * second type checker has to be installed, and one pass over the program serves for both.
 *
 * Not here: async functions handed to someone who expects nothing back, such as `forEach`.
 */
import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** A line for each, as `path:line: the statement`. `isOurs` says which files to look at. */
export function floatingPromises(program: ts.Program, isOurs: (file: string) => boolean): string[] {
  const checker = program.getTypeChecker();
  const found: string[] = [];
  for (const file of program.getSourceFiles()) {
    if (file.isDeclarationFile || !isOurs(file.fileName)) continue;
    const visit = (node: ts.Node): void => {
      if (ts.isExpressionStatement(node) && floats(node.expression, checker))
        found.push(describe(node, file));
      ts.forEachChild(node, visit);
    };
    visit(file);
  }
  return found;
}

function floats(expression: ts.Expression, checker: ts.TypeChecker): boolean {
  if (ts.isParenthesizedExpression(expression)) return floats(expression.expression, checker);
  if (ts.isConditionalExpression(expression))
    return floats(expression.whenTrue, checker) || floats(expression.whenFalse, checker);
  if (ts.isBinaryExpression(expression))
    return !isAssignment(expression.operatorToken.kind) && floats(expression.right, checker);
  if (ts.isCallExpression(expression) && isHandled(expression, checker)) return false;
  const type = checker.getTypeAtLocation(expression);
  const item = checker.getIndexTypeOfType(type, ts.IndexKind.Number);
  return [type, item].some((each) => each !== undefined && isThenable(each, expression, checker));
}

/** Whether this call is the one that takes care of a promise's failure. */
function isHandled({ expression, arguments: given }: ts.CallExpression, checker: ts.TypeChecker): boolean {
  if (!ts.isPropertyAccessExpression(expression)) return false;
  const method = expression.name.text;
  if (method === 'finally') return !floats(expression.expression, checker);
  return (method === 'catch' && given.length > 0) || (method === 'then' && given.length > 1);
}

function isAssignment(operator: ts.SyntaxKind): boolean {
  return operator >= ts.SyntaxKind.FirstAssignment && operator <= ts.SyntaxKind.LastAssignment;
}

function isThenable(type: ts.Type, at: ts.Node, checker: ts.TypeChecker): boolean {
  const parts = type.isUnion() ? type.types : [type];
  return parts.some((part) => {
    const then = part.getProperty('then');
    return then !== undefined && checker.getTypeOfSymbolAtLocation(then, at).getCallSignatures().length > 0;
  });
}

function describe(statement: ts.Statement, file: ts.SourceFile): string {
  const { line } = file.getLineAndCharacterOfPosition(statement.getStart(file));
  return `${relative(process.cwd(), file.fileName)}:${line + 1}: ${statement.getText(file).split('\n')[0]}`;
}

function main(): void {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const { config } = ts.readConfigFile(`${root}/tsconfig.tests.json`, (path) => ts.sys.readFile(path));
  const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  if (fileNames.length === 0) throw new Error('tsconfig.tests.json names no files');
  const program = ts.createProgram(fileNames, options);

  const errors = ts.getPreEmitDiagnostics(program);
  process.stderr.write(
    ts.formatDiagnostics(errors, { ...ts.sys, getCanonicalFileName: (name) => name, getNewLine: () => '\n' }),
  );
  const floating = floatingPromises(program, (file) => !file.includes('/node_modules/'));
  for (const line of floating)
    process.stderr.write(`${line} -> nobody waits: await, return, catch, or mark with void\n`);
  process.exitCode = errors.length + floating.length === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
