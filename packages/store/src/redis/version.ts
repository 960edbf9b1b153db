/** The Redis whose behaviour and error texts this door follows. Clients choose what to use by it. */
export const REDIS_VERSION = '7.0.15';
