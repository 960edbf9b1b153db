export * from './admin-error.ts';
export * from './api.ts';
export * from './http.ts';
export * from './load-view.ts';
