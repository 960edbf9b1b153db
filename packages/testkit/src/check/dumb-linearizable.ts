/** The dumb twin of linearization.ts for small histories: tries every order, and remembers nothing. For tests. */
import type { Operation } from '../history/operation.ts';
import type { Model, PrimitiveState } from './model.ts';

export function dumbLinearizable(operations: readonly Operation[], model: Model): boolean {
  const ofKey = model.open();
  const isCertain = ({ outcome }: Operation): boolean => outcome === 'ok';
  const canFinish = (left: readonly Operation[], state: PrimitiveState): boolean =>
    !left.some(isCertain) ||
    left.some((operation) => {
      const precedes = (other: Operation): boolean => isCertain(other) && other.end < operation.begin;
      if (left.some(precedes)) return false;
      const next = ofKey.transition(operation)(state);
      return (
        next !== undefined &&
        canFinish(
          left.filter((other) => other !== operation),
          next,
        )
      );
    });
  return canFinish(
    operations.filter(({ outcome }) => outcome !== 'failed'),
    ofKey.initial,
  );
}
