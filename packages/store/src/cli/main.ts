/**
 * The entry of the executable: the real terminal, the real node, the exit code.
 */
import { rkv } from './program.ts';
import { processTerminal } from './terminal.ts';

const startServer: Parameters<typeof rkv>[1]['startServer'] = async (config, components) => {
  const server = await import('../server/server.ts');
  return server.startServer(config, components);
};

// Whoever reads our output may have had enough of it, as `head` does: nothing is left to be said then.
process.stdout.on('error', () => process.exit(1));

void rkv(process.argv.slice(2), { terminal: processTerminal(), startServer }).then((code) => {
  // What was written to a pipe may still be on its way, so the exit stands in line behind it.
  process.stdout.write('', () => process.exit(code));
});
