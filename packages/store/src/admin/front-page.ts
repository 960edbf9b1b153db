/**
 * What a browser gets at `/`: where it is, and where the facts are.
 */
const LINKS: readonly (readonly [path: string, what: string])[] = [
  ['/api/status', 'the members of the cluster'],
  ['/api/ring', 'the ring: who owns which partition'],
  ['/api/transfers', 'what moves between the nodes now'],
  ['/api/key?key=hello', 'where a key lives, here the key hello'],
  ['/readyz', 'whether this node can serve'],
  ['/metrics', 'figures for a monitor'],
];

export function describeFrontPage(node: string): string {
  const links = LINKS.map(([path, what]) => `<li><a href="${path}">${path}</a> ${what}</li>`).join('\n');
  const title = `rkv node ${escapeHtml(node)}`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${title}</title>
<h1>${title}</h1>
<p>This node is a member of an rkv cluster, a masterless, replicated key-value store that speaks Redis.
This is its door for operators and for the command <code>rkv</code>:</p>
<ul>
${links}
</ul>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}
