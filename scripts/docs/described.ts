/**
 * Whether all that the packages export is described.
 *
 * A file opens with its idea. Where the file bears the name of what it exports (`node.ts` and `Node`), that is the
 * description too, unless there is another one at the declaration itself.
 *
 * Asked for: a description of every class, function, interface, type and constant. Not of each property and method: where the
 * name and the type say all there is to say, a sentence beside them would only say it again.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import {
  Comment,
  Converter,
  MinimalSourceFile,
  normalizePath,
  type Application,
  type DeclarationReflection,
  type ProjectReflection,
} from 'typedoc';

export function describeByHeader(app: Application): void {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const exported of exportsOf(project)) {
      const file = exported.sources?.[0]?.fullFileName;
      if (file === undefined || isDescribed(exported) || kebab(exported.name) !== basename(file, '.ts'))
        continue;
      const header = headerOf(readFileSync(file, 'utf8'));
      if (header === undefined) continue;
      const source = new MinimalSourceFile(header, normalizePath(file));
      exported.comment = new Comment(app.converter.parseRawComment(source, project.files).content);
    }
  });
}

/** A line for each thing that is exported without a word. */
export function undescribed(project: ProjectReflection): string[] {
  return exportsOf(project)
    .filter((exported) => !isDescribed(exported))
    .map((exported) => {
      const [source] = exported.sources ?? [];
      return `${source?.fileName}:${source?.line}: ${exported.name} is exported -> say what it is`;
    });
}

function exportsOf(project: ProjectReflection): DeclarationReflection[] {
  return (project.children ?? []).flatMap((module) =>
    (module.children ?? []).filter((child) => child.isDeclaration()),
  );
}

function isDescribed(exported: DeclarationReflection): boolean {
  return exported.hasComment() || (exported.signatures ?? []).some((signature) => signature.hasComment());
}

function kebab(name: string): string {
  return name.replace(/(?<!^)(?=[A-Z])/g, '-').toLowerCase();
}

function headerOf(text: string): string | undefined {
  const header = /^\/\*\*([^]*?)\*\//.exec(text)?.[1];
  return header?.replace(/^ *\* ?/gm, '').trim();
}
