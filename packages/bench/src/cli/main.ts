/** The entry of the executable: the real terminal, the real signals, the exit code. */
import { benchCommand } from './program.ts';
import { processTerminal, processInterrupts } from './process.ts';

void benchCommand(process.argv.slice(2), {
  terminal: processTerminal(),
  onInterrupt: processInterrupts,
}).then((code) => {
  // What was written to a pipe may still be on its way, so the exit stands in line behind it.
  process.stdout.write('', () => process.exit(code));
});
