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
  type KeyedModule,
  type KeyedService,
  type QueryOptions,
  type ServiceNode,
} from './service.ts';
export type { AskOptions, Told } from './keyed-request.ts';
export { clientOf, ServiceError, type ClientOf } from './client.ts';
