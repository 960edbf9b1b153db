/** What an operator is told when something did not come about. */

/** What is known of a request that did not succeed; fields that do not apply are left out. */
export interface ErrorFacts {
  /** True: it surely did not happen. False: it may have, or may yet. */
  readonly definite?: boolean;
  /** How many replicas had to answer, how many did, and which nodes those were. */
  readonly needed?: number;
  readonly got?: number;
  readonly from?: readonly string[];
}

/** An outcome that the operator has to hear about: the code is API, the message is for people. */
export class AdminError extends Error {
  readonly code: string;
  readonly facts: ErrorFacts;
  constructor(code: string, message: string, facts: ErrorFacts = {}) {
    super(message);
    this.name = 'AdminError';
    this.code = code;
    this.facts = facts;
  }
}
