/**
 * The small documents of one machine: what survives of a `StableStore` when its process does not.
 *
 * A save takes a drawn time; those of one name take effect in the order called. A crash lets a drawn number of
 * the saves under way happen and the rest not: a document is old or new, never torn.
 */
import type { Prng, StableName, StableStore, Timer } from '@rkv/core';
import type { Life } from '../life/life.ts';
import type { World } from '../world/world.ts';

export interface DocumentsComponents {
  readonly world: World;
  readonly prng: Prng;
  readonly label: string;
  /** How long one save takes, ms. */
  drawSaveMs(): number;
  /** Why what is written now fails, or undefined. */
  drawProblem(): string | undefined;
  /** A save has begun. */
  onSaving(name: StableName): void;
}

interface Save {
  readonly name: StableName;
  readonly bytes: Uint8Array;
  event: Timer | undefined;
}

export class Documents {
  readonly #parts: DocumentsComponents;
  readonly #kept = new Map<StableName, Uint8Array>();
  readonly #lastSaveAt = new Map<StableName, number>();
  /** Under way, in the order called. */
  #saves: Save[] = [];

  constructor(components: DocumentsComponents) {
    this.#parts = components;
  }

  /** The stable store of one life. */
  of(life: Life): StableStore {
    life.whenEnded(() => this.#crash());
    return {
      load: (name) => this.#kept.get(name)?.slice(),
      save: (name, bytes, done) => this.#save(life, { name, bytes, event: undefined }, done),
    };
  }

  remove(names: readonly StableName[]): void {
    for (const name of names) this.#kept.delete(name);
  }

  #save(life: Life, save: Save, done: (error: string | undefined) => void): void {
    const { world, label } = this.#parts;
    const at = Math.max(world.now() + this.#parts.drawSaveMs(), this.#lastSaveAt.get(save.name) ?? 0);
    this.#lastSaveAt.set(save.name, at);
    this.#saves.push(save);
    this.#parts.onSaving(save.name);
    const finish = (): void => {
      this.#saves = this.#saves.filter((other) => other !== save);
      const error = this.#parts.drawProblem();
      if (error === undefined) this.#kept.set(save.name, save.bytes);
      life.perform(() => done(error));
    };
    save.event = world.schedule(at - world.now(), finish, label);
  }

  #crash(): void {
    for (const save of this.#saves) save.event?.cancel();
    const names = new Set(this.#saves.map((save) => save.name));
    for (const name of names) {
      const saves = this.#saves.filter((save) => save.name === name);
      const happened = saves[this.#parts.prng.below(saves.length + 1) - 1];
      if (happened !== undefined && this.#parts.drawProblem() === undefined)
        this.#kept.set(name, happened.bytes);
    }
    this.#parts.world.toll.count('save cut short', this.#saves.length);
    this.#saves = [];
  }
}
