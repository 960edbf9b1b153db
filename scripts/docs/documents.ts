/** The pages of the repository as documents of the site: each is called what its first heading says, and has a category. */
import { posix } from 'node:path';
import {
  Comment,
  CommentTag,
  Converter,
  MarkdownEvent,
  type Application,
  type DocumentReflection,
} from 'typedoc';

export function nameDocuments(app: Application, root: string): void {
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_context, document: DocumentReflection) => {
    const path = posix.relative(root, document.project.files.getReflectionPath(document) ?? '');
    const [first] = document.content;
    const heading = /^\s*# (.+)\n/.exec(first?.kind === 'text' ? first.text : '');
    if (first === undefined || heading === null) throw new Error(`${path} does not begin with a heading`);
    document.name = nameOf(path, heading[1] as string);
    first.text = first.text.slice(heading[0].length); // the name is the heading of its page
    document.comment ??= new Comment();
    document.comment.blockTags.push(new CommentTag('@category', [{ kind: 'text', text: categoryOf(path) }]));
  });
}

/** Names stand in the order of letters, so chapters have two digits. */
function nameOf(path: string, heading: string): string {
  return path.startsWith('examples/') ? `Example: ${heading}` : heading.replace(/^\d\. /, '0$&');
}

/** A block that names no language is a drawing, or what a terminal shows. TypeDoc would colour it as TypeScript. */
export function leaveDrawingsPlain(app: Application): void {
  const beforeAllOthers = 1_000;
  app.renderer.on(
    MarkdownEvent.PARSE,
    (event) => {
      event.parsedText = event.parsedText.replace(
        /^( *)```([^\n`]*)\n([^]*?)^ *```/gm,
        (block, indent: string, info: string, text: string) =>
          info === '' ? `${indent}\`\`\`text\n${text}${indent}\`\`\`` : block,
      );
    },
    beforeAllOthers,
  );
}

function categoryOf(path: string): string {
  if (path.startsWith('docs/decisions/')) return 'Decisions';
  if (path.startsWith('docs/tutorial/')) return 'Tutorial';
  if (path.startsWith('docs/')) return 'Guides';
  return 'Packages';
}
