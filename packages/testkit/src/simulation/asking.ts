/** A command of a keyed service as what clients of a play do. */
import type { KeyedService } from '@rkv/core';
import type { Json } from '../history/operation.ts';
import type { SimOperation } from './clients.ts';

/** `argsOf`: what is given to the command, made of what goes into the model. By default just that, if anything does. */
export function asking<Face, Value, Queries, Name extends keyof Face & string>(
  service: KeyedService<Face, Value, Queries>,
  command: Name,
  argsOf: (input: Json | undefined, client: string) => readonly unknown[] = (input) =>
    input === undefined ? [] : [input],
): SimOperation['ask'] {
  return ({ node, key, input, client }, done) => {
    const args = argsOf(input, client) as Parameters<typeof service.ask<Name>>[3];
    service.ask(node, key, command, args, (told) =>
      done('ok' in told ? { ok: told.ok as Json | undefined } : told),
    );
  };
}
