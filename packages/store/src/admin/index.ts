export * from './api.ts';
export * from './http.ts';
