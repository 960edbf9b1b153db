export type {
  ChangeHandler,
  Changed,
  CommandContext,
  CommandsOf,
  QueriesOf,
  ReadHandler,
  ServiceDefinition,
  ValueCodec,
} from './definition.ts';
export {
  keyedService,
  type ArgsOf,
  type KeyedModule,
  type ReplyOf,
  type KeyedService,
  type QueryOptions,
  type ServiceNode,
} from './service.ts';
export type { AskOptions, KeyedPort, Told } from './keyed-request.ts';
export { clientOf, ServiceError, type ClientOf } from './client.ts';
export type { KeyedCommand, KeyedReply } from './keyed-wire.ts';
