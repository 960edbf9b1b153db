/**
 * The shared secret, and what is made of it: proofs for the handshake, a key for the records of one connection.
 *
 * Several secrets may be known at once while they are exchanged across a cluster: a node proves with its first
 * one and believes proofs made with any. From `old` to `new` on running clusters: every node `old, new`, then
 * every node `new, old`, then every node `new`; neighbours understand each other at each step.
 * With no secret, proofs are made with an empty key: a checksum of the handshake that proves nothing.
 *
 * Source: HMAC-SHA256 (RFC 2104), HKDF (RFC 5869). A secret is never used itself: one key is derived from it per use.
 */
import { createHmac, createSecretKey, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { assert } from '../base/assert.ts';

export const PROOF_BYTES = 32;

/** Who proves what. The roles differ so that no proof can be shown back to the one that made it. */
export type ProofRole = 'acceptor' | 'dialer' | 'ready';

export class SharedKey {
  #proofKey: Uint8Array;
  #recordSecret: Uint8Array | undefined;

  /** Undefined: the key of a cluster without a secret. */
  constructor(secret: string | undefined) {
    assert(secret !== '', 'a shared secret is not empty');
    this.#proofKey = secret === undefined ? new Uint8Array(0) : derive(secret, '', 'rkv handshake proof');
    this.#recordSecret = secret === undefined ? undefined : derive(secret, '', 'rkv record secret');
  }

  prove(role: ProofRole, transcript: Uint8Array): Uint8Array {
    return createHmac('sha256', this.#proofKey).update(role).update(transcript).digest();
  }

  proves(proof: Uint8Array, role: ProofRole, transcript: Uint8Array): boolean {
    return proof.length === PROOF_BYTES && timingSafeEqual(proof, this.prove(role, transcript));
  }

  /** The key for the records of the connection with this transcript; undefined when records carry no proof. */
  recordKey(transcript: Uint8Array): KeyObject | undefined {
    if (this.#recordSecret === undefined) return undefined;
    return createSecretKey(derive(this.#recordSecret, transcript, 'rkv records, dialer to acceptor'));
  }
}

export class Keyring {
  readonly #keys: readonly SharedKey[];
  /** Whether there is a secret at all. */
  readonly secret: boolean;

  constructor(secrets: readonly string[]) {
    this.secret = secrets.length > 0;
    this.#keys = this.secret ? secrets.map((secret) => new SharedKey(secret)) : [new SharedKey(undefined)];
  }

  /** The one to prove with. */
  get first(): SharedKey {
    return this.#keys[0] as SharedKey;
  }

  /** The key with which this proof was made, if it is one of ours. */
  keyOf(proof: Uint8Array, role: ProofRole, transcript: Uint8Array): SharedKey | undefined {
    return this.#keys.find((key) => key.proves(proof, role, transcript));
  }
}

function derive(secret: string | Uint8Array, salt: string | Uint8Array, use: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, salt, use, 32));
}
