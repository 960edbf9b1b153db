/**
 * `npm run docs`: the site in site/ - the pages of this repository, and the reference of all that the packages export.
 *
 * One program of the compiler sees all packages by their sources, so a type of another package is a link like any other.
 * A warning is an error here: a link that leads nowhere, a `{@link}` that names nothing, a public thing that nobody has
 * described, a type that the public API shows and no package exports. In the end every link of every page that was written is
 * followed once more, as a browser would.
 *
 * Nothing of it needs the net, and what is built can be opened from the disk.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Application, type ProjectReflection } from 'typedoc';
import { describeByHeader, undescribed } from './described.ts';
import { deadLinks, pagesUnder, treeAt } from './links.ts';
import { leaveDrawingsPlain, nameDocuments } from './documents.ts';
import { deadLinksOfSite } from './site-links.ts';
import { SourcePages } from './source-pages.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const site = join(root, 'site');

/** Where each package, or each part of one that is imported by a name of its own, begins. */
const ENTRY_POINTS = [
  'packages/core/src/index.ts',
  'packages/core/src/testing/index.ts',
  'packages/store/src/index.ts',
  'packages/testkit/src/index.ts',
  'packages/bench/src/index.ts',
];
/** By package: what shows in a signature and is nobody's business outside, as `file:name`. One that does not show is an error. */
const INTERNAL: Readonly<Record<string, readonly string[]>> = {
  '@rkv/core': [
    'handoff/receiver.ts:HandoffReceiver',
    'exchange/exchange-manager.ts:ExchangeManager',
    'handoff/rate.ts:Rate',
    'host/file-stable-store.ts:Done',
    'membership/peers.ts:Peers',
    'vnode/mailbox.ts:Slot',
  ],
  '@rkv/store': ['config/address.ts:Address', 'kv/item-trees.ts:KvItemTrees'],
  '@rkv/testkit': [
    'network/connection.ts:Connection',
    'network/connection.ts:ConnectionInit',
    'network/connection.ts:Party',
    'network/transport.ts:Verdict',
  ],
  '@rkv/bench': ['load/crew.ts:Load'],
};

async function main(): Promise<void> {
  const pages = pagesUnder(root).filter((page) => page !== 'README.md');
  const app = await Application.bootstrap({
    name: 'rkv',
    readme: join(root, 'README.md'),
    entryPoints: ENTRY_POINTS.map((path) => join(root, path)),
    projectDocuments: pages.map((path) => join(root, path)),
    tsconfig: join(root, 'tsconfig.docs.json'),
    basePath: root,
    displayBasePath: root,
    // What this clone has is what is shown: links to the sources lead to pages of the site itself.
    disableGit: true,
    gitRevision: 'none',
    sourceLinkTemplate: SourcePages.TEMPLATE,
    excludePrivate: true,
    excludeInternal: true,
    excludeExternals: true,
    sort: ['kind', 'instance-first', 'alphabetical'],
    categoryOrder: ['Guides', 'Tutorial', 'Reference', 'Packages', 'Decisions', '*'],
    defaultCategory: 'Reference',
    includeHierarchySummary: false,
    navigation: { includeCategories: true, includeGroups: false, includeFolders: false },
    searchInComments: true,
    searchInDocuments: true,
    githubPages: false,
    hideGenerator: true,
    customCss: join(root, 'scripts/docs/site.css'),
    lightHighlightTheme: 'github-light',
    darkHighlightTheme: 'github-dark',
    highlightLanguages: ['ts', 'js', 'json', 'bash', 'yaml', 'diff'],
    headings: { readme: false, document: true },
    validation: {
      notExported: true,
      invalidLink: true,
      invalidPath: true,
      notDocumented: false, // described.ts asks for more where it matters, and less where types say all
      rewrittenLink: true,
      unusedMergeModuleWith: true,
    },
  });
  nameDocuments(app, root);
  leaveDrawingsPlain(app);
  describeByHeader(app);
  const sources = new SourcePages(app, root);

  const project = await app.convert();
  if (project === undefined) throw new Error('the sources do not compile: npm run types tells more');
  const complaints = [
    ...pagesUnder(root).flatMap((page) => deadLinks(page, treeAt(root))),
    ...undescribed(project),
  ];
  validateEach(app, project);
  rmSync(site, { recursive: true, force: true });
  await app.generateDocs(project, site);
  sources.write(site);
  complaints.push(...deadLinksOfSite(site));

  for (const complaint of complaints) process.stderr.write(`${complaint}\n`);
  const failed = complaints.length > 0 || app.logger.hasErrors() || app.logger.hasWarnings();
  process.stdout.write(failed ? 'The site has the faults above.\n' : 'The site is in site/index.html.\n');
  process.exitCode = failed ? 1 : 0;
}

/** TypeDoc looks for types that are not exported in the package that the whole project bears the name of, hence one by one. */
function validateEach(app: Application, project: ProjectReflection): void {
  for (const [name, internal] of Object.entries(INTERNAL)) {
    project.packageName = name;
    app.options.setValue('intentionallyNotExported', [...internal]);
    app.validate(project);
  }
}

await main();
