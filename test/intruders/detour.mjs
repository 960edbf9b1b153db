/**
 * Loaded into a node by `node --import detour.mjs?20001=20002`: what it dials at port 20001 it gets at port 20002, as if
 * somebody sat on the wire. The node itself is the one that is shipped and knows nothing of it.
 */
import { Socket } from 'node:net';

const detours = new URL(import.meta.url).searchParams;
const { connect } = Socket.prototype;

Socket.prototype.connect = function connectByDetour(...args) {
  // node:net hands on what it has normalised: an array of options and callback.
  const [first] = args;
  const options = Array.isArray(first) ? first[0] : first;
  const port = detours.get(String(options?.port));
  if (port !== null) options.port = Number(port);
  return connect.apply(this, args);
};
