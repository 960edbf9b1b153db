/**
 * The sources as pages of the site: those that a page or a declaration links to, with numbered lines.
 *
 * Links to them are written by TypeDoc in two ways. "Defined in" follows a template of ours; a link of a page to a file that is
 * no page is taken for a picture and copied to media/. Both are led to source/PATH.html, and the copies are removed.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { PageEvent, type Application } from 'typedoc';

export class SourcePages {
  static readonly TEMPLATE = 'https://source.invalid/{path}#L{line}';

  readonly #root: string;
  readonly #paths = new Set<string>();

  constructor(app: Application, root: string) {
    this.#root = root;
    app.renderer.on(PageEvent.END, (page) => {
      const up = '../'.repeat(page.url.split('/').length - 1);
      const media = page.project.files.getNameToAbsoluteMap();
      page.contents = (page.contents ?? '')
        .replace(/href="https:\/\/source\.invalid\/([^"#]+)/g, (_, path: string) => this.#link(up, path))
        .replace(/href="(?:\.\.\/)*media\/([^"#]+)/g, (whole, name: string) => {
          const path = media.get(name);
          return path === undefined ? whole : this.#link(up, posix.relative(root, path));
        });
    });
  }

  #link(up: string, path: string): string {
    this.#paths.add(path);
    return `href="${up}source/${path}.html`;
  }

  write(site: string): void {
    rmSync(join(site, 'media'), { recursive: true, force: true });
    for (const path of this.#paths) {
      const file = join(site, 'source', `${path}.html`);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, this.#page(path));
    }
  }

  #page(path: string): string {
    const text = readFileSync(join(this.#root, path), 'utf8').trimEnd();
    const lines = text
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .split('\n')
      .map(
        (line, at) => `<span class="line" id="L${at + 1}"><a href="#L${at + 1}">${at + 1}</a>${line}</span>`,
      );
    const up = '../'.repeat(path.split('/').length);
    return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${path} | rkv</title>
<link rel="stylesheet" href="${up}assets/style.css">
<style>
main { padding: 1rem 2rem; }
pre { padding: 1rem 0; }
.line { display: block; min-height: 1.2em; white-space: pre; }
.line > a { display: inline-block; width: 4ch; margin-right: 2ch; text-align: right; opacity: 0.5; user-select: none; }
.line:target { background: var(--color-background-warning); }
</style>
<script>document.documentElement.dataset.theme = localStorage.getItem("tsd-theme") || "os"</script>
</head>
<body>
<main>
<p><a href="${up}index.html">rkv</a></p>
<h1>${path}</h1>
<pre><code>${lines.join('')}</code></pre>
</main>
</body>
</html>
`;
  }
}
