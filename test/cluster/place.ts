/** Where a node runs, and how its HTTP door is asked there. */

export interface HttpInit {
  readonly method?: 'GET' | 'POST';
  readonly body?: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

export interface Place {
  /** The address of its cluster and Redis doors; its HTTP door is on the loopback of the place. */
  readonly host: string;
  /** A command that runs the command behind it there. */
  readonly enter: readonly string[];
  /** One request from within the place. */
  readonly ask: (url: string, init: HttpInit) => Promise<HttpAnswer>;
}

/** This machine as it is. */
export const HERE: Place = {
  host: '127.0.0.1',
  enter: [],
  async ask(url, init) {
    const answer = await fetch(url, init);
    return { status: answer.status, text: await answer.text() };
  },
};
